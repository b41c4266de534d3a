"""Rewriting history: an entry is changed, and then the whole ledger is made anew without the raid, shorter and longer than it was.

Owns that act. Whoever edits has the centre's disk and its signing key, so that every hash and every signature of theirs is good:
what remains are the witnesses, of whom only an answered conflict is a refusal, and whoever kept a checkpoint.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wayseal.ledger.check import read_vkeys, verify_ledger
from wayseal.ledger.checkpoint import log_keys
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.policy import Policy, parse_policy
from wayseal.ledger.publish import HistoryRefused, WitnessAhead, publish_checkpoint
from wayseal.ledger.reader import FILE_NAME
from wayseal.model.errors import LedgerBroken
from wayseal.station.witnessing import POLICY
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Found, Outcome

TRACES = ("alarm", "canary-hit", "open-intent", "open-done", "render")
"""What a thief wants gone."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the witnesses made of one history: enough signed it, enough refused it for a conflict, or neither."""

    signed: bool
    refused: bool
    conflicts: int
    silent: int

    def describe(self) -> str:
        """Return it in words."""
        if self.signed:
            return "signed"
        return f"{self.conflicts} found a conflict" + (f", {self.silent} silent" if self.silent else "")


def edit_ledger(stage: Stage) -> Found:
    """Drop the traces of the raid, sign the shorter history and then a longer one, and show each to the witnesses."""
    site = stage.site
    honest = show_witnesses(stage, site.ledger)
    kept = site.ledger.latest_checkpoint(cosigned=True) if stage.seams.witnessed else None
    known = [] if kept is None else [kept]
    copy = _copy_ledger(stage)
    untouched = _contradicts(copy / FILE_NAME, read_vkeys(copy), known)
    _change_actor(copy / FILE_NAME)
    edited = _contradicts(copy / FILE_NAME, read_vkeys(copy), known)
    keys = log_keys(site.ledger.origin, site.keys.log_signer)
    sizes, heard, clumsy, contradicted = [site.ledger.size], list[Heard](), False, True
    for forged in _forge_histories(stage):
        sizes.append(forged.size)
        heard.append(show_witnesses(stage, forged))
        clumsy |= _contradicts(forged.folder / FILE_NAME, keys, [])
        contradicted &= _contradicts(forged.folder / FILE_NAME, keys, known)
    evidence = {
        "edited_row_found": edited, "entries_before": sizes[0], "entries_after": sizes[1:], "witnesses": len(stage.bench.urls),
        "honest_history": honest.describe(), "witnesses_refused": all(one.refused for one in heard),
        "forged_histories": [one.describe() for one in heard], "contradicts_a_kept_checkpoint": contradicted,
    }  # fmt: skip
    faults = {
        "edit-unfound": not edited, "honest-history-refused": not honest.signed or untouched,
        "rewriting-signed": any(one.signed for one in heard), "rewriting-unfound": not contradicted,
        "witnesses-silent": not all(one.signed or one.refused for one in heard), "forgery-clumsy": clumsy,
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def show_witnesses(stage: Stage, ledger: Ledger) -> Heard:
    """Let the witnesses see a history of the site's name and key. Those who do not answer have neither signed nor refused."""
    file = stage.site.ledger.folder / POLICY
    policy = parse_policy(file.read_bytes()) if stage.seams.witnessed else Policy(quorum="none")
    done = publish_checkpoint(ledger, stage.site.keys.log_signer, policy)
    conflicts = {
        url for url, error in done.failures.items() if isinstance(error, HistoryRefused | WitnessAhead)
    }
    return Heard(
        signed=done.quorum, refused=not policy.is_quorum(_may_sign(policy, conflicts)), conflicts=len(conflicts),
        silent=len(done.failures.keys() - conflicts),
    )  # fmt: skip


def _may_sign(policy: Policy, conflicts: set[str]) -> Iterator[VerifierKey]:
    """Yield the keys of the witnesses who found no conflict: whoever is silent may sign tomorrow."""
    for party in policy.witnesses.values():
        if party.url is None or party.url.rstrip("/") not in conflicts:
            yield party.key


def _change_actor(file: Path) -> None:
    """Let somebody else have asked for the newest picture that was asked for, in the rows of a ledger."""
    with _open_file(file) as database:
        database.execute("DROP TRIGGER IF EXISTS entries_no_update")
        number, actor, data = database.execute(
            "SELECT number, actor, data FROM entries WHERE type = 'open-intent' ORDER BY number DESC LIMIT 1"
        ).fetchone()
        other = bytes(data).replace(f'"actor":"{actor}"'.encode(), b'"actor":"somebody-else"')
        database.execute(
            "UPDATE entries SET data = ?, actor = 'somebody-else' WHERE number = ?", (other, number)
        )


def _forge_histories(stage: Stage) -> Iterator[Ledger]:
    """Yield a ledger of the same name and key without the raid's traces, every hash rebuilt and signed: shorter, then longer."""
    site, folder = stage.site, stage.thief / "forged-ledger"
    shutil.rmtree(folder, ignore_errors=True)
    forged = Ledger.create(folder, origin=site.ledger.origin, clock=site.clock)
    kept = [entry for _, entry in site.ledger.entries() if entry["type"] not in TRACES]
    try:
        _append(forged, kept)
        forged.write_keys(site.keys.log_signer)
        forged.sign_checkpoint(site.keys.log_signer)
        yield forged
        captures = [entry for entry in kept if entry["type"] == "capture"]
        while forged.size <= site.ledger.size:
            _append(forged, captures[: site.ledger.size + 1 - forged.size])
        forged.sign_checkpoint(site.keys.log_signer)
        yield forged
    finally:
        forged.close()


def _append(ledger: Ledger, entries: Sequence[dict[str, Any]]) -> None:
    """Append entries in groups."""
    for start in range(0, len(entries), 500):
        ledger.append(entries[start : start + 500])


def _contradicts(file: Path, keys: Sequence[VerifierKey], known: Sequence[str]) -> bool:
    """Say whether verifying a ledger beside the checkpoints that somebody kept finds something wrong.

    Of a forged ledger, who kept none finds nothing: every hash in it is good.
    """
    try:
        verify_ledger(file, keys, known=list(known))
    except LedgerBroken:
        return True
    return False


def _copy_ledger(stage: Stage) -> Path:
    """Return a copy of the ledger's folder as it stands, signed."""
    copy = stage.thief / "edited"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    stage.site.sign_checkpoint()
    with (
        _open_file(stage.site.ledger.folder / FILE_NAME) as source,
        _open_file(copy / FILE_NAME) as target,
    ):
        source.backup(target)
    for file in stage.site.ledger.folder.glob("*.vkey"):
        shutil.copy2(file, copy)
    return copy


@contextmanager
def _open_file(file: Path) -> Iterator[sqlite3.Connection]:
    """Give a database, commit what was written, and close it."""
    database = sqlite3.connect(file)
    try:
        with database:
            yield database
    finally:
        database.close()

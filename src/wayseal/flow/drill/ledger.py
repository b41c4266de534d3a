"""p22: the ledger is whole, cosigned by a quorum of witnesses, continues the one seen last time, and no device's record is missing.

Reads and verifies; the checkpoint is fetched the way every outsider gets it. What was seen last time comes from the last
assessment's evidence, so that a ledger put back to an older state is found even when all of it agrees with itself.
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence

from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.flow.drill.view import Doors, SiteView, no_doors
from wayseal.ledger.checkpoint import Checkpoint, log_keys, read_checkpoint, verify_signatures
from wayseal.ledger.note import parse_note
from wayseal.ledger.policy import NONE, Policy
from wayseal.ledger.proof import verify_consistency
from wayseal.model.errors import Invalid, LedgerBroken, WaysealError
from wayseal.model.oversight import Assessment
from wayseal.seal.envelope import NO_PREVIOUS, parse_record
from wayseal.store.centre import read_record
from wayseal.store.engine import read
from wayseal.store.records import StoredRecord, iterate_day_records

SAMPLE = 300
"""Records of each device whose predecessor is looked for."""
UNWITNESSED = 64
"""Entries that may follow the newest witnessed checkpoint: what a drill itself writes while it runs."""


@probe("p22", where="outside")
def drill_ledger(view: SiteView) -> Seen:
    """Fetch a checkpoint, verify its quorum, its root, its continuity, and each device's chain of records."""
    doors = view.doors
    if doors is None:
        return no_doors()
    if view.earlier is None:
        return broken("the assessor was not told the checkpoint of the last assessment")
    try:
        note = _fetch(doors)
        checkpoint = read_checkpoint(note)
        faults = [*_judge_quorum(doors.witnesses, note), *_judge_tree(doors, checkpoint, view.earlier)]
    except (WaysealError, OSError) as error:
        return broken(f"the ledger could not be read: {type(error).__name__}")
    looked, gaps = _count_gaps(view, doors)
    if gaps:
        faults.append(f"{gaps} records follow one that the ledger does not have")
    facts = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "checkpoint": note,
        "earlier": "" if not view.earlier else str(read_checkpoint(view.earlier).size),
        "records": looked,
        "gaps": gaps,
    }
    return judge(faults, "whole, witnessed, and continues what was seen last time", **facts)


def read_kept(assessments: Sequence[Assessment]) -> str:
    """Return the checkpoint that the newest assessment kept in its evidence, "" when none did."""
    for assessment in sorted(assessments, key=lambda one: one.finished_at, reverse=True):
        for seen in assessment.observations:
            kept = json.loads(seen.evidence).get("checkpoint") if seen.probe == "p22" else None
            if isinstance(kept, str):
                return kept
    return ""


def _fetch(doors: Doors) -> str:
    """Return a cosigned checkpoint over everything where witnesses can be asked, else the newest that there is."""
    if doors.opener.publish is not None:
        try:
            return doors.opener.publish()
        except WaysealError:
            pass  # the quorum's absence is judged below, on the log's own word
    note = doors.ledger.latest_checkpoint(cosigned=True) or doors.ledger.latest_checkpoint()
    return note if note is not None else doors.ledger.sign_checkpoint(doors.opener.log_signer)


def _judge_quorum(witnesses: Policy | None, note: str) -> Iterator[str]:
    """Yield what is wrong with the checkpoint's signatures, judged by the trust policy that the assessor holds."""
    if witnesses is None or witnesses.quorum == NONE:
        yield "the assessor's trust policy names no witnesses"
        return
    try:
        witnesses.verify(note)
    except WaysealError as error:
        yield str(error)


def _judge_tree(doors: Doors, checkpoint: Checkpoint, earlier: str) -> Iterator[str]:
    """Yield what is wrong with the tree under a checkpoint, and with how it continues the earlier one."""
    if doors.ledger.size - checkpoint.size > UNWITNESSED:
        yield f"{doors.ledger.size - checkpoint.size} entries follow the newest checkpoint"
    if checkpoint.size > doors.ledger.size or doors.ledger.root(checkpoint.size) != checkpoint.root:
        yield "the checkpoint is not of this ledger's entries"
        return
    if earlier:
        yield from _judge_continuity(doors, checkpoint, earlier)


def _judge_continuity(doors: Doors, checkpoint: Checkpoint, earlier: str) -> Iterator[str]:
    """Yield that the ledger does not continue the checkpoint that the last assessment kept."""
    before = read_checkpoint(earlier)
    held = () if doors.witnesses is None else tuple(party.key for party in doors.witnesses.logs)
    known = held or log_keys(doors.ledger.origin, doors.opener.log_signer)
    if not verify_signatures(parse_note(earlier), known):
        yield "the last assessment's checkpoint is not signed by this log"
    if before.size > checkpoint.size:
        yield f"the ledger has {checkpoint.size} entries and had {before.size}"
        return
    try:
        proof = doors.ledger.consistency(before.size, checkpoint.size)
        verify_consistency(before.size, checkpoint.size, before.root, checkpoint.root, proof)
    except (LedgerBroken, Invalid):
        yield "the ledger contradicts what the last assessment saw"


def _count_gaps(view: SiteView, doors: Doors) -> tuple[int, int]:
    """Return how many of the device's newest records of today were looked at, and how many follow one that is missing.

    Each record names the digest of its device's record before it. That of the oldest one looked at may be yesterday's.
    """
    device, now = view.equipment.device_sha256, doors.opener.clock()
    newest: dict[str, deque[StoredRecord]] = {}
    with read(doors.opener.store.engine) as connection:
        for row in iterate_day_records(connection, now.date()):
            if device in {None, row.device}:
                newest.setdefault(row.device, deque(maxlen=SAMPLE)).append(row)
    counts = [_count_missing(doors, list(rows)) for rows in newest.values()]
    return sum(looked for looked, _ in counts), sum(missing for _, missing in counts)


def _count_missing(doors: Doors, rows: Sequence[StoredRecord]) -> tuple[int, int]:
    """Return how many of one device's records are there to be looked at, and how many follow one that the ledger lacks."""
    known = {str(doors.ledger.entry(row.ledger_index)["sealed_sha256"]) for row in rows} | {NO_PREVIOUS}
    there = [row for row in rows if row.position is not None]
    followed = [row for row in there if row is not rows[0]]
    previous = [
        parse_record(read_record(doors.opener.store, row.object_id)).header.previous for row in followed
    ]
    return len(there), sum(one not in known for one in previous)

"""Set a witness up, and set it going again after a move or a restore: the two acts that give it a new incarnation.

Owns the making of keys, anchor and place. It must never take over a folder that holds a witness already, and never resume
from a checkpoint that the witness itself did not cosign.
"""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from wayseal.ledger.anchor import Anchor, describe_place
from wayseal.ledger.checkpoint import Checkpoint, parse_checkpoint, verify_signatures, witness_keys
from wayseal.ledger.history import write_whole
from wayseal.ledger.note import Note, VerifierKey, check_key_name, parse_note
from wayseal.ledger.witness import KEY_FILE, PLACE_FILE, RETIRED_FILE, SETTINGS_FILE, Witness, load_signer
from wayseal.model.clock import Clock
from wayseal.model.errors import Invalid, LedgerBroken, Unavailable


def create_witness(folder: Path, *, name: str, anchor: Path) -> tuple[VerifierKey, ...]:
    """Make a witness with fresh keys in `folder` and its anchor elsewhere, and return its verifier keys.

    Keep `anchor` on a disk that no backup of `folder` covers. Raises `Unavailable` when there is a witness already.
    """
    check_key_name(name)
    if folder.exists() and any(folder.iterdir()):
        raise Unavailable("the folder is not empty", hint="Give the witness a folder of its own.")
    if anchor.exists() or anchor.resolve().is_relative_to(folder.resolve()):
        raise Invalid("the anchor must be a new file outside the witness's folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / KEY_FILE).touch(mode=0o600)
    (folder / KEY_FILE).write_text(
        json.dumps({"ed25519": secrets.token_hex(32), "mldsa44": secrets.token_hex(32)})
    )
    bind_place(folder, name=name, anchor=anchor)
    keys = witness_keys(name, load_signer(folder))
    for key in keys:
        write_whole(folder / f"{key.algorithm.lower()}.vkey", f"{key}\n".encode())
    return keys


def bind_place(folder: Path, *, name: str, anchor: Path, counts: dict[str, int] | None = None) -> None:
    """Tie the witness's folder to this machine and to a fresh anchor: a new incarnation. Old copies of it stay refused."""
    (folder / PLACE_FILE).unlink(missing_ok=True)
    (folder / PLACE_FILE).touch(mode=0o600)
    incarnation = secrets.token_hex(16)
    settings = {
        "name": name, "anchor": str(anchor.resolve()), "incarnation": incarnation,
        "place": describe_place(folder / PLACE_FILE),
    }  # fmt: skip
    Anchor(anchor, incarnation).create(counts)
    write_whole(folder / SETTINGS_FILE, json.dumps(settings).encode())


def resume_witness(
    folder: Path, logs: Sequence[VerifierKey], notes: Sequence[str], *, anchor: Path, clock: Clock
) -> list[Checkpoint]:
    """Give a moved or restored witness a new incarnation, at the newest of `notes` a log, and return where it goes on.

    Each note must be signed by its log and carry this witness's own cosignature. Whatever the witness cosigned after the
    newest note is forgotten: so `notes` should come from auditors and other witnesses, not only from the log. Raises
    `LedgerBroken` when a note does not verify, or is older than the state on disk, `Invalid` when a log has none.
    """
    witness = Witness(folder, logs, clock=clock)
    newest = _pick_newest(witness, logs, notes)
    counts: dict[str, int] = {}
    for origin in sorted({key.name for key in logs}):
        if origin not in newest:
            raise Invalid(
                f"no checkpoint to resume {origin} from", hint="Pass the newest with --checkpoint FILE."
            )
        state = witness.read_state(origin)
        checkpoint, note = newest[origin]
        if state is not None and state.checkpoint.size >= checkpoint.size and state.checkpoint != checkpoint:
            raise LedgerBroken(f"the state of {origin} is newer than the checkpoint given, or contradicts it")
        counts[origin] = 1 + (state.count if state is not None else 0)
        content = {"count": counts[origin], "time": int(clock().timestamp()), "note": str(note)}
        write_whole(witness.state_file(origin), json.dumps(content).encode())
    (folder / RETIRED_FILE).unlink(missing_ok=True)
    bind_place(folder, name=witness.name, anchor=anchor, counts=counts)
    return [checkpoint for checkpoint, _ in newest.values()]


def _pick_newest(
    witness: Witness, logs: Sequence[VerifierKey], notes: Sequence[str]
) -> dict[str, tuple[Checkpoint, Note]]:
    """Return, a log, the largest checkpoint that its log signed and this witness cosigned; all notes must be such."""
    newest: dict[str, tuple[Checkpoint, Note]] = {}
    for text in notes:
        note = parse_note(text)
        checkpoint = parse_checkpoint(note.text)
        needed = [*(key for key in logs if key.name == checkpoint.origin), *witness.keys]
        good = {signature.key for signature in verify_signatures(note, needed)}
        if len(needed) == len(witness.keys) or not good.issuperset(needed):
            raise LedgerBroken("not signed by its log and by this witness", origin=checkpoint.origin)
        if checkpoint.origin not in newest or newest[checkpoint.origin][0].size < checkpoint.size:
            lines = {(line.name, line.key_id): line for line in note.signatures}
            own = tuple(lines[key.name, key.key_id] for key in needed)
            newest[checkpoint.origin] = (checkpoint, Note(note.text, own))
    return newest

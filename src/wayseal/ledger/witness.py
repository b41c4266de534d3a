"""A witness: another organisation's process that cosigns a log's checkpoints and never contradicts itself (C2SP tlog-witness).

Owns the rules and the state on disk; `ledger.witness_http` puts it on the network. Comparing with the last cosigned
checkpoint and persisting the new one are one step under one lock, on disk before any answer. It must never sign a smaller
or an inconsistent tree, and never sign from a state that may be older than what it signed.
"""

import fcntl
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from wayseal.ledger.anchor import Anchor, Restored, describe_place
from wayseal.ledger.checkpoint import (
    Checkpoint,
    SeedSigner,
    cosign_checkpoint,
    parse_checkpoint,
    verify_signatures,
    witness_keys,
)
from wayseal.ledger.history import write_whole
from wayseal.ledger.note import (
    Note,
    VerifierKey,
    decode_base64,
    decode_decimal,
    format_signatures,
    parse_note,
)
from wayseal.ledger.proof import EMPTY_ROOT, HASH_SIZE, verify_consistency
from wayseal.model.clock import Clock
from wayseal.model.errors import Invalid, LedgerBroken, NotFound, Unavailable

MAX_REQUEST = 192 * 1024
MAX_PROOF_LINES = 63
MAX_EVIDENCE = 100
SETTINGS_FILE, KEY_FILE, PLACE_FILE, RETIRED_FILE = "witness.json", "key", "place", "retired"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness says to one request: an HTTP status, and a text."""

    status: int
    text: str = ""
    media_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Submission:
    """A parsed add-checkpoint request: the size the log thinks the witness knows, the proof from there, the checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class State:
    """What the witness last cosigned for one log; `count` counts its cosignatures for it."""

    checkpoint: Checkpoint
    count: int
    time: int
    note: str


def parse_submission(body: bytes) -> Submission:
    """Return the request that the bytes spell. Raises `Invalid` for anything but the specified form."""
    if len(body) > MAX_REQUEST:
        raise Invalid("a request that is too long")
    try:
        head, gap, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise Invalid("a request that is not UTF-8") from None
    lines = head.split("\n")
    if not gap or not lines[0].startswith("old ") or len(lines) - 1 > MAX_PROOF_LINES:
        raise Invalid("a request has an old size, at most 63 proof lines, an empty line and a checkpoint")
    old = decode_decimal(lines[0].removeprefix("old "), "the old size")
    hashes = tuple(decode_base64(line, "a proof hash") for line in lines[1:])
    if any(len(value) != HASH_SIZE for value in hashes):
        raise Invalid("a proof hash that has not 32 bytes")
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    if old > checkpoint.size:
        raise Invalid("an old size above the checkpoint's")
    return Submission(old, hashes, parsed, checkpoint)


def load_signer(folder: Path) -> SeedSigner:
    """Return the witness's signing identity. Raises `Unavailable` when its key file is missing or damaged."""
    try:
        seeds = json.loads((folder / KEY_FILE).read_text())
        return SeedSigner(bytes.fromhex(seeds["ed25519"]), bytes.fromhex(seeds["mldsa44"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise Unavailable("the witness's key file is missing or damaged") from None


class Witness:
    """One witness for one or more logs. Safe to call from threads, and from a second process on the same folder."""

    def __init__(self, folder: Path, logs: Sequence[VerifierKey], *, clock: Clock) -> None:
        self.folder = folder
        self._clock = clock
        try:
            self._settings = json.loads((folder / SETTINGS_FILE).read_text())
            self.name = str(self._settings["name"])
            self._anchor = Anchor(Path(self._settings["anchor"]), str(self._settings["incarnation"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise NotFound(
                "no witness in this folder", hint="Make one first: wayseal witness init."
            ) from None
        self._signer = load_signer(folder)
        self.keys = witness_keys(self.name, self._signer)
        if any(key.public in {own.public for own in self.keys} or key.name == self.name for key in logs):
            raise Invalid("a witness cannot watch itself")
        self._logs: dict[str, list[VerifierKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._mutex = threading.Lock()

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs it watches."""
        return tuple(self._logs)

    def check_identity(self) -> None:
        """Raise `Restored` when this folder is a copy, was put back from a backup, or was retired."""
        if (self.folder / RETIRED_FILE).exists():
            raise Restored(
                "the witness retired: it was shown a cosignature of its own that is newer than its state"
            )
        if describe_place(self.folder / PLACE_FILE) != self._settings["place"]:
            raise Restored("the witness's folder was copied or moved")
        for origin in self._logs:
            self._load(origin)

    def check_health(self) -> Answer:
        """Answer 200 when the witness would sign, 503 when it knows that it must not."""

        def act() -> Answer:
            self.check_identity()
            return Answer(200, "ok\n")

        return self._guard(act)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer an add-checkpoint request: 200 with cosignatures, or 400, 403, 404, 409, 422, 503 as the protocol says."""
        submission = self._read_signed(body)
        if isinstance(submission, Answer):
            return submission
        return self._guard(lambda: self._judge(submission))

    def _guard(self, act: Callable[[], Answer]) -> Answer:
        """Return the answer of an act under the lock; 503 when the witness must not go on, or cannot."""
        try:
            with self._locked():
                return act()
        except Restored as error:
            return Answer(error.http_status, f"{error}\n")
        except OSError:
            return Answer(503, "the witness cannot read or write its state\n")

    def _read_signed(self, body: bytes) -> Submission | Answer:
        """Return the request when a log that is watched signed it with every key of its own; otherwise the refusal."""
        try:
            submission = parse_submission(body)
        except Invalid as error:
            return Answer(400, f"{error}\n")
        keys = self._logs.get(submission.checkpoint.origin)
        if keys is None:
            return Answer(404, "unknown log\n")
        try:
            signed = {signature.key for signature in verify_signatures(submission.note, keys)}
        except LedgerBroken:
            return Answer(403, "a signature of the log does not verify\n")
        return submission if signed.issuperset(keys) else Answer(403, "not signed by every key of the log\n")

    def _judge(self, submission: Submission) -> Answer:
        """Compare with the last cosigned checkpoint and, when all is well, persist and cosign. Runs under the lock."""
        self.check_identity()
        checkpoint = submission.checkpoint
        last = self._load(checkpoint.origin)
        size, root = (last.checkpoint.size, last.checkpoint.root) if last is not None else (0, EMPTY_ROOT)
        if submission.old != size:
            return Answer(409, f"{size}\n", "text/x.tlog.size")
        try:
            verify_consistency(size, checkpoint.size, root, checkpoint.root, submission.proof)
        except LedgerBroken as error:
            self._keep_evidence(submission.note)
            return Answer(422, f"{error}\n")
        if last is not None and self._clock().timestamp() < last.time:
            return Answer(503, "the witness's clock is behind its last cosignature\n")
        return self._cosign(submission, 1 if last is None else last.count + 1)

    def _cosign(self, submission: Submission, count: int) -> Answer:
        """Sign, then persist the state, then the anchor, then answer: a crash between leaves a state that may go on."""
        checkpoint = submission.checkpoint
        now = self._clock()
        lines = cosign_checkpoint(checkpoint, self.name, self._signer, clock=lambda: now)
        known = {(key.name, key.key_id) for key in self._logs[checkpoint.origin]}
        signed = {(line.name, line.key_id): line for line in submission.note.signatures}
        note = Note(submission.note.text, (*(signed[place] for place in sorted(known)), *lines))
        state = {"count": count, "time": int(now.timestamp()), "note": str(note)}
        write_whole(self.state_file(checkpoint.origin), json.dumps(state).encode())
        self._anchor.advance(checkpoint.origin, count)
        return Answer(200, format_signatures(lines))

    def add_evidence(self, body: bytes) -> Answer:
        """Take a checkpoint with this witness's own cosignature; when it is newer than the state or contradicts it, retire.

        This is Wayseal's addition to the protocol: how a log or an auditor tells a witness that it was put back to an
        older state. A checkpoint without a good cosignature of this very witness changes nothing.
        """
        try:
            note = parse_note(body)
            checkpoint = parse_checkpoint(note.text)
            own = verify_signatures(note, self.keys)
        except (Invalid, LedgerBroken) as error:
            return Answer(400, f"{error}\n")
        if not own or checkpoint.origin not in self._logs:
            return Answer(403, "no cosignature of this witness for a log it watches\n")
        return self._guard(lambda: self._weigh_evidence(note, checkpoint))

    def _weigh_evidence(self, note: Note, checkpoint: Checkpoint) -> Answer:
        """Retire when a good cosignature of this witness is newer than its state, or contradicts it. Runs under the lock."""
        last = self.read_state(checkpoint.origin)
        if last is not None and last.checkpoint.size > checkpoint.size:
            return Answer(200, "older than the witness's state\n")
        if last is not None and last.checkpoint == checkpoint:
            return Answer(200, "the witness's state\n")
        self._keep_evidence(note)
        write_whole(self.folder / RETIRED_FILE, str(note).encode())
        return Answer(503, "the witness was put back to an older state and has retired\n")

    def latest(self, origin_sha256: str) -> Answer:
        """Return the last cosigned checkpoint of the log whose origin has this SHA-256 (hex), for monitors."""
        for origin in self._logs:
            if sha256(origin.encode()).hexdigest() == origin_sha256:
                state = self.read_state(origin)
                return Answer(404) if state is None else Answer(200, state.note)
        return Answer(404)

    def _load(self, origin: str) -> State | None:
        """Return the state for a log. Raises `Restored` when the anchor has counted further than the state has."""
        state, counted = self.read_state(origin), self._anchor.count(origin)
        count = 0 if state is None else state.count
        if count < counted:
            raise Restored("the witness's state is older than what it signed", state=count, signed=counted)
        if state is not None and count > counted + 1:
            raise Restored("the witness's anchor is older than its state", state=count, anchor=counted)
        return state

    def read_state(self, origin: str) -> State | None:
        """Return the state for a log as the folder has it, None when there is none, without asking the anchor.

        Raises `Restored` when the file is damaged or was not signed by this witness.
        """
        file = self.state_file(origin)
        try:
            content = json.loads(file.read_text())
            note = parse_note(str(content["note"]))
            checkpoint = parse_checkpoint(note.text)
            own = verify_signatures(note, self.keys)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, Invalid, LedgerBroken):
            raise Restored("the witness's state is damaged") from None
        if len(own) != len(self.keys) or checkpoint.origin != origin:
            raise Restored("the witness's state is not its own")
        return State(checkpoint, int(content["count"]), int(content["time"]), str(note))

    def state_file(self, origin: str) -> Path:
        """Return where the state for a log is kept."""
        return self.folder / f"log-{sha256(origin.encode()).hexdigest()}.json"

    def _keep_evidence(self, note: Note) -> None:
        """Keep a signed checkpoint that contradicts what was cosigned: it may prove that the log misbehaves."""
        folder = self.folder / "evidence"
        folder.mkdir(exist_ok=True)
        if len(list(folder.iterdir())) < MAX_EVIDENCE:
            write_whole(folder / f"{sha256(str(note).encode()).hexdigest()[:32]}.note", str(note).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one request at a time compare and persist, over all threads and processes on this folder."""
        with self._mutex, (self.folder / "lock").open("ab") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

"""The witness's rules: it signs what only grows, says no by the protocol's numbers, and never signs from an old state."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from ledgersite import (
    LOG,
    LOG_KEYS,
    ORIGIN,
    START,
    Hands,
    make_capture,
    make_ledger,
    make_request,
    make_witness,
)

from wayseal.ledger.anchor import Restored
from wayseal.ledger.checkpoint import (
    Checkpoint,
    SeedSigner,
    read_checkpoint,
    sign_checkpoint,
    verify_signatures,
)
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import Note, NoteSignature, parse_note, parse_signatures
from wayseal.ledger.witness import Answer, Witness, parse_submission
from wayseal.ledger.witness_setup import create_witness, resume_witness
from wayseal.model.errors import Invalid, LedgerBroken, NotFound, Unavailable

NAME = "auditor.example/w1"


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """A fresh witness."""
    return make_witness(tmp_path / "w1")


def grow(ledger: Ledger, by: int) -> str:
    """Append so many entries and return the new checkpoint."""
    size = ledger.size
    ledger.append([make_capture(number) for number in range(size, size + by)])
    return ledger.sign_checkpoint(LOG)


def sign_at(ledger: Ledger, size: int) -> str:
    """Return a checkpoint of the log at an earlier size, as a log that misbehaves would sign it again."""
    return sign_checkpoint(Checkpoint(ORIGIN, size, ledger.root(size)), LOG, clock=Hands())


def expect_good(witness: Witness, note: str, answer: Answer) -> None:
    """Check that the answer holds both cosignatures of this witness over this checkpoint."""
    assert answer.status == 200
    signed = Note(parse_note(note).text, parse_signatures(answer.text))
    assert [good.key for good in verify_signatures(signed, witness.keys)] == list(witness.keys)


def fork_of(tmp_path: Path, size: int, common: int) -> Ledger:
    """Return another ledger of the same origin that shares its first `common` entries with the usual one."""
    fork = Ledger.create(tmp_path / "fork", origin=ORIGIN, clock=Hands())
    fork.append([make_capture(number if number < common else 5000 + number) for number in range(size)])
    return fork


def test_growth_is_cosigned(ledger: Ledger, witness: Witness) -> None:
    """The first checkpoint, its successor and the same one again get both cosignatures; monitors see the newest."""
    first = ledger.sign_checkpoint(LOG)
    expect_good(witness, first, witness.add_checkpoint(make_request(ledger, 0)))
    second = grow(ledger, 50)
    expect_good(witness, second, witness.add_checkpoint(make_request(ledger, 300)))
    expect_good(witness, second, witness.add_checkpoint(make_request(ledger, 350)))
    state = witness.read_state(ORIGIN)
    assert state is not None
    assert state.checkpoint == read_checkpoint(second)
    assert witness.latest(sha256(ORIGIN.encode()).hexdigest()) == Answer(200, state.note)
    assert witness.latest(sha256(b"other").hexdigest()).status == 404


def test_wrong_old_size_gets_the_right_one(ledger: Ledger, witness: Witness) -> None:
    """409 with the witness's size, in the specified content type; nothing is signed."""
    note = ledger.sign_checkpoint(LOG)
    assert witness.add_checkpoint(make_request(ledger, 5, note)) == Answer(409, "0\n", "text/x.tlog.size")
    witness.add_checkpoint(make_request(ledger, 0, note))
    for old in (0, 299):
        assert witness.add_checkpoint(make_request(ledger, old, note)) == Answer(
            409, "300\n", "text/x.tlog.size"
        )


def test_rollback_is_refused(ledger: Ledger, witness: Witness) -> None:
    """A smaller checkpoint than the one cosigned is never signed, whatever the request claims."""
    witness.add_checkpoint(make_request(ledger, 0))
    earlier = sign_at(ledger, 200)
    for old in (0, 100, 200):
        assert witness.add_checkpoint(make_request(ledger, old, earlier)).status == 409
    body = make_request(ledger, 0, earlier).replace(b"old 0", b"old 300")
    assert witness.add_checkpoint(body).status == 400


def test_fork_is_refused_and_kept(ledger: Ledger, witness: Witness, tmp_path: Path) -> None:
    """Another history is refused with 422 at the same size and at a larger one, and kept as evidence against the log."""
    witness.add_checkpoint(make_request(ledger, 0))
    fork = fork_of(tmp_path, 300, 250)
    assert witness.add_checkpoint(make_request(fork, 300)).status == 422
    fork.append([make_capture(9999)])
    forked = fork.sign_checkpoint(LOG)
    assert witness.add_checkpoint(make_request(fork, 300)).status == 422
    kept = [file.read_text() for file in (witness.folder / "evidence").iterdir()]
    assert len(kept) == 2
    assert forked in kept
    expect_good(witness, grow(ledger, 1), witness.add_checkpoint(make_request(ledger, 300)))
    fork.close()


def test_proof_for_an_empty_past_is_refused(ledger: Ledger, witness: Witness) -> None:
    """A proof sent with old size 0, a wrong proof and a missing one are 422."""
    proof_line = b"A" * 43 + b"=\n"
    body = make_request(ledger, 0)
    assert witness.add_checkpoint(body.replace(b"old 0\n", b"old 0\n" + proof_line)).status == 422
    witness.add_checkpoint(body)
    grow(ledger, 10)
    good = make_request(ledger, 300)
    head, _, rest = good.partition(b"\n\n")
    lines = head.split(b"\n")
    for broken in ([lines[0]], lines[:-1], [*lines, lines[-1]], [lines[0], *lines[:0:-1]]):
        assert witness.add_checkpoint(b"\n".join(broken) + b"\n\n" + rest).status == 422


def test_unknown_log_and_unsigned_notes_are_refused(ledger: Ledger, witness: Witness) -> None:
    """404 for another origin, 403 without the log's good signatures: none, a stranger's, a broken or a missing one."""
    point = read_checkpoint(ledger.sign_checkpoint(LOG))
    stranger = SeedSigner(b"\x41" * 32, b"\x42" * 32)
    other = sign_checkpoint(Checkpoint("other.example", 300, point.root), LOG, clock=Hands())
    assert witness.add_checkpoint(f"old 0\n\n{other}".encode()).status == 404
    note = parse_note(ledger.sign_checkpoint(LOG))
    broken = NoteSignature(ORIGIN, note.signatures[0].key_id, b"\x00" * 64)
    for signatures in ((note.signatures[0],), (note.signatures[1],), (broken, note.signatures[1])):
        assert witness.add_checkpoint(f"old 0\n\n{Note(note.text, signatures)}".encode()).status == 403
    assert (
        witness.add_checkpoint(f"old 0\n\n{sign_checkpoint(point, stranger, clock=Hands())}".encode()).status
        == 403
    )
    assert witness.read_state(ORIGIN) is None


@pytest.mark.parametrize("body", [
    b"", b"old 0", b"old 0\n\n", b"old 00\n\n{note}", b"old -1\n\n{note}", b"old  0\n\n{note}", b"Old 0\n\n{note}", b"old 301\n\n{note}",
    b"old 0\nAAAA\n\n{note}", b"old 0\n\n{note}x", b"old 0\r\n\n{note}", b"\xff", b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n{note}",
    b"old 9223372036854775808\n\n{note}", b"old 0\n\n" + b"x" * 200_000,
])  # fmt: skip
def test_malformed_requests_are_400(ledger: Ledger, witness: Witness, body: bytes) -> None:
    """Whatever is not the specified form is 400 and changes nothing."""
    note = ledger.sign_checkpoint(LOG).encode()
    assert witness.add_checkpoint(body.replace(b"{note}", note)).status == 400
    assert witness.read_state(ORIGIN) is None


def test_sixty_three_proof_lines_are_read() -> None:
    """The longest proof that the protocol allows is parsed."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 9, b"\x01" * 32), LOG, clock=Hands())
    assert len(parse_submission(("old 3\n" + ("A" * 43 + "=\n") * 63 + "\n" + note).encode()).proof) == 63


def test_foreign_lines_cannot_spoil_the_state(ledger: Ledger, witness: Witness) -> None:
    """A checkpoint that arrives with a forged line under the witness's own key is cosigned, and the witness goes on."""
    forged = NoteSignature(NAME, witness.keys[0].key_id, b"\x00" * 72)
    body = make_request(ledger, 0) + f"{forged}\n".encode()
    assert witness.add_checkpoint(body).status == 200
    grow(ledger, 1)
    assert witness.add_checkpoint(make_request(ledger, 300)).status == 200


def test_state_is_on_disk_before_the_answer(ledger: Ledger, witness: Witness) -> None:
    """A second witness object on the same folder knows at once what the first has answered."""
    witness.add_checkpoint(make_request(ledger, 0))
    again = Witness(witness.folder, LOG_KEYS, clock=Hands())
    assert again.add_checkpoint(make_request(ledger, 0)).status == 409


def test_racing_requests_never_roll_back(ledger: Ledger, witness: Witness) -> None:
    """Two objects on one folder, many threads, checkpoints of all sizes from the same old size: exactly one wins."""
    witness.add_checkpoint(make_request(ledger, 0))
    bodies = [make_request(ledger, 300, grow(ledger, 1)) for _ in range(8)]
    second = Witness(witness.folder, LOG_KEYS, clock=Hands())
    start = threading.Barrier(len(bodies))
    answers: list[tuple[int, Answer]] = []

    def ask(place: int) -> None:
        start.wait()
        answers.append((place, (witness, second)[place % 2].add_checkpoint(bodies[place])))

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [place for place, answer in answers if answer.status == 200]
    assert len(winners) == 1
    assert {answer.status for _, answer in answers} == {200, 409}
    assert {answer.text for _, answer in answers if answer.status == 409} == {f"{301 + winners[0]}\n"}
    state = witness.read_state(ORIGIN)
    assert state is not None
    assert state.checkpoint.size == 301 + winners[0]


def test_a_clock_behind_is_not_signed_with(ledger: Ledger, tmp_path: Path) -> None:
    """The witness never dates a cosignature before its last one: 503 until its clock is right again."""
    hands = Hands()
    witness = make_witness(tmp_path / "w", clock=hands)
    witness.add_checkpoint(make_request(ledger, 0))
    grow(ledger, 1)
    hands.advance(-3600)
    assert witness.add_checkpoint(make_request(ledger, 300)).status == 503
    hands.advance(3601)
    assert witness.add_checkpoint(make_request(ledger, 300)).status == 200


def test_setup_is_careful(tmp_path: Path) -> None:
    """A witness is not made over another, its anchor not inside its folder, and it does not watch itself."""
    witness = make_witness(tmp_path / "w1")
    assert {file.name for file in witness.folder.iterdir()} >= {"key", "ed25519.vkey", "ml-dsa-44.vkey"}
    assert (witness.folder / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unavailable):
        create_witness(tmp_path / "w1", name=NAME, anchor=tmp_path / "other")
    with pytest.raises(Invalid):
        create_witness(tmp_path / "w2", name=NAME, anchor=tmp_path / "w2" / "anchor")
    with pytest.raises(Invalid):
        create_witness(tmp_path / "w3", name="two words", anchor=tmp_path / "w3.anchor")
    with pytest.raises(Invalid, match="itself"):
        Witness(tmp_path / "w1", witness.keys, clock=Hands())
    with pytest.raises(NotFound):
        Witness(tmp_path / "nowhere", LOG_KEYS, clock=Hands())


# --- put back from a backup


def put_back(backup: Path, place: Path) -> None:
    """Overwrite what changed with its older content and leave the rest alone: the most careful way to restore a backup."""
    for file in backup.iterdir():
        if file.is_file() and file.name != "place":
            (place / file.name).write_bytes(file.read_bytes())


@pytest.fixture
def aged(ledger: Ledger, witness: Witness, tmp_path: Path) -> tuple[Ledger, Witness, Path]:
    """A witness that cosigned 300 entries, was backed up, and cosigned 310; with its ledger and the backup."""
    witness.add_checkpoint(make_request(ledger, 0))
    shutil.copytree(witness.folder, tmp_path / "backup")
    grow(ledger, 10)
    answer = witness.add_checkpoint(make_request(ledger, 300))
    ledger.add_cosignatures(ledger.sign_checkpoint(LOG), answer.text, witness.keys)
    return ledger, witness, tmp_path / "backup"


def test_state_put_back_refuses_to_sign(aged: tuple[Ledger, Witness, Path]) -> None:
    """A folder restored in place, byte for byte, is behind its anchor: nothing is signed, neither growth nor a fork."""
    ledger, witness, backup = aged
    put_back(backup, witness.folder)
    again = Witness(witness.folder, LOG_KEYS, clock=Hands())
    with pytest.raises(Restored, match="older than what it signed"):
        again.check_identity()
    for old in (300, 310):
        assert again.add_checkpoint(make_request(ledger, old)).status == 503
    assert again.check_health().status == 503


def test_whole_folder_put_back_refuses_to_sign(aged: tuple[Ledger, Witness, Path]) -> None:
    """A restore that writes every file again, into the very folder, shows in the files' own dates."""
    ledger, witness, backup = aged
    shutil.copytree(backup, witness.folder, dirs_exist_ok=True)
    assert (
        Witness(witness.folder, LOG_KEYS, clock=Hands()).add_checkpoint(make_request(ledger, 300)).status
        == 503
    )


def test_deleted_state_refuses_to_sign(aged: tuple[Ledger, Witness, Path]) -> None:
    """A state file that is gone is not taken for a log that was never seen."""
    ledger, witness, _ = aged
    witness.state_file(ORIGIN).unlink()
    assert witness.add_checkpoint(make_request(ledger, 0)).status == 503


@pytest.mark.parametrize("damage", ["gone", "nonsense", "other"])
def test_anchor_lost_refuses_to_sign(aged: tuple[Ledger, Witness, Path], damage: str) -> None:
    """Without its own anchor the witness cannot know how much it signed, and does not sign."""
    ledger, witness, _ = aged
    anchor = witness.folder.with_name("w1.anchor")
    if damage == "gone":
        anchor.unlink()
    else:
        anchor.write_text("nonsense" if damage == "nonsense" else '{"incarnation": "00", "counts": {}}')
    assert witness.add_checkpoint(make_request(ledger, 310)).status == 503


def test_copied_folder_refuses_to_sign(aged: tuple[Ledger, Witness, Path], tmp_path: Path) -> None:
    """A copy of the whole folder, up to date and beside the true anchor, is not the witness."""
    ledger, witness, _ = aged
    shutil.copytree(witness.folder, tmp_path / "copy", copy_function=shutil.copy2)
    copy = Witness(tmp_path / "copy", LOG_KEYS, clock=Hands())
    with pytest.raises(Restored, match="copied or moved"):
        copy.check_identity()
    assert copy.add_checkpoint(make_request(ledger, 310)).status == 503
    shutil.rmtree(witness.folder)
    shutil.move(tmp_path / "copy", witness.folder)
    assert (
        Witness(witness.folder, LOG_KEYS, clock=Hands()).add_checkpoint(make_request(ledger, 310)).status
        == 503
    )


def test_state_and_anchor_put_back_together_is_told_by_others(
    aged: tuple[Ledger, Witness, Path], tmp_path: Path
) -> None:
    """What no local check can see, a snapshot of both disks: anybody's copy of the newer cosignature retires the witness."""
    ledger, witness, backup = aged
    newest = str(ledger.latest_checkpoint(cosigned=True))
    put_back(backup, witness.folder)
    anchor = witness.folder.with_name("w1.anchor")
    anchor.write_text(
        anchor.read_text().replace(
            '"counts": {"port.example/ledger": 2}', '"counts": {"port.example/ledger": 1}'
        )
    )
    fooled = Witness(witness.folder, LOG_KEYS, clock=Hands())
    fooled.check_identity()  # the honest limit: nothing on this machine says that time went back
    assert fooled.add_evidence(newest.encode()).status == 503
    for body in (make_request(ledger, 300), make_request(fork_of(tmp_path, 320, 300), 300)):
        assert fooled.add_checkpoint(body).status == 503
    with pytest.raises(Restored, match="retired"):
        Witness(witness.folder, LOG_KEYS, clock=Hands()).check_identity()


def test_evidence_must_be_the_witnesss_own(aged: tuple[Ledger, Witness, Path]) -> None:
    """Nobody can retire a witness with a checkpoint that it did not cosign, or with an old one."""
    ledger, witness, backup = aged
    newest = ledger.latest_checkpoint(cosigned=True)
    unsigned = grow(ledger, 5)
    assert witness.add_evidence(unsigned.encode()).status == 403
    assert witness.add_evidence(b"nonsense").status == 400
    old = Witness(witness.folder, LOG_KEYS, clock=Hands()).read_state(ORIGIN)
    assert old is not None
    assert witness.add_evidence(str(newest).encode()).status == 200
    forged = str(newest).replace("310\n", "999\n")
    assert witness.add_evidence(forged.encode()).status == 400
    assert witness.add_checkpoint(make_request(ledger, 310)).status == 200
    assert witness.add_evidence(str(newest).encode()).status == 200
    assert backup.is_dir()


def test_evidence_retires_a_witness_that_lost_its_state(aged: tuple[Ledger, Witness, Path]) -> None:
    """Evidence is weighed against what is there: a missing state is older than any cosignature, a damaged one signs nothing."""
    ledger, witness, _ = aged
    newest = str(ledger.latest_checkpoint(cosigned=True)).encode()
    witness.state_file(ORIGIN).write_text("{}")
    assert witness.add_evidence(newest).status == 503
    assert not (witness.folder / "retired").exists()
    witness.state_file(ORIGIN).unlink()
    assert witness.add_evidence(newest).status == 503
    assert (witness.folder / "retired").read_bytes() == newest
    (witness.folder / "place").unlink()
    assert witness.check_health().status == 503


def test_resume_goes_on_from_the_newest(aged: tuple[Ledger, Witness, Path], tmp_path: Path) -> None:
    """After `resume` with the newest cosigned checkpoint the witness signs growth, refuses forks, and the old copy stays dead."""
    ledger, witness, backup = aged
    newest = str(ledger.latest_checkpoint(cosigned=True))
    put_back(backup, witness.folder)
    (at,) = resume_witness(witness.folder, LOG_KEYS, [newest], anchor=tmp_path / "new.anchor", clock=Hands())
    assert at.size == 310
    again = Witness(witness.folder, LOG_KEYS, clock=Hands())
    again.check_identity()
    assert again.add_checkpoint(make_request(fork_of(tmp_path, 320, 300), 300)).status == 409
    expect_good(again, grow(ledger, 1), again.add_checkpoint(make_request(ledger, 310)))
    put_back(backup, witness.folder)
    assert (
        Witness(witness.folder, LOG_KEYS, clock=Hands()).add_checkpoint(make_request(ledger, 300)).status
        == 503
    )


def test_resume_refuses_what_it_did_not_cosign(aged: tuple[Ledger, Witness, Path], tmp_path: Path) -> None:
    """`resume` needs the log's signature and the witness's own, for every log, and nothing older than the state."""
    ledger, witness, backup = aged
    anchor = tmp_path / "new.anchor"
    older = (backup / witness.state_file(ORIGIN).name).read_text()
    assert ORIGIN in older
    unsigned = ledger.sign_checkpoint(LOG)
    state = witness.read_state(ORIGIN)
    assert state is not None
    grow(ledger, 3)
    with pytest.raises(LedgerBroken, match="not signed"):
        resume_witness(
            witness.folder, LOG_KEYS, [str(ledger.latest_checkpoint())], anchor=anchor, clock=Hands()
        )
    with pytest.raises(Invalid, match="no checkpoint to resume"):
        resume_witness(witness.folder, LOG_KEYS, [], anchor=anchor, clock=Hands())
    stripped = Note(parse_note(state.note).text, parse_note(state.note).signatures[2:])
    with pytest.raises(LedgerBroken, match="not signed"):
        resume_witness(witness.folder, LOG_KEYS, [str(stripped)], anchor=anchor, clock=Hands())
    assert unsigned
    assert not anchor.exists()


# --- killed at every boundary

KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from ledgersite import LOG_KEYS, Hands
    from wayseal.ledger import anchor, witness
    boundary, folder, body = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_bytes()
    die = lambda: os.kill(os.getpid(), signal.SIGKILL)
    write, advance = witness.write_whole, anchor.Anchor.advance
    def write_state(file, data):
        if boundary == "before state":
            die()
        write(file, data)
        if boundary == "after state":
            die()
    def advance_anchor(self, origin, count):
        advance(self, origin, count)
        if boundary == "after anchor":
            die()
    witness.write_whole, anchor.Anchor.advance = write_state, advance_anchor
    made = witness.Witness(folder, LOG_KEYS, clock=Hands())
    answer = made.add_checkpoint(body)
    print(answer.status)
    """
)


@pytest.mark.parametrize(
    ("boundary", "signed"), [("before state", False), ("after state", True), ("after anchor", True)]
)
def test_killed_witness_goes_on_without_contradiction(
    ledger: Ledger, witness: Witness, tmp_path: Path, boundary: str, *, signed: bool
) -> None:
    """Killed at each boundary of persisting, the witness knows afterwards whether it may have signed, and signs no fork."""
    witness.add_checkpoint(make_request(ledger, 0))
    note = grow(ledger, 10)
    (tmp_path / "body").write_bytes(make_request(ledger, 300))
    process = subprocess.run(
        [sys.executable, "-c", KILLED, boundary, str(witness.folder), str(tmp_path / "body")],
        check=False, capture_output=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    assert (process.returncode, process.stdout) == (-signal.SIGKILL, b"")
    again = Witness(witness.folder, LOG_KEYS, clock=Hands())
    again.check_identity()
    if signed:
        fork = fork_of(tmp_path, 310, 305)
        assert again.add_checkpoint(make_request(fork, 300)) == Answer(409, "310\n", "text/x.tlog.size")
        assert again.add_checkpoint(make_request(fork, 310)).status == 422
        assert again.add_checkpoint(make_request(ledger, 300)).status == 409
        fork.close()
    expect_good(again, note, again.add_checkpoint(make_request(ledger, 310 if signed else 300)))
    expect_good(again, grow(ledger, 1), again.add_checkpoint(make_request(ledger, 310)))


def test_stamps_are_the_witnesss_clock(ledger: Ledger, witness: Witness) -> None:
    """A cosignature says when the witness saw the tree."""
    answer = witness.add_checkpoint(make_request(ledger, 0))
    note = Note(parse_note(ledger.sign_checkpoint(LOG)).text, parse_signatures(answer.text))
    assert {good.timestamp for good in verify_signatures(note, witness.keys)} == {int(START.timestamp())}


def test_two_logs_are_kept_apart(tmp_path: Path) -> None:
    """One witness may watch several logs; each has a state and an anchor count of its own."""
    ledger = make_ledger(tmp_path / "ledger", 5)
    other_keys = tuple(type(key)("other.example", key.kind, key.public) for key in LOG_KEYS)
    create_witness(tmp_path / "w", name=NAME, anchor=tmp_path / "w.anchor")
    witness = Witness(tmp_path / "w", [*LOG_KEYS, *other_keys], clock=Hands())
    note = sign_checkpoint(Checkpoint("other.example", 5, ledger.root()), LOG, clock=Hands())
    assert witness.add_checkpoint(make_request(ledger, 0)).status == 200
    assert witness.add_checkpoint(f"old 0\n\n{note}".encode()).status == 200
    assert {origin for origin in witness.origins if witness.read_state(origin)} == {ORIGIN, "other.example"}
    ledger.close()

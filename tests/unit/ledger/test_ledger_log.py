"""The durable log: what was acknowledged is there, in order, provable, whoever else appends or dies meanwhile."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from ledgersite import LOG, LOG_KEYS, ORIGIN, Hands, make_capture, make_ledger, make_ulid

from wayseal.ledger import proof
from wayseal.ledger.check import verify_ledger
from wayseal.ledger.checkpoint import read_checkpoint, verify_checkpoint
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import FILE_NAME, LedgerReader
from wayseal.ledger.tiles import export_tiles
from wayseal.model.errors import Invalid, LedgerBroken, NotFound, StoreFull, Unavailable

HERE = Path(__file__).parent
APPENDER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from ledgersite import make_capture
    from wayseal.ledger.log import Ledger
    ledger = Ledger(Path(sys.argv[1]))
    base, calls, group = int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    for call in range(calls):
        numbers = range(base + call * group, base + (call + 1) * group)
        indices = ledger.append([make_capture(number) for number in numbers])
        for number, index in zip(numbers, indices):
            print(number, index, flush=True)
    """
)


def start_appender(folder: Path, base: int, calls: int, group: int) -> subprocess.Popen[str]:
    """Start a process that appends and prints `number index` for each acknowledged entry."""
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(folder), str(base), str(calls), str(group)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(HERE)},
    )  # fmt: skip


def check_acknowledged(folder: Path, lines: list[str]) -> int:
    """Check that each acknowledged entry is at its index, that the ledger verifies, and return its size."""
    reader = LedgerReader(folder)
    try:
        reader_size = reader.size
        for line in lines:
            number, index = map(int, line.split())
            assert reader.entry(index) == make_capture(number)
    finally:
        reader.close()
    writer = Ledger(folder)
    writer.sign_checkpoint(LOG)
    writer.close()
    assert verify_ledger(folder / FILE_NAME, LOG_KEYS).size == reader_size
    return reader_size


def test_entries_come_back_in_order(ledger: Ledger) -> None:
    """Indices count up from 0, and what is read is what was appended."""
    assert ledger.append([make_capture(300), make_capture(301)]) == [300, 301]
    assert ledger.append([]) == []
    assert [entry for _, entry in ledger.entries(298)] == [make_capture(number) for number in range(298, 302)]
    assert [index for index, _ in ledger.entries(3, 5)] == [3, 4]
    assert ledger.size == 302
    assert ledger.entry(7) == make_capture(7)
    with pytest.raises(NotFound):
        ledger.entry(302)


def test_undated_entry_gets_the_clocks_time(ledger: Ledger) -> None:
    """An entry without a time is dated by the ledger's clock."""
    entry = make_capture(1)
    del entry["time"]
    (index,) = ledger.append([entry])
    assert ledger.entry(index)["time"] == "2026-11-22T07:00:00.000Z"


def test_a_refused_entry_appends_nothing(ledger: Ledger) -> None:
    """One entry that may not be logged keeps its whole call out."""
    with pytest.raises(Invalid):
        ledger.append([make_capture(300), make_capture(301, plate="7ABC123")])
    assert ledger.size == 300


def test_find_uses_every_filter(ledger: Ledger) -> None:
    """Entries are found by any identifier they refer to, and by type, actor, organisation, device, lane and time."""
    release = make_ulid(9000)
    intent = {
        "type": "open-intent", "time": "2026-11-22T08:00:00.000Z", "object": make_ulid(5), "actor": "officer:b17",
        "org": "agency", "purpose": "primary_inspection", "release": release,
    }  # fmt: skip
    (index,) = ledger.append([intent])
    assert ledger.find(object=make_ulid(5)) == [5, index]
    assert ledger.find(object=make_ulid(5), type="open-intent") == ledger.find(object=release) == [index]
    assert ledger.find(actor="officer:b17") == ledger.find(org="agency") == [index]
    assert ledger.find(object="citizen/2026-11-22T07Z") == list(range(300))
    assert ledger.find(since="2026-11-22T07:04:58.000Z", until="2026-11-22T08:00:00.000Z") == [298, 299]
    assert ledger.find(device="lane-1", lane="lane-1", type="capture", until="2026-11-22T07:00:02.000Z") == [
        0,
        1,
    ]
    assert ledger.find(object=make_ulid(123456)) == []
    with pytest.raises(Invalid):
        ledger.find(plate="7ABC123")


def test_proofs_hold_at_every_size(ledger: Ledger) -> None:
    """Inclusion and consistency proofs from stored hashes verify against roots of any size."""
    root = ledger.root()
    for index in (0, 1, 127, 255, 256, 298, 299):
        proof.verify_inclusion(index, 300, proof.hash_leaf(ledger.raw(index)), ledger.inclusion(index), root)
    for first in (0, 1, 2, 128, 255, 256, 257, 299, 300):
        proof.verify_consistency(first, 300, ledger.root(first), root, ledger.consistency(first))
    with pytest.raises(Invalid):
        ledger.inclusion(299, 301)


def test_checkpoint_is_kept_before_it_is_shown(ledger: Ledger) -> None:
    """Signing twice gives the kept note; signing after an append extends it; both copies on disk are the newest."""
    first = ledger.sign_checkpoint(LOG)
    assert ledger.sign_checkpoint(LOG) == first == ledger.latest_checkpoint()
    ledger.append([make_capture(300)])
    second = ledger.sign_checkpoint(LOG)
    assert (ledger.folder / "checkpoint").read_text() == second == ledger.latest_checkpoint()
    checkpoint, good = verify_checkpoint(second, LOG_KEYS)
    assert (checkpoint.size, checkpoint.root, len(good)) == (301, ledger.root(), 2)


def test_threads_share_one_flush(tmp_path: Path) -> None:
    """Calls from many threads all succeed, each with indices of its own, adjacent within a call."""
    ledger = make_ledger(tmp_path / "ledger")
    answers: list[tuple[int, list[int]]] = []

    def work(base: int) -> None:
        for call in range(10):
            start = base + call * 3
            answers.append((start, ledger.append([make_capture(start + step) for step in range(3)])))

    threads = [threading.Thread(target=work, args=(base * 1000,)) for base in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(index for _, indices in answers for index in indices) == list(range(240))
    for start, indices in answers:
        assert indices == list(range(indices[0], indices[0] + 3))
        assert [ledger.entry(index) for index in indices] == [make_capture(start + step) for step in range(3)]
    ledger.close()


def test_processes_append_without_a_fork(tmp_path: Path) -> None:
    """Three processes append to one ledger at once: every acknowledgement is kept, and there is one history."""
    folder = tmp_path / "ledger"
    make_ledger(folder).close()
    started = [start_appender(folder, base, 40, 2) for base in (0, 1000, 2000)]
    outputs = [process.communicate(timeout=60)[0].splitlines() for process in started]
    assert all(process.returncode == 0 for process in started)
    assert check_acknowledged(folder, [line for lines in outputs for line in lines]) == 240


@pytest.mark.parametrize("after", [0, 1, 7, 30, 77])
def test_kill_during_append_loses_nothing_acknowledged(tmp_path: Path, after: int) -> None:
    """A process killed after so many acknowledgements, mid-append, leaves all of them and a consistent ledger to go on with."""
    folder = tmp_path / "ledger"
    make_ledger(folder).close()
    process = start_appender(folder, 0, 100_000, 7)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    os.kill(process.pid, signal.SIGKILL)
    rest = process.communicate()[0].splitlines(keepends=True)
    whole = [line for line in (*lines, *rest) if line.endswith("\n")]
    assert len(whole) >= after
    size = check_acknowledged(folder, whole)
    assert size % 7 == 0, "a call was appended in part"
    again = Ledger(folder)
    assert again.append([make_capture(size)]) == [size]
    again.close()


def append_until_full(ledger: Ledger) -> int:
    """Append in groups of 200 until the disk takes no more; return the last index acknowledged."""
    last = ledger.size - 1
    for start in range(1000, 200_000, 200):
        try:
            last = ledger.append([make_capture(number) for number in range(start, start + 200)])[-1]
        except StoreFull:
            return last
    pytest.fail("the disk was never full")


def test_full_disk_acknowledges_nothing(tmp_path: Path) -> None:
    """When the disk takes no more, append says so, and what was acknowledged before is still there."""
    ledger = make_ledger(tmp_path / "ledger", 20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limit = max(file.stat().st_size for file in ledger.folder.iterdir()) + 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        acknowledged = append_until_full(ledger)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    size = ledger.size
    assert size == acknowledged + 1
    assert ledger.append([make_capture(1)]) == [size]
    ledger.sign_checkpoint(LOG)
    ledger.close()
    assert verify_ledger(ledger.folder / FILE_NAME, LOG_KEYS).size == size + 1


def test_unwritable_places_are_told_apart(ledger: Ledger, tmp_path: Path) -> None:
    """A checkpoint that cannot be put beside the file, and an export that cannot be written, are errors of the project's own."""
    ledger.append([make_capture(300)])
    (ledger.folder / "checkpoint").unlink()
    (ledger.folder / "checkpoint").mkdir()
    with pytest.raises(Unavailable, match="beside"):
        ledger.sign_checkpoint(LOG)
    (ledger.folder / "checkpoint").rmdir()
    assert read_checkpoint(ledger.sign_checkpoint(LOG)).size == 301
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="export"):
        export_tiles(ledger, tmp_path / "file" / "export")


def test_ledger_is_made_once(tmp_path: Path) -> None:
    """An existing ledger is never overwritten, a missing one is said to be missing, a bad origin is refused."""
    make_ledger(tmp_path / "ledger").close()
    with pytest.raises(Unavailable):
        Ledger.create(tmp_path / "ledger", origin=ORIGIN)
    with pytest.raises(NotFound):
        Ledger(tmp_path / "nowhere")
    with pytest.raises(Invalid):
        Ledger.create(tmp_path / "other", origin="two words")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE_NAME).write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerBroken):
        Ledger(tmp_path / "broken")


def test_an_empty_ledger_has_the_empty_root(tmp_path: Path) -> None:
    """An empty ledger signs the empty tree, and proves nothing about entries it lacks."""
    ledger = make_ledger(tmp_path / "ledger")
    assert read_checkpoint(ledger.sign_checkpoint(LOG)).root == proof.EMPTY_ROOT
    assert verify_ledger(ledger.folder / FILE_NAME, LOG_KEYS).size == 0
    with pytest.raises(NotFound):
        ledger.prove(0)
    ledger.close()


def test_unsigned_entry_has_no_proof_yet(ledger: Ledger) -> None:
    """An entry is provable once a signed checkpoint covers it."""
    (index,) = ledger.append([make_capture(300)])
    with pytest.raises(NotFound, match="no signed checkpoint"):
        ledger.prove(index)
    ledger.sign_checkpoint(LOG)
    ledger.prove(index).verify(ledger.raw(index), LOG_KEYS)


def test_clock_is_the_callers(tmp_path: Path) -> None:
    """Signatures carry the time of the clock that was passed."""
    hands = Hands()
    ledger = Ledger.create(tmp_path / "ledger", origin=ORIGIN, clock=hands)
    hands.advance(60)
    _, good = verify_checkpoint(ledger.sign_checkpoint(LOG), LOG_KEYS)
    assert [signature.timestamp for signature in good] == [None, int(hands.now.timestamp())]
    ledger.close()

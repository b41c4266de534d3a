"""`wayseal leak trace` from a shell: files and folders, bad input of every kind, the journal, the plot."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from leakparts import capture_faces
from lineparts import PASSPHRASE, Line

from wayseal.cli.main import root
from wayseal.model.errors import NotFound
from wayseal.station.portal import open_portal
from wayseal.station.site import open_site
from wayseal.testing.leaks import crop, to_jpeg
from wayseal.vision.picture import read_picture

Run = Callable[..., Result]


@pytest.fixture
def leaked(line: Line) -> np.ndarray:
    """A picture as officer-5 saw it; the site is closed afterwards."""
    (record,) = capture_faces(line, (21,))
    portal = open_portal(line.site, "officer-5", "officer")
    shown = read_picture(portal.open_release(portal.request_release(record)))
    for host in line.hosts.values():
        host.close()
    line.site.close()
    return shown


@pytest.fixture
def run(line: Line, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `leak trace` on the site, at the time that the line has."""
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    monkeypatch.setattr(
        "wayseal.station.site.open_site", lambda folder, secret: open_site(folder, secret, clock=line.clock)
    )

    def call(*arguments: object) -> Result:
        words = ["--home", str(home), "leak", "trace", *map(str, arguments)]
        return CliRunner().invoke(
            root,
            [*words, "--passphrase-file", str(tmp_path / "passphrase")],
            catch_exceptions=False,
            standalone_mode=False,
        )

    return call


def test_contract_lines(leaked: np.ndarray, run: Run, tmp_path: Path) -> None:
    """The JSON has the contract's fields, for a leak of ours and for a stranger's picture, and writes nothing else on stdout."""
    ours, other = tmp_path / "a.jpg", tmp_path / "b.png"
    ours.write_bytes(to_jpeg(crop(leaked, 0.1), 60))
    cv2.imwrite(str(other), np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8))
    first, second = json.loads(run(ours, other, "--json").stdout)
    assert {"file", "record", "recipient", "channel", "z", "decoys", "decision"} <= first.keys()
    assert (first["file"], first["decision"], first["recipient"], first["channel"]) == (
        str(ours), "attributed", "officer-5", "session",
    )  # fmt: skip
    assert first["decoys"]["n"] >= 1000
    assert first["decoys"]["max"] < 7 < first["z"]
    assert (second["decision"], second["record"], second["recipient"], second["channel"]) == (
        "inconclusive",
        None,
        None,
        None,
    )


def test_folder_journal_and_plot(leaked: np.ndarray, run: Run, tmp_path: Path) -> None:
    """A folder is searched, a second run takes up where the journal ends, and the decoys are drawn."""
    folder = tmp_path / "found"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.jpg").write_bytes(to_jpeg(leaked, 80))
    (folder / "two.txt").write_text("no picture")
    journal, plot = tmp_path / "journal.jsonl", tmp_path / "decoys.png"
    first = json.loads(run(folder, "--journal", journal, "--plot", plot, "--json").stdout)
    assert [one["decision"] for one in first] == ["attributed", "inconclusive"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    cut_off = journal.read_text().splitlines()
    journal.write_text(cut_off[0] + "\n" + cut_off[1][:20])
    second = json.loads(run(folder, "--journal", journal, "--json").stdout)
    assert [one["decision"] for one in second] == ["attributed", "inconclusive"]
    lines: list[dict[str, Any]] = [
        json.loads(text) for text in journal.read_text().splitlines() if text.endswith("}")
    ]
    assert [one["reason"] for one in lines] == ["mark_found", "not_a_picture"]


def test_named_record_only(leaked: np.ndarray, run: Run, tmp_path: Path) -> None:
    """A scope of a malformed record is a usage error, and one without the record finds nothing."""
    file = tmp_path / "a.jpg"
    file.write_bytes(to_jpeg(crop(leaked, 0.2)))
    (line,) = json.loads(run(file, "--lane", "lane9", "--json").stdout)
    assert line["record"] is None
    with pytest.raises(Exception, match="not a record id"):
        run(file, "--record", "nonsense")


def test_hundred_megapixels(leaked: np.ndarray, run: Run, tmp_path: Path) -> None:
    """A leak enlarged to a hundred megapixels is traced; a larger one is refused by its size."""
    large = cv2.resize(leaked, (9_900, 9_900), interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(tmp_path / "a.jpg"), large)
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((10_001, 10_001), np.uint8))
    lines = json.loads(run(tmp_path / "a.jpg", tmp_path / "b.png", "--json").stdout)
    told = [(line["decision"], line["reason"]) for line in lines]
    assert told == [("attributed", "mark_found"), ("inconclusive", "too_large")]


_READ = """
import resource, sys
from pathlib import Path
from wayseal.export.register import Leak
from wayseal.vision.picture import read_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
leak = Leak(read_picture(Path(sys.argv[1]), longest=4096))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, max(leak.plane.shape))
"""


@pytest.mark.parametrize(("name", "megabytes"), [("a.jpg", 500), ("a.png", 900)])
def test_memory_is_bounded(tmp_path: Path, name: str, megabytes: int) -> None:
    """Reading a leak of a hundred megapixels takes a bounded amount of memory and leaves a plane of at most 4,096 a side."""
    cv2.imwrite(str(tmp_path / name), np.full((9_900, 9_900, 3), 90, np.uint8))
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(tmp_path / name)], capture_output=True, text=True, check=True
    )
    grown, side = (int(word) for word in done.stdout.split())
    assert grown < megabytes * 1000
    assert side <= 4096


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_files(leaked: np.ndarray, run: Run, tmp_path: Path) -> None:
    """A folder of ten thousand files, one of them ours, is gone through in order, and the one is found."""
    folder = tmp_path / "dump"
    folder.mkdir()
    junk = to_jpeg(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    for number in range(9_999):
        (folder / f"{number:05d}.jpg").write_bytes(junk if number % 10 else b"text")
    (folder / "05000-ours.jpg").write_bytes(to_jpeg(leaked, 70))
    lines = json.loads(run(folder, "--json").stdout)
    assert len(lines) == 10_000
    assert [line["file"] for line in lines if line["decision"] == "attributed"] == [
        str(folder / "05000-ours.jpg")
    ]


def test_trace_for_an_incident(leaked: np.ndarray, run: Run, tmp_path: Path, home: Path, line: Line) -> None:
    """What `incident trace` finds is on the ledger under the incident; an unknown incident is refused before anything is opened."""
    assert run is not None
    file = tmp_path / "leak.jpg"
    file.write_bytes(to_jpeg(leaked, 70))
    secret = ("--passphrase-file", str(tmp_path / "passphrase"))

    def call(*words: object) -> Result:
        return CliRunner().invoke(
            root,
            ["--home", str(home), *map(str, words), *secret],
            catch_exceptions=False,
            standalone_mode=False,
        )

    with open_site(home, PASSPHRASE, clock=line.clock) as site:
        before = site.ledger.size
        with pytest.raises(NotFound):
            call("incident", "trace", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", file)
        assert site.ledger.size == before
    opened = call(
        "incident",
        "open",
        "--principal",
        "officer-5",
        "--since",
        "2026-11-22T00:00:00Z",
        "--reason",
        "leaked",
        "--json",
    )
    incident = json.loads(opened.stdout)["incident"]
    (found,) = json.loads(call("incident", "trace", incident, file, "--json").stdout)
    assert (found["decision"], found["recipient"]) == ("attributed", "officer-5")
    with open_site(home, PASSPHRASE, clock=line.clock) as site:
        entries = [site.ledger.entry(index) for index in site.ledger.find(type="leak")]
    assert {entry["incident"] for entry in entries} == {incident}

"""The contract, in the order of a day at a port: each command's JSON, its exit code, and its words when it refuses."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from session import Session

LINE = {
    "encounter", "lane", "direction", "time", "speed_mph", "plate", "occupants_seen", "occupants", "gallery", "gallery_size",
    "threshold", "fpir_target", "model_sha256", "seconds",
}  # fmt: skip
OCCUPANT = {"seat", "quality", "reasons", "inter_eye_px", "record", "outcome", "candidates", "frame", "box"}


def test_01_init(ws: Session) -> None:
    """A home is made once; a second time is a usage error with a hint."""
    made = ws.call("init", "--evaluation", "--json")
    assert (made.code, made.json["evaluation"]) == (0, True)
    again = ws.call("init", "--json")
    assert (again.code, again.out) == (2, "")
    assert "hint:" in again.err


def test_02_wrong_passphrase(ws: Session, tmp_path: Path) -> None:
    """A wrong passphrase is refused with code 3, and neither passphrase is repeated."""
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase at all", encoding="ascii")
    answer = ws.call("encounter", "list", "--json", secret=wrong)
    assert (answer.code, answer.out) == (3, "")
    assert "not the passphrase" not in answer.err


def test_03_gallery_import(ws: Session, video: Path, tmp_path: Path) -> None:
    """Good pictures go in; missing, empty, faceless, grey 16-bit and huge ones are rows with a reason, never a crash."""
    with (video.parent / "gallery.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture", encoding="ascii")
    cv2.imwrite(str(tmp_path / "landscape.png"), np.tile(np.linspace(0, 255, 640, dtype=np.uint8), (480, 1)))
    cv2.imwrite(str(tmp_path / "deep.png"), np.zeros((64, 64), np.uint16))
    cv2.imwrite(str(tmp_path / "huge.png"), np.zeros((6400, 6400), np.uint8))
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    listed = tmp_path / "list.csv"
    with listed.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "identity"])
        writer.writerows([[str((video.parent / row["path"]).resolve()), row["identity"]] for row in rows])
        bad = ["missing.jpg", "empty.jpg", "text.png", "landscape.png", "deep.png", "huge.png", "dot.png"]
        writer.writerows([[name, "nobody"] for name in bad])
    answer = ws.call("gallery", "import", listed, "--gallery", "port", "--json")
    assert answer.code == 0, answer.err
    report = answer.json
    assert report.keys() == {"gallery", "images", "enrolled", "rejected", "travellers"}
    assert (report["enrolled"], report["travellers"]) == (len(rows), len({row["identity"] for row in rows}))
    assert [one["path"] for one in report["rejected"]] == bad
    assert all(one["reason"] for one in report["rejected"])
    assert ws.call("gallery", "import", tmp_path / "text.png", "--gallery", "port").code == 2


def test_04_lane_run(ws: Session, video: Path) -> None:
    """One line a vehicle, then the summary; the enrolled driver is matched, the plate is read, the rest is not guessed."""
    answer = ws.call("lane", "run", "--source", video, "--lane", "lane1", "--gallery", "port", "--json")
    assert answer.code == 0, answer.err
    *vehicles, last = answer.lines
    assert last["summary"].keys() == {
        "vehicles", "occupants_seen", "captured", "matched", "frames", "dropped_frames", "fps", "seconds",
    }  # fmt: skip
    truth = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
    assert len(vehicles) == len(truth["vehicles"]) == last["summary"]["vehicles"]
    (line,), (known,) = vehicles, truth["vehicles"]
    assert line.keys() >= LINE
    assert all(person.keys() >= OCCUPANT for person in line["occupants"])
    assert line["plate"]["text"] == known["plate"]["text"].replace("-", "").replace(" ", "")
    right = {who["seat"]: who["identity"] for who in known["occupants"] if who["enrollable"]}
    matched = {
        who["seat"]: who["candidates"][0]["traveller"]
        for who in line["occupants"]
        if who["outcome"] == "match"
    }
    assert matched == right


def test_05_encounters(ws: Session) -> None:
    """The encounter is there with its class, epoch and expiry; an unknown one is not found."""
    (line,) = ws.call("encounter", "list", "--json").json
    assert line.keys() >= LINE | {"record_class", "epoch", "expires_at", "status"}
    assert line["status"] == "live"
    assert ws.call("encounter", "show", line["encounter"], "--json").json["plate"] == line["plate"]
    assert "driver" in ws.call("encounter", "show", line["encounter"]).out
    assert ws.call("encounter", "show", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH").code == 2
    assert ws.call("encounter", "list", "--csv").out.startswith("encounter,time,lane")
    assert ws.call("encounter", "list", "--since", "2000-01-01").code == 2
    for limit in ("-1", "0", "99999999999999999999"):
        answer = ws.call("encounter", "list", "--limit", limit, "--json")
        assert (answer.code, answer.out) == (2, "")
        assert ws.call("crossing", "list", "--limit", limit, "--json").code == 2


def test_06_release(ws: Session) -> None:
    """Nothing opens without an intent on the ledger (code 3); with one it opens once."""
    (line,) = ws.call("encounter", "list", "--json").json
    record = next(who["record"] for who in line["occupants"] if who["record"])
    assert ws.call("release", "open", record, "--json").code == 3
    asked = ws.call("release", "request", record, "--purpose", "primary_inspection", "--json").json
    assert asked.keys() >= {"release", "record", "purpose", "ledger_index", "proof"}
    opened = ws.call("release", "open", asked["release"], "--json")
    assert opened.json["bytes"] > 1000
    assert ws.call("release", "open", asked["release"], "--json").code == 3
    assert ws.call("release", "request", record, "--purpose", "curiosity").code == 2
    vendor = ws.call("release", "request", record, "--purpose", "primary_inspection", "--role", "vendor")
    assert (vendor.code, "vendors-never-see-records" in vendor.err) == (3, True)
    assert len(ws.call("release", "list", "--record", record, "--json").json) == 1


def test_07_crossings(ws: Session) -> None:
    """Each occupant has a crossing; a decision is taken once and needs to fit the lane."""
    (line,) = ws.call("encounter", "list", "--json").json
    crossings = ws.call("crossing", "list", "--json").json
    assert {one["seat"] for one in crossings} == {who["seat"] for who in line["occupants"]}
    assert crossings[0].keys() >= {
        "crossing", "traveller", "direction", "lane", "time", "plate", "decision", "paired_with",
    }  # fmt: skip
    decide = ("crossing", "decide", line["encounter"], "driver", "--reason", "documents")
    assert ws.call(*decide, "--verdict", "departed").code == 2
    assert ws.call(*decide, "--verdict", "admit", "--json").json["decision"] == "admit"
    assert ws.call(*decide, "--verdict", "admit").code == 3
    assert ws.call("crossing", "list", "--unpaired", "--older-than", "30d", "--json").json == []
    assert ws.call("crossing", "list", "--since", "2100-01-01T00:00:00Z", "--json").json == []


def test_08_exit_lane_pairs(ws: Session, video: Path) -> None:
    """The same people leave by an exit lane: the known traveller's exit is paired with the open entry."""
    ran = ws.call(
        "lane",
        "run",
        "--source",
        video,
        "--lane",
        "out1",
        "--gallery",
        "port",
        "--direction",
        "exit",
        "--json",
    )
    assert ran.code == 0, ran.err
    exits = [one for one in ws.call("crossing", "list", "--json").json if one["direction"] == "exit"]
    known = [one for one in exits if one["traveller"]]
    assert known
    assert all(one["paired_with"] for one in known)
    assert ws.call("crossing", "list", "--unpaired", "--json").json == []


def test_09_record_inspect(ws: Session, tmp_path: Path) -> None:
    """A sealed record explains itself without a key; an altered one is an integrity failure that names it."""
    from wayseal.model.ids import RecordId
    from wayseal.station.site import open_site
    from wayseal.store.centre import read_record

    (line,) = [one for one in ws.call("encounter", "list", "--json").json if one["lane"] == "lane1"]
    record = next(who["record"] for who in line["occupants"] if who["record"])
    with open_site(ws.home, ws.secret.read_bytes().strip()) as site:
        data = read_record(site.store, RecordId(record))
    (tmp_path / "good").write_bytes(data)
    told = ws.call("record", "inspect", tmp_path / "good", "--json").json
    copied = ws.call("record", "copy", record, "--out", tmp_path / "copy", "--json")
    assert copied.json == {"record": record, "out": str(tmp_path / "copy"), "bytes": len(data)}
    assert (tmp_path / "copy").read_bytes() == data
    assert ws.call("record", "copy", record, "--out", tmp_path / "copy").code == 2
    assert ws.call("record", "copy", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "--out", tmp_path / "none").code == 2
    assert told["header"]["object_id"] == record
    (tmp_path / "cut").write_bytes(data[:-7])
    broken = ws.call("record", "inspect", tmp_path / "cut", "--json")
    assert (broken.code, record in broken.err) == (4, True)


def test_10_ledger(ws: Session, tmp_path: Path) -> None:
    """The ledger verifies without a passphrase, is exported in tiles, and proves an entry offline."""
    told = ws.call("ledger", "verify", "--json")
    assert told.code == 0
    assert told.json["consistent"] is True
    assert told.json.keys() >= {"size", "root", "signatures", "cosignatures"}
    assert ws.call("ledger", "export", tmp_path / "tiles").code == 0
    assert (tmp_path / "tiles" / "checkpoint").is_file()
    assert ws.call("ledger", "verify", "--dir", tmp_path / "tiles", "--json").code == 0
    assert ws.call("ledger", "prove", "0", "--json").code == 0
    assert ws.call("ledger", "show", "--since", "2026-13-45", "--json").code == 2
    assert ws.call("ledger", "show", "--since", "2001-01-01", "--limit", "1", "--json").json[0]["index"] > 0


def test_11_home_holds_no_plaintext(ws: Session, tmp_path: Path) -> None:
    """After a day's work a search of every byte of the home finds no picture, plate or key; a planted one is found."""
    plates = {line["plate"]["text"] for line in ws.call("encounter", "list", "--json").json if line["plate"]}
    needles = tmp_path / "needles"
    needles.write_text("\n".join(plates), encoding="ascii")
    clean = ws.call("retention", "residue", "--json", "--needles", needles)
    assert (clean.code, clean.json["findings"]) == (0, []), clean.out[:2000]
    assert clean.json["scanned_bytes"] > 100_000
    planted = tmp_path / "home"
    shutil.copytree(ws.home, planted)
    plate = plates.pop()
    (planted / "store" / "note.txt").write_text(f"seen {plate} today", encoding="ascii")
    ok, picture = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (120, 90, 3), np.uint8))
    assert ok
    (planted / "lanes" / "core.123").write_bytes(b"\0" * 5000 + picture.tobytes() + b"\0" * 100)
    found = ws.call("retention", "residue", "--path", planted, "--needles", needles, "--json")
    assert found.code == 1
    assert {Path(one["path"]).name for one in found.json["findings"]} == {"note.txt", "core.123"}


def test_12_reconcile(ws: Session) -> None:
    """Captured is live plus erased plus exported, for each lane and day."""
    day = ws.call("encounter", "list", "--json").json[0]["time"][:10]
    told = ws.call("reconcile", "--day", day, "--json")
    assert told.code == 0, told.out


def test_12_hold(ws: Session) -> None:
    """A record is kept by two different people until a day, shows as held, and goes back when the hold is lifted."""
    from datetime import UTC, datetime, timedelta

    line = ws.call("encounter", "list", "--json").json[0]
    record = next(who["record"] for who in line["occupants"] if who["record"])
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="seconds").replace("+00:00", "Z")
    place = ("retention", "hold", record, "--reason", "court-order-1", "--until", until, "--json")
    assert ws.call(*place, "--approver", "one", "--approver", "one").code == 3
    placed = ws.call(*place, "--approver", "one", "--approver", "two")
    assert placed.code == 0, placed.err
    hold = placed.json["hold"]
    assert [(one["hold"], one["records"]) for one in ws.call("retention", "holds", "--json").json] == [
        (hold, 1)
    ]
    assert ws.call("retention", "finish-hold", hold, "--json").json["rewrapped"] == 0
    lifted = ws.call(
        "retention",
        "lift",
        hold,
        "--reason",
        "case-closed",
        "--approver",
        "one",
        "--approver",
        "two",
        "--yes",
        "--json",
    )
    assert lifted.code == 0, lifted.err
    assert ws.call("reconcile", "--day", line["time"][:10], "--json").code == 0


def test_13_bad_videos(ws: Session, video: Path, tmp_path: Path) -> None:
    """A cut-off video gives what it has, with a warning; a video without a vehicle gives a summary of none."""
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    answer = ws.call("lane", "run", "--source", cut, "--lane", "lane1", "--gallery", "port", "--json")
    assert answer.code in {0, 2}
    assert "Traceback" not in answer.err
    still = tmp_path / "still"
    still.mkdir()
    grey = np.random.default_rng(2).integers(90, 110, (720, 1280, 3), np.uint8)
    for number in range(12):
        cv2.imwrite(str(still / f"{number:03}.jpg"), grey)
    nothing = ws.call("lane", "run", "--source", still, "--lane", "lane1", "--gallery", "port", "--json")
    assert nothing.code == 0, nothing.err
    assert nothing.lines[-1]["summary"]["vehicles"] == 0
    assert nothing.lines[-1]["summary"]["frames"] == 12


@pytest.mark.parametrize(
    "words",
    [("lane", "run", "--source", "nowhere.mp4", "--lane", "lane1", "--gallery", "port"),
     ("lane", "run", "--source", ".", "--lane", "LANE 1", "--gallery", "port"),
     ("lane", "run", "--source", ".", "--lane", "lane1", "--gallery", "nobody"),
     ("gallery", "import", "nowhere.csv", "--gallery", "port"),
     ("release", "open", "x"), ("record", "inspect", "nowhere"), ("nonsense",)],
    ids=lambda words: " ".join(words[:4]),
)  # fmt: skip
def test_14_errors_help(
    ws: Session, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong call exits 2, 3 or 5 with a message, says nothing on stdout, and shows no traceback."""
    monkeypatch.chdir(tmp_path)
    answer = ws.call(*words)
    assert answer.code in {2, 3, 5}
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert "rror" in answer.err


def test_14_figures_outlive_a_plot(ws: Session, tmp_path: Path) -> None:
    """When the curve cannot be drawn, the figures that took long to measure are on stdout all the same."""
    (tmp_path / "pairs.csv").write_text("path_a,path_b,same\na.jpg,b.jpg,1\n", encoding="ascii")
    measure = ("evaluate", "faces", "--pairs", tmp_path / "pairs.csv", "--json")
    answer = ws.call(*measure, "--plot", tmp_path / "curve.png")
    assert (answer.code, answer.json["failure_to_acquire"]) == (2, 1.0)
    assert "nothing to draw" in answer.err


def test_14_port_in_use(ws: Session) -> None:
    """A console whose port is taken says so, with a way out."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = ws.call("serve", "--port", taken.getsockname()[1])
    assert (answer.code, answer.out) == (5, "")
    assert "--port" in answer.err


def test_15_retention(ws: Session) -> None:
    """Nothing is due today; thirteen hours later everything but the crossings is gone for good."""
    from datetime import UTC, datetime, timedelta

    assert ws.call("retention", "plan", "--json").json["due"] == 0
    later = (
        (datetime.now(UTC) + timedelta(hours=13, minutes=1))
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )
    planned = ws.call("retention", "plan", "--as-of", later, "--json").json
    assert planned["as_of"] == later.replace("Z", ".000Z")
    assert planned["due"] > 0
    gone = ws.call("retention", "run", "--as-of", later, "--yes", "--json")
    assert gone.code == 0, gone.err
    assert gone.json["erased"] == planned["due"]
    assert gone.json["epochs_destroyed"]
    lines = ws.call("encounter", "list", "--json").json
    assert {line["status"] for line in lines} == {"erased"}
    assert all(line["plate"] is None and line["occupants"] == [] for line in lines)
    assert all(one["plate"] for one in ws.call("crossing", "list", "--json").json)
    assert ws.call("ledger", "verify", "--json").code == 0


def test_16_as_of_only_on_test_sites(
    secret: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A real site does not take a pretended time."""
    real = Session(tmp_path / "home", secret, capsys)
    assert real.call("init").code == 0
    assert real.call("retention", "plan", "--as-of", "2030-01-01T00:00:00Z", "--json").code == 3
    assert real.call("config", "check", "--json").json["valid"] is True
    with (real.home / "wayseal.toml").open("a", encoding="utf-8") as file:
        file.write("\n[retentoin]\ndays = 3\n")
    assert real.call("config", "check").code == 2

"""The subcontractor at the lane: root on its computer, its disks, its memory, its wires, and a USB drive in the pocket.

Owns the acts before anything left the port's network. Takes the lane's own files and its passphrase, as root can; nothing of the
centre's.
"""

import hashlib
import io
import os
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cv2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from wayseal.model.oversight import SubjectKind
from wayseal.retention.carve import is_jpeg
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.station.incidents import scope_subject
from wayseal.store.engine import read
from wayseal.store.records import get_record
from wayseal.testing.breach.attempts import is_scanner_sound
from wayseal.testing.breach.loot import COMMON, Loot, search_loot, try_keys
from wayseal.testing.breach.scale import LANE
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import REMAINS, Found, Outcome

LIVE_FEED = "the live feed before sealing (S-1): root at the lane sees the vehicles that pass while it is there, at the rate of the lane"
PASSING = 3
"""Vehicles that pass while somebody with root is there."""
_REGION = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw\S* \S+ \S+ (\d+)\s*(\S*)")
_LARGEST = 512 << 20
HOOK = """
import itertools, os, wayseal.seal.device as d
_seal, _n, _to = d.SealChain.seal, itertools.count(), os.environ["STOLEN"]
def seal(self, body, **more):
    if body[:3] == b"\\xff\\xd8\\xff":
        with open(f"{_to}/{next(_n):05d}.jpg", "wb") as f:
            f.write(body)
    return _seal(self, body, **more)
d.SealChain.seal = seal
"""
"""What somebody with root puts before the lane's own program: a copy of each picture on its way into the seal."""


def look_at_disk(stage: Stage) -> Found:
    """Search every file of the lane's computer for pictures, templates, plates and keys in the clear."""
    found = scan([stage.lane_home], Needles(texts=_plates(stage)))
    kinds = sorted({one.kind for one in found.findings})
    evidence = {
        "scanned_bytes": found.scanned_bytes, "findings": len(found.findings), "kinds": kinds,
        "files": sum(1 for one in stage.lane_home.rglob("*") if one.is_file()), "vehicles_passed": len(stage.plates),
        "planted_found": is_scanner_sound(stage),
    }  # fmt: skip
    faults = {
        "pictures-in-the-clear": bool(found.findings), "tools-blunt": not evidence["planted_found"],
        "not-all-read": bool(found.unreadable), "nobody-passed": not stage.sealed or not evidence["files"],
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def copy_disk(stage: Stage) -> Found:
    """Copy the lane computer's disk to a drive, and carve the copy."""
    drive = stage.thief / "usb-drive"
    shutil.rmtree(drive, ignore_errors=True)
    shutil.copytree(stage.lane_home, drive)
    stage.stolen["drive"] = drive
    found = scan([drive], Needles(texts=_plates(stage)))
    sealed = len(search_loot([drive]).records)
    evidence = {
        "copied_bytes": found.scanned_bytes, "sealed_records": sealed, "carved": len(found.findings),
        "planted_found": is_scanner_sound(stage),
    }  # fmt: skip
    faults = {
        "pictures-carved": bool(found.findings), "nothing-copied": not sealed, "tools-blunt": not evidence["planted_found"],
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)


def carry_away(stage: Stage) -> Found:
    """Carry the copy to another network and try every key that lies on it, with the lane's own passphrase in hand."""
    words = [stage.secrets["lane"].read_bytes().strip(), *COMMON]
    stage.loot["lane"] = loot = search_loot([stage.stolen["drive"]], words)
    tried, own = try_keys(loot), holds_own_key(loot)
    faults = {
        "records-opened": bool(tried.opened), "nothing-to-try": not tried.records or not tried.keys,
        "keeper-not-opened": tried.keepers_opened < max(1, tried.keepers), "own-key-not-found": not own,
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, {**tried.describe(), "own_signing_key_found": own})


def holds_own_key(loot: Loot) -> bool:
    """Say whether the key that signed the stolen records is among the keys that were found: then none that lies there was missed."""
    devices = {one.header.device for one in loot.records}
    publics = (Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw() for key in loot.keys)
    return any(hashlib.sha256(public).hexdigest() in devices for public in publics)


def tap_wire(stage: Stage) -> Found:
    """Listen on the wire between lane and centre, carve what passed, and try the lane's own keys on it."""
    size = stage.tap.captured()
    found = scan([stage.tap.file], Needles(texts=_plates(stage)))
    seen = search_loot([stage.tap.file])
    keys = stage.loot.get("lane", seen).keys
    tried = try_keys(replace(seen, keys=keys))
    delivered = _count_delivered(stage)
    evidence = {
        "captured_bytes": size, "delivered_bytes": delivered, "carved": len(found.findings),
        "sealed_records_on_the_wire": len(seen.records), "planted_found": is_scanner_sound(stage),
    }  # fmt: skip
    faults = {
        "pictures-on-the-wire": bool(found.findings), "records-opened": bool(tried.opened),
        "beside-the-wire": size < delivered or not delivered, "tools-blunt": not evidence["planted_found"],
    }  # fmt: skip
    return Found.judge(
        Outcome.USELESS,
        faults,
        {**evidence, "keys_tried": tried.keys if seen.records else 0, "opened": len(tried.opened)},
    )


def _count_delivered(stage: Stage) -> int:
    """Return how many sealed bytes of the lane the centre has: all of them went over the wire."""
    with read(stage.site.store.engine) as connection:
        rows = [get_record(connection, record) for record in stage.sealed]
    return sum(row.padded_size for row in rows)


def watch_live_feed(stage: Stage) -> Found:
    """Read the lane's memory as root, then put a tap before its seal while vehicles pass; count what that shows.

    What passes is the vehicles and whatever canaries the lane drew between them; the centre counts both.
    """
    remembered = count_pictures(stage.running["lane"].pid)
    stolen = stage.thief / "live-feed"
    stolen.mkdir(parents=True, exist_ok=True)
    stage.end_lane()
    counted = _count_images(stage)
    os.environ["STOLEN"] = str(stolen)
    stage.start_lane(HOOK)
    stage.watched_cast = stage.cast
    passed = stage.drive(PASSING)
    del os.environ["STOLEN"]
    stage.start_lane()
    stage.sealed += passed
    stage.watched = passed
    stage.stolen["live"] = stolen
    taken, scope = len(list(stolen.glob("*.jpg"))), _count_images(stage)
    evidence = {
        "pictures_tapped": taken, "vehicles_meanwhile": PASSING, "counted_meanwhile": scope - counted,
        "pictures_in_memory": remembered, "sealed_before": stage.scale.live * (stage.scale.occupants + 1),
        "incident_scope_images": scope,
    }  # fmt: skip
    faults = {
        "not-counted": taken > scope - counted, "tap-shows-nothing": not taken,
        "passed-uncounted": scope - counted < PASSING * (stage.scale.occupants + 1),
    }  # fmt: skip
    if any(faults.values()):
        return Found.judge(Outcome.OPEN, faults, evidence)
    return Found(Outcome.OPEN, {REMAINS: LIVE_FEED, **evidence})


def _count_images(stage: Stage) -> int:
    """Return how many pictures an incident about the lane would concern by now."""
    scope, _ = scope_subject(
        stage.site, SubjectKind.DEVICE, LANE, since=stage.began, until=stage.site.clock()
    )
    return scope.images


def count_pictures(pid: int) -> int | None:
    """Return how many different pictures a process holds in memory; None where the kernel does not let root look."""
    found: set[bytes] = set()
    try:
        with (
            Path(f"/proc/{pid}/maps").open(encoding="ascii") as maps,
            Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory,
        ):
            for line in maps:
                match = _REGION.match(line)
                if match is None or match[3] != "0":
                    continue
                start, end = int(match[1], 16), int(match[2], 16)
                if end - start > _LARGEST:
                    continue
                with suppress(OSError, OverflowError, ValueError):
                    memory.seek(start)
                    found |= {part[:4096] for part in carve_pictures(memory.read(end - start))}
    except OSError:
        return None
    return len(found)


def carve_pictures(data: bytes) -> list[bytes]:
    """Return the JPEGs in a run of bytes that decode."""
    pictures, at = [], data.find(b"\xff\xd8\xff")
    while at >= 0:
        end = data.find(b"\xff\xd9", at + 4, at + (4 << 20))
        if end > 0 and is_jpeg(data, at):
            part = data[at : end + 2]
            with suppress(OSError, SyntaxError, ValueError):  # what Pillow raises for what is no picture
                Image.open(io.BytesIO(part)).load()
                pictures.append(part)
        at = data.find(b"\xff\xd8\xff", at + 3)
    return pictures


def list_stolen_faces(folder: Path, count: int) -> list[Path]:
    """Return the files of the tap before the seal that show people: those as large as a face is painted."""
    faces = []
    for file in sorted(folder.glob("*.jpg")):
        picture = cv2.imread(str(file))
        if picture is not None and picture.shape[0] == picture.shape[1]:
            faces.append(file)
    return faces[:count]


def _plates(stage: Stage) -> tuple[str, ...]:
    """Return what stood on the plates that passed this lane."""
    return tuple(dict.fromkeys(stage.plates))

"""Canaries: vehicles that never were, whose pictures nobody has a reason to open. Whoever opens records at random meets one.

For about one vehicle in 500 a lane lets another pass that has the same number of people, pictures of noise of about the same
size, and a time of its own. On disk, in the database and on the ledger it is an encounter like the others, with templates that
are searched and crossings that nobody decides; only what is sealed says what it is, and only the keyroom keeps the list. Screens
and lists leave it out. Owns how a canary is made, and which records are canaries, as keyed tags.
"""

import hmac
import random
import sqlite3
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from wayseal.model.border import Occupant, PlainImage, VehiclePass
from wayseal.model.ids import RecordId

ONE_IN = 500
WAIT_S = (2.0, 20.0)
"""How long after its model a canary passes, in seconds."""
APART_S = 1.5
"""A canary follows no vehicle more closely than this: two vehicles do not pass one lane at once."""
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_SCHEMA = "CREATE TABLE IF NOT EXISTS canary (tag BLOB PRIMARY KEY) WITHOUT ROWID"


class CanaryBook:
    """The keyroom's list of canaries. Without its key nobody can tell from the file which records they are."""

    def __init__(self, file: Path, key: bytes | bytearray) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._mac = hmac.new(key, b"wayseal-canary/v1", "sha256")
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, record: RecordId) -> None:
        """Note a canary, durably. Repeating it does nothing."""
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO canary VALUES (?)", (self._tag(record),))

    def is_canary(self, record: RecordId) -> bool:
        """Return whether a record is one."""
        with self._lock:
            found = self._database.execute(
                "SELECT 1 FROM canary WHERE tag = ?", (self._tag(record),)
            ).fetchone()
        return found is not None

    def _tag(self, record: RecordId) -> bytes:
        mac = self._mac.copy()
        mac.update(record.encode())
        return mac.digest()


class Decoys:
    """A lane's canaries: now and then a vehicle is noted, and some seconds later one like it is due that never was."""

    def __init__(self, *, one_in: int = ONE_IN, rng: random.Random | None = None) -> None:
        self._one_in = one_in
        self._rng = rng or random.SystemRandom()
        self._model: VehiclePass | None = None
        self._due: datetime | None = None
        self._last: datetime | None = None

    def note(self, seen: VehiclePass) -> None:
        """Note a vehicle that has passed; about one in so many with a face becomes the model of a canary."""
        self._last = seen.left
        has_face = any(person.picture is not None for person in seen.occupants)
        if self._model is None and has_face and not self._rng.randrange(self._one_in):
            self._model = seen
            self._due = seen.left + timedelta(seconds=self._rng.uniform(*WAIT_S))

    def take_due(self, now: datetime) -> VehiclePass | None:
        """Return the canary that is due, once and not right behind a vehicle, or None."""
        if self._model is None or self._due is None or self._last is None or now < self._due:
            return None
        if now - self._last < timedelta(seconds=APART_S):
            return None
        model, self._model = self._model, None
        return make_decoy(model, now, self._rng)


def make_decoy(like: VehiclePass, now: datetime, rng: random.Random) -> VehiclePass:
    """Return a vehicle that has just left and never was: as many people as `like`, with noise for pictures and templates."""
    plate = like.plate
    if plate is not None:
        text = "".join(rng.choice(_LETTERS) for _ in plate.text)
        plate = replace(plate, text=text, picture=_make_noise(plate.picture, rng))
    return replace(
        like,
        entered=now - (like.left - like.entered),
        left=now,
        plate=plate,
        occupants=tuple(_make_nobody(person, now, rng) for person in like.occupants),
        scene=_make_noise(like.scene, rng),
        canary=True,
    )


def _make_nobody(like: Occupant, now: datetime, rng: random.Random) -> Occupant:
    """Return somebody who is nobody, in the same seat."""
    template = None
    if like.template is not None:
        vector = np.random.default_rng(rng.getrandbits(128)).normal(size=like.template.vector.shape)
        template = replace(like.template, vector=(vector / np.linalg.norm(vector)).astype(np.float32))
    best = None if like.best is None else replace(like.best, time=now, template=template)
    return replace(like, best=best, picture=_make_noise(like.picture, rng), template=template)


def _make_noise(like: PlainImage | None, rng: random.Random) -> PlainImage | None:
    """Return random bytes between a JPEG's beginning and end, about as long as a picture: under the seal no different from one."""
    if like is None:
        return None
    size = max(len(_HEAD) + 3, round(len(like.data) * rng.uniform(0.9, 1.1)))
    return PlainImage(_HEAD + rng.randbytes(size - len(_HEAD) - 2) + b"\xff\xd9", like.width, like.height)

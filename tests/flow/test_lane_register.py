"""The centre's register of lanes: its files can let in nobody whom the ledger does not."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lineparts import MovableClock

from wayseal.ledger.log import Ledger
from wayseal.model.border import Direction
from wayseal.model.errors import Integrity, Refused
from wayseal.seal.keys.durable import write_file
from wayseal.station import carrier_register
from wayseal.station.carrier_register import LaneRegister

TLS = "cd" * 32


@pytest.fixture
def register(tmp_path: Path, clock: MovableClock) -> Iterator[LaneRegister]:
    """A register with a ledger of its own."""
    ledger = Ledger.create(tmp_path / "ledger", origin="port.example/lanes", clock=clock)
    yield LaneRegister(tmp_path / "lanes", ledger, clock)
    ledger.close()


def enrol(register: LaneRegister, clock: MovableClock, ticket: str = "ab" * 32) -> str:
    """Let a computer join as lane1, and return the digest of its sealing key."""
    register.invite("lane1", Direction.ENTRY, ticket, clock() + timedelta(hours=1))
    sealing = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return register.join("lane1", ticket=ticket, sealing=sealing, tls=TLS).device


def test_a_revoked_lane_stays_out_whatever_its_file_says(
    register: LaneRegister, clock: MovableClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the ledger and the file, or a file from a backup, lets no revoked lane in; joining anew does."""
    device = enrol(register, clock)
    file = tmp_path / "lanes" / "lane1.json"
    before = file.read_bytes()

    def crash(_file: Path, _data: bytes) -> None:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(carrier_register, "write_file", crash)
        with pytest.raises(OSError):  # noqa: PT011 - the crash itself
            register.revoke("lane1")
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            register.admit("lane1", device=device, tls=TLS)
        assert caught.value.facts["code"] == "lane-revoked"
        assert [one.state for one in register.entries()] == ["revoked"]
        register.revoke("lane1")
        write_file(file, before)
    fresh = enrol(register, clock, ticket="ef" * 32)
    assert register.admit("lane1", device=fresh, tls=TLS).state == "enrolled"


def test_a_key_that_never_joined(register: LaneRegister, clock: MovableClock, tmp_path: Path) -> None:
    """Somebody who writes a key of their own into a lane's file gets it on no roster."""
    enrol(register, clock)
    file = tmp_path / "lanes" / "lane1.json"
    real = register.find("lane1").sealing
    write_file(file, file.read_bytes().replace(real.encode(), b"11" * 32))
    with pytest.raises(Integrity):
        register.find("lane1")
    with pytest.raises(Integrity):
        list(register.entries())

"""Parts of the ledger tests: keys, entries, ledgers, witnesses and policies with fixed seeds and a clock of their own."""

import base64
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wayseal.ledger.checkpoint import SeedSigner, log_keys
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.witness import Witness
from wayseal.ledger.witness_http import WitnessServer
from wayseal.ledger.witness_setup import create_witness
from wayseal.model.clock import Clock, to_text

ORIGIN = "port.example/ledger"
LOG = SeedSigner(b"\x01" * 32, b"\x02" * 32)
LOG_KEYS = log_keys(ORIGIN, LOG)
START = datetime(2026, 11, 22, 7, tzinfo=UTC)
_ORACLES = Path(__file__).resolve().parents[3] / ".tools" / "oracles"


@dataclass
class Hands:
    """A clock that stands still until somebody moves it."""

    now: datetime = field(default=START)

    def __call__(self) -> datetime:
        """Return the time it shows."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move it on, or back."""
        self.now += timedelta(seconds=seconds)


def make_ulid(number: int) -> str:
    """Return the ULID that `number` spells, for entries that tests can name."""
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "01" + "".join(digits[(number >> shift) & 31] for shift in range(115, -1, -5))


def make_capture(number: int, **more: Any) -> dict[str, Any]:
    """Return a capture entry for record `number`."""
    return {
        "type": "capture", "time": to_text(START + timedelta(seconds=number)), "object": make_ulid(number), "lane": "lane-1",
        "epoch": "citizen/2026-11-22T07Z", "kind": "face", "sealed_sha256": f"{number:064x}", "device": "lane-1", **more,
    }  # fmt: skip


def make_ledger(folder: Path, size: int = 0, *, sign: bool = True) -> Ledger:
    """Return a ledger of `size` captures, with its keys beside it and, unless told otherwise, a signed checkpoint."""
    ledger = Ledger.create(folder, origin=ORIGIN, clock=Hands())
    ledger.write_keys(LOG)
    ledger.append([make_capture(number) for number in range(size)])
    if sign:
        ledger.sign_checkpoint(LOG)
    return ledger


def make_witness(folder: Path, name: str = "auditor.example/w1", clock: Clock | None = None) -> Witness:
    """Return a fresh witness of the test ledger, anchored beside its folder."""
    create_witness(folder, name=name, anchor=folder.with_name(f"{folder.name}.anchor"))
    return Witness(folder, LOG_KEYS, clock=clock or Hands())


def make_request(ledger: Ledger, old: int, note: str | None = None) -> bytes:
    """Return an add-checkpoint request for a checkpoint of the ledger (its newest one)."""
    note = note or ledger.sign_checkpoint(LOG)
    size = int(note.split("\n")[1])
    proof = [base64.b64encode(value).decode() for value in ledger.consistency(old, size)]
    return "\n".join([f"old {old}", *proof, "", note]).encode()


def make_policy(keys: dict[str, tuple[VerifierKey, ...]], *, threshold: str = "all") -> str:
    """Return a policy of the test log and of witnesses, given as URL and keys; each witness's keys must all sign."""
    lines = [f"log {key}" for key in LOG_KEYS]
    for number, (url, own) in enumerate(keys.items()):
        lines += [f"witness w{number}-{place} {key} {url}" for place, key in enumerate(own)]
        lines.append(f"group g{number} all " + " ".join(f"w{number}-{place}" for place in range(len(own))))
    lines += [f"group quorum-group {threshold} " + " ".join(f"g{number}" for number in range(len(keys)))]
    return "\n".join([*lines, "quorum quorum-group", ""])


def import_oracles() -> None:
    """Make the independent verifier and witness importable, or skip the test."""
    if not (_ORACLES / "aics_tlog").is_dir():
        pytest.skip("no independent verifier; run tools/setup-oracles")
    if str(_ORACLES) not in sys.path:
        sys.path.append(str(_ORACLES))


@contextmanager
def serve_witness(witness: Witness) -> Iterator[str]:
    """Serve a witness on a free loopback port and give its URL."""
    server = WitnessServer(("127.0.0.1", 0), witness)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

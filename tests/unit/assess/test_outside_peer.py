"""p11 against real TLS doors: mutual TLS passes; a door that takes strangers in any of six ways is caught."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from netparts import NOW, Badge, answer, closed_endpoint, hang, listen, make_equipment, server_tls

from wayseal.assess.outside.peer import probe_peer
from wayseal.assess.outside.view import OutsideView, Peer
from wayseal.assess.outside.wire import Endpoint
from wayseal.assess.probe import Seen
from wayseal.model.oversight import Result

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Door:
    """Everybody's certificates."""

    authority: Badge
    centre: Badge
    lane: Badge
    foreign: Badge
    impostor: Badge

    def tls(self, **options: object) -> ssl.SSLContext:
        """The door's proper settings."""
        return server_tls(self.centre, clients=self.authority, **options)  # type: ignore[arg-type]

    def look(self, service: Endpoint, *, pin: str | None = None, limit_s: float = 30.0) -> Seen:
        """Run the probe against a door."""
        peer = Peer(service, pin or self.centre.sha256, self.foreign.pair, self.impostor.pair, self.lane.pair)
        return probe_peer(
            OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=limit_s, peer=peer)
        )


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """An authority, its centre and lane, and two strangers."""
    authority, strange = Badge(tmp_path, "authority"), Badge(tmp_path, "authority")
    return Door(
        authority,
        Badge(tmp_path, "centre", issuer=authority),
        Badge(tmp_path, "lane1", issuer=authority),
        Badge(tmp_path, "foreign"),
        Badge(tmp_path, "lane1", issuer=strange),
    )


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Servers that end with the test."""
    with ExitStack() as opened:
        yield opened


def test_mutual_tls_passes(door: Door, stack: ExitStack) -> None:
    """A door that takes its own authority's lanes only, over TLS 1.3, passes."""
    seen = door.look(stack.enter_context(listen(answer(OK), tls=door.tls())))
    assert seen.result is Result.PASS, seen.reason


def test_anybody_is_let_in(door: Door, stack: ExitStack) -> None:
    """A door without client certificates lets in all three strangers, and each is named."""
    seen = door.look(stack.enter_context(listen(answer(OK), tls=server_tls(door.centre))))
    assert seen.result is Result.FAIL
    for name in ("nobody", "a foreign certificate", "a genuine name"):
        assert f"{name} is let in" in seen.reason


def test_second_authority(door: Door, stack: ExitStack) -> None:
    """An authority too many in the door's trust lets the foreign certificate in, and nobody else."""
    context = door.tls()
    context.load_verify_locations(door.foreign.certificate_file)
    seen = door.look(stack.enter_context(listen(answer(OK), tls=context)))
    assert (seen.result, seen.reason) == (Result.FAIL, "a foreign certificate is let in")


def test_optional_certificates(door: Door, stack: ExitStack) -> None:
    """A door that asks for a certificate without insisting lets somebody in who has none."""
    context = door.tls()
    context.verify_mode = ssl.CERT_OPTIONAL
    seen = door.look(stack.enter_context(listen(answer(OK), tls=context)))
    assert (seen.result, seen.reason) == (Result.FAIL, "nobody is let in")


def test_old_tls(door: Door, stack: ExitStack) -> None:
    """A door that still speaks TLS 1.2 fails."""
    context = server_tls(door.centre, only_tls13=False)
    context.load_verify_locations(door.authority.certificate_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    assert "TLS 1.2 or older" in door.look(stack.enter_context(listen(answer(OK), tls=context))).reason


def test_other_certificate(door: Door, stack: ExitStack) -> None:
    """A door with another certificate than the pinned one fails, whoever signed it."""
    seen = door.look(stack.enter_context(listen(answer(OK), tls=door.tls())), pin="00" * 32)
    assert (seen.result, seen.reason) == (
        Result.FAIL,
        "the door's certificate is not the pinned one",
    )


def test_plain_door(door: Door, stack: ExitStack) -> None:
    """A door without TLS fails."""
    seen = door.look(stack.enter_context(listen(answer(OK))))
    assert seen.result is Result.FAIL
    assert "plain words are answered" in seen.reason
    assert "does not do TLS 1.3" in seen.reason


def test_genuine_lane_refused(door: Door, stack: ExitStack) -> None:
    """A door that refuses everybody, the genuine lane too, proves nothing and fails."""
    context = server_tls(door.centre, clients=door.impostor)
    seen = door.look(stack.enter_context(listen(answer(OK), tls=context)))
    assert "a genuine lane is refused" in seen.reason


def test_gone_or_hanging(door: Door, stack: ExitStack) -> None:
    """A door that is not there, or takes connections and says nothing, is not judged safe."""
    assert door.look(closed_endpoint()).result is Result.ERROR
    seen = door.look(stack.enter_context(listen(hang)), limit_s=1.0)
    assert seen.result is not Result.PASS
    assert "hangs" in seen.reason


def test_untold(door: Door) -> None:
    """Nobody having said where the door is makes an error."""
    assert door.centre.sha256
    assert probe_peer(OutsideView(equipment=make_equipment(), clock=lambda: NOW)).result is Result.ERROR

"""p12: default logins are found on real RTSP and HTTP services, few guesses are made, and a locked door is left alone."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from netparts import (
    NOW,
    Badge,
    answer,
    closed_endpoint,
    gstreamer_camera,
    guarded,
    hang,
    listen,
    make_equipment,
    server_tls,
)

from wayseal.assess.outside.login import COMMON_LOGINS, PAUSE_S, probe_logins
from wayseal.assess.outside.view import Camera, Managed, OutsideView
from wayseal.assess.outside.wire import Endpoint
from wayseal.assess.probe import Seen
from wayseal.model.oversight import EquipmentKind, Result

MAKERS = (("maker", "letmein"),)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Servers that end with the test."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def badge(tmp_path: Path) -> Badge:
    """The camera's own certificate."""
    return Badge(tmp_path, "camera1")


def look(camera: Camera, pauses: list[float] | None = None, limit_s: float = 30.0) -> Seen:
    """Run the probe without waiting between guesses, noting how long it would have waited."""
    waits: list[float] = [] if pauses is None else pauses
    view = OutsideView(
        equipment=make_equipment(),
        clock=lambda: NOW,
        limit_s=limit_s,
        pause=waits.append,
        cameras=(camera,),
    )
    return probe_logins(view)


def make_camera(stream: Endpoint, badge: Badge, **more: Any) -> Camera:
    """A camera whose maker's login is known."""
    return Camera("camera1", stream, "/lane", badge.sha256, **{"default_logins": MAKERS, **more})


def secret_stream(stack: ExitStack, badge: Badge) -> Endpoint:
    """A stream that nobody can guess."""
    talk = guarded("viewer", "a-long-secret", protocol="RTSP/1.0")
    return stack.enter_context(listen(talk, tls=server_tls(badge)))


@pytest.mark.parametrize("login", [("maker", "letmein"), ("admin", "12345")])
def test_gstreamer_default_login(tmp_path: Path, badge: Badge, login: tuple[str, str]) -> None:
    """A real RTSP camera that still has the maker's or a common login is caught, and the password is in no evidence."""
    with gstreamer_camera(tmp_path, badge=badge, login=login) as stream:
        seen = look(make_camera(stream, badge))
    place = [*MAKERS, *COMMON_LOGINS].index(login) + 1
    assert (seen.result, seen.reason) == (
        Result.FAIL,
        f"camera1 stream: login {place} of the list was let in",
    )
    assert login[1].encode() not in seen.evidence


def test_gstreamer_own_login(tmp_path: Path, badge: Badge) -> None:
    """A real RTSP camera with a login of its own passes after the whole list, with a pause between guesses."""
    pauses: list[float] = []
    with gstreamer_camera(tmp_path, badge=badge, login=("viewer", "a-long-secret")) as stream:
        seen = look(make_camera(stream, badge), pauses)
    assert seen.result is Result.PASS, seen.reason
    assert pauses == [PAUSE_S] * (len(MAKERS) + len(COMMON_LOGINS) - 1)


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_web_page(stack: ExitStack, badge: Badge, scheme: str) -> None:
    """A web page with a default login is caught, be it Basic or Digest with SHA-256; one with its own login passes."""
    stream = secret_stream(stack, badge)
    for password, result in (("admin", Result.FAIL), ("not-a-default", Result.PASS)):
        talk = guarded("admin", password, scheme=scheme)
        with listen(talk, tls=server_tls(badge)) as web:
            assert look(make_camera(stream, badge, web=web)).result is result


def test_no_login_needed(stack: ExitStack, badge: Badge) -> None:
    """A service that asks for no login fails."""
    open_stream = stack.enter_context(
        listen(answer(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), tls=server_tls(badge))
    )
    seen = look(make_camera(open_stream, badge))
    assert (seen.result, seen.reason) == (Result.FAIL, "camera1 stream: needs no login")


def test_lock_out(stack: ExitStack, badge: Badge) -> None:
    """Guessing stops at the first sign of a lock-out: a pass when the maker's list was through, an error before."""
    for lock_after, result in ((2, Result.PASS), (0, Result.ERROR)):
        talk = guarded("viewer", "a-long-secret", lock_after=lock_after, protocol="RTSP/1.0")
        with listen(talk, tls=server_tls(badge)) as stream:
            seen = look(make_camera(stream, badge))
        assert seen.result is result, seen.reason
        (service,) = json.loads(seen.evidence)["services"]
        assert (service["guesses"], service["end"]) == (lock_after, "locked")
    assert stack is not None


def test_no_guess_is_no_pass(badge: Badge) -> None:
    """A door that is shut before the first guess shows nothing, though its maker has no default login at all."""
    with listen(answer(b"RTSP/1.0 403 Forbidden\r\nCSeq: 1\r\n\r\n"), tls=server_tls(badge)) as stream:
        seen = look(make_camera(stream, badge, default_logins=()))
    assert seen.result is Result.ERROR


@pytest.mark.parametrize("garbage", [b"\xff" * 9000, b"HTTP/1.1 401 No\r\n\r\n", b"\r\n\r\n"])
def test_garbage(badge: Badge, garbage: bytes) -> None:
    """Nonsense, or a login that is neither Basic nor Digest, is an error and never a pass."""
    with listen(answer(garbage), tls=server_tls(badge)) as stream:
        seen = look(make_camera(stream, badge))
    assert seen.result is Result.ERROR


def test_hanging_and_gone(badge: Badge) -> None:
    """A camera that hangs or is not there is an error."""
    with listen(hang, tls=server_tls(badge)) as stream:
        assert look(make_camera(stream, badge), limit_s=0.3).result is Result.ERROR
    assert look(make_camera(closed_endpoint(), badge)).result is Result.ERROR


def test_unknown_defaults(badge: Badge) -> None:
    """A camera whose maker's logins nobody looked up is an error, without a single guess."""
    seen = look(make_camera(closed_endpoint(), badge, default_logins=None))
    assert (seen.result, json.loads(seen.evidence)) == (Result.ERROR, {"services": []})


def look_managed(*managed: Managed) -> Seen:
    """Run the probe on switches and management controllers."""
    equipment = make_equipment(EquipmentKind.NETWORK)
    view = OutsideView(equipment=equipment, clock=lambda: NOW, pause=lambda _s: None, managed=managed)
    return probe_logins(view)


def test_managed_device(badge: Badge) -> None:
    """A switch with the maker's password is caught, over old TLS or none at all; with one of its own it passes."""
    for tls in (None, server_tls(badge, only_tls13=False)):
        for password, result in (("letmein", Result.FAIL), ("own-secret", Result.PASS)):
            with listen(guarded("maker", password), tls=tls) as web:
                seen = look_managed(Managed("switch1", web, MAKERS, tls=tls is not None))
            assert seen.result is result, seen.reason
    assert look_managed(Managed("switch1", closed_endpoint(), None)).result is Result.ERROR
    assert look_managed().result is Result.NOT_APPLICABLE

"""p09 against real cameras: the plain GStreamer server fails, the one with TLS 1.3 and a login passes, odd ones never do."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from netparts import (
    NOW,
    Badge,
    answer,
    closed_endpoint,
    gstreamer_camera,
    hang,
    listen,
    make_equipment,
    server_tls,
)

from wayseal.assess.outside.stream import probe_streams
from wayseal.assess.outside.view import Camera, OutsideView
from wayseal.assess.outside.wire import Endpoint
from wayseal.assess.probe import Seen
from wayseal.model.oversight import Result

DENIED = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n"
LOGIN = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Servers that end with the test."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def badge(tmp_path: Path) -> Badge:
    """The camera's own certificate."""
    return Badge(tmp_path, "camera1")


def look(*cameras: Camera, limit_s: float = 30.0) -> Seen:
    """Run the probe."""
    view = OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=limit_s, cameras=cameras)
    return probe_streams(view)


def make_camera(stream: Endpoint, badge: Badge, **more: object) -> Camera:
    """A camera whose stream is at an endpoint and whose certificate is pinned."""
    return Camera("camera1", stream, "/lane", badge.sha256, **more)  # type: ignore[arg-type]


def test_plain_gstreamer_fails(tmp_path: Path, badge: Badge) -> None:
    """A plain RTSP server is caught, both because it does not do TLS and because it describes its stream in plain."""
    with gstreamer_camera(tmp_path) as stream:
        seen = look(make_camera(stream, badge))
    assert seen.result is Result.FAIL
    assert "refuses TLS 1.3" in seen.reason or "hangs" in seen.reason
    assert f"plain RTSP is answered at {stream}" in seen.reason


def test_secure_gstreamer_passes(tmp_path: Path, badge: Badge) -> None:
    """A server with TLS 1.3, the pinned certificate and a login passes, and the evidence shows each attempt."""
    with gstreamer_camera(tmp_path, badge=badge, login=("viewer", "long-secret")) as stream:
        seen = look(make_camera(stream, badge, plain_stream=(closed_endpoint(),)))
    assert seen.result is Result.PASS, seen.reason
    attempts = json.loads(seen.evidence)["attempts"]
    assert [one["state"] for one in attempts if one["attempt"] == "stream over TLS 1.2"] == ["alerted"]
    assert attempts[0]["certificate_sha256"] == badge.sha256
    assert attempts[0]["answer"] == "RTSP/1.0 401"


def test_gstreamer_old_tls(tmp_path: Path, badge: Badge) -> None:
    """GStreamer's own defaults accept TLS 1.2, and that is a failure."""
    with gstreamer_camera(tmp_path, badge=badge, login=("viewer", "x"), only_tls13=False) as stream:
        seen = look(make_camera(stream, badge))
    assert (seen.result, seen.reason) == (Result.FAIL, "camera1: the stream accepts TLSv1.2")


def test_gstreamer_no_login(tmp_path: Path, badge: Badge) -> None:
    """A stream that anybody may watch fails, TLS or not."""
    with gstreamer_camera(tmp_path, badge=badge) as stream:
        seen = look(make_camera(stream, badge))
    assert (seen.result, seen.reason) == (
        Result.FAIL,
        "camera1: the stream is described without a login",
    )


def test_second_port_plain(stack: ExitStack, badge: Badge) -> None:
    """A camera that also answers in plain on another port fails, though its stream's own port is in order."""
    stream = stack.enter_context(listen(answer(DENIED), tls=server_tls(badge)))
    plain = stack.enter_context(listen(answer(b"RTSP/1.0 401 Unauthorized\r\n\r\n")))
    assert look(make_camera(stream, badge)).result is Result.PASS
    seen = look(make_camera(stream, badge, plain_stream=(plain,)))
    assert (seen.result, seen.reason) == (Result.FAIL, f"camera1: plain RTSP is answered at {plain}")


def test_other_certificate(stack: ExitStack, badge: Badge, tmp_path: Path) -> None:
    """A certificate with the same name is not the pinned one."""
    stream = stack.enter_context(listen(answer(DENIED), tls=server_tls(Badge(tmp_path, "camera1"))))
    assert "is not the pinned one" in look(make_camera(stream, badge)).reason


def test_expired_certificate(stack: ExitStack, tmp_path: Path) -> None:
    """A pinned certificate that has run out fails, by the assessor's clock."""
    old = Badge(tmp_path, "camera1", until=NOW - timedelta(hours=1))
    stream = stack.enter_context(listen(answer(DENIED), tls=server_tls(old)))
    seen = look(make_camera(stream, old))
    assert (seen.result, seen.reason) == (
        Result.FAIL,
        "camera1: the stream's certificate is not valid today",
    )


def test_onvif_without_login(stack: ExitStack, badge: Badge) -> None:
    """A web service that lists its media profiles to anybody fails; one that asks for a login passes."""
    stream = stack.enter_context(listen(answer(DENIED), tls=server_tls(badge)))
    shut = stack.enter_context(listen(answer(LOGIN), tls=server_tls(badge)))
    loose = stack.enter_context(listen(answer(b"HTTP/1.1 200 OK\r\n\r\n"), tls=server_tls(badge)))
    assert look(make_camera(stream, badge, web=shut)).result is Result.PASS
    seen = look(make_camera(stream, badge, web=loose))
    assert (seen.result, seen.reason) == (Result.FAIL, "camera1: ONVIF answers without a login")


def test_plain_onvif(stack: ExitStack, badge: Badge) -> None:
    """A web page in plain fails under both its names."""
    stream = stack.enter_context(listen(answer(DENIED), tls=server_tls(badge)))
    plain = stack.enter_context(listen(answer(b"HTTP/1.0 200 OK\r\n\r\n")))
    seen = look(make_camera(stream, badge, plain_web=(plain,)))
    assert "plain HTTP is answered" in seen.reason
    assert "ONVIF without a login is answered" in seen.reason


def test_garbage_banner(stack: ExitStack, badge: Badge) -> None:
    """Garbage instead of an answer is a failure with a reason, and none of it is in the evidence."""
    garbage = b"\x00\xff<script>" * 4000
    stream = stack.enter_context(listen(answer(garbage), tls=server_tls(badge)))
    seen = look(make_camera(stream, badge, plain_stream=(stack.enter_context(listen(answer(garbage))),)))
    assert seen.result is Result.FAIL
    assert "speaks TLS but not RTSP" in seen.reason
    assert b"script" not in seen.evidence
    assert len(seen.evidence) < 4000


def test_hanging_camera(stack: ExitStack, badge: Badge) -> None:
    """A camera that takes the connection and says nothing is an error, whether in the handshake or after it."""
    for context in (None, server_tls(badge)):
        stream = stack.enter_context(listen(hang, tls=context))
        seen = look(make_camera(stream, badge), limit_s=2.0)
        assert seen.result is Result.ERROR
        assert seen.reason.startswith(f"camera1: {stream} hangs")


def test_dripping_camera(stack: ExitStack, badge: Badge) -> None:
    """A camera that drips a byte now and then cannot hold the assessor longer than its limit."""

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        for _ in range(1000):
            connection.sendall(b"x")
            connection.settimeout(0.05)
            try:
                connection.recv(1)
            except TimeoutError:
                continue

    stream = stack.enter_context(listen(drip, tls=server_tls(badge)))
    seen = look(make_camera(stream, badge), limit_s=0.3)
    assert seen.result is not Result.PASS


def test_vanishing_camera(badge: Badge) -> None:
    """A camera that goes away in the middle is an error: its silence afterwards is not taken for safety."""
    with ExitStack() as first:
        stream = first.enter_context(listen(answer(DENIED), tls=server_tls(badge)))
        goes = replace(make_camera(stream, badge), plain_stream=(Endpoint("127.0.0.1", 9),))

        def vanish(connection: socket.socket) -> None:
            connection.recv(4096)
            first.close()

        with listen(vanish) as trap:
            seen = look(replace(goes, plain_web=(trap,)))
    assert seen.result is Result.ERROR
    assert "does not answer" in seen.reason


def test_unplugged_camera(badge: Badge) -> None:
    """A camera that is not there is an error, never a pass."""
    gone = closed_endpoint()
    seen = look(make_camera(gone, badge))
    assert (seen.result, seen.reason) == (Result.ERROR, f"camera1: {gone} does not answer (refused)")


def test_no_camera_named(badge: Badge) -> None:
    """Not to be told is an error; a register that lists no camera makes the probe not applicable."""
    view = OutsideView(equipment=make_equipment(), clock=lambda: NOW)
    assert probe_streams(view).result is Result.ERROR
    assert look().result is Result.NOT_APPLICABLE
    assert badge.sha256 not in look().reason

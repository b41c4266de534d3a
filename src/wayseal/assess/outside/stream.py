"""p09: a camera's stream, web page and ONVIF service need TLS 1.3, a pinned certificate and a login; nothing answers in plain.

Looks at the first answer only and never plays a stream: no frame is fetched.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wayseal.assess.outside.view import Camera, OutsideView, untold
from wayseal.assess.outside.wire import (
    NEVER_CONNECTED,
    Endpoint,
    Exchange,
    State,
    exchange,
    is_current,
    modern_tls,
    old_tls,
)
from wayseal.assess.probe import Seen, broken, judge, not_applicable, probe
from wayseal.model.clock import Clock

_SOAP = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    '<GetProfiles xmlns="http://www.onvif.org/ver10/media/wsdl"/></s:Body></s:Envelope>'
)


@dataclass(slots=True)
class _Findings:
    """What is wrong, what could not be seen, and every attempt."""

    faults: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)


@probe("p09", where="outside")
def probe_streams(view: OutsideView) -> Seen:
    """Judge every camera of the device. One that hangs or vanishes midway is an error, unless worse was seen of it."""
    if view.cameras is None:
        return untold("which cameras there are")
    if not view.cameras:
        return not_applicable("the register lists no network camera here", equipment=view.equipment.id)
    found = _Findings()
    for camera in view.cameras:
        _judge_camera(camera, view, found)
    if found.unseen and not found.faults:
        return broken("; ".join(found.unseen), attempts=found.attempts)
    good = "every stream needs TLS 1.3, the pinned certificate and a login; nothing answers in plain"
    return judge([*found.faults, *found.unseen], good, attempts=found.attempts)


def _judge_camera(camera: Camera, view: OutsideView, found: _Findings) -> None:
    """Find what is wrong with a camera. Its stream under TLS is asked first and last: silence is not taken for safety."""
    describe = _format_describe(camera)
    secured = _ask(found, "stream over TLS 1.3", camera.name, camera.stream, (describe, view.limit_s))
    if secured is not None:
        found.faults += [f"{camera.name}: {fault}" for fault in _judge_session(camera, secured, view.clock)]
    old = exchange(camera.stream, describe, limit_s=view.limit_s, tls=old_tls())
    _note(found, "stream over TLS 1.2", camera.stream, old)
    if old.session is not None:
        found.faults.append(f"{camera.name}: the stream accepts {old.session.version}")
    _judge_web(camera, view, found)
    _judge_plain(camera, view, found)
    if secured is not None:
        _ask(found, "stream once more", camera.name, camera.stream, (describe, view.limit_s))


def _ask(
    found: _Findings, what: str, name: str, endpoint: Endpoint, talk: tuple[bytes, float]
) -> Exchange | None:
    """Return a service's answer under TLS 1.3, or None and a note when there is none: it is gone, or it hangs. `talk` is (words, limit)."""
    got = exchange(endpoint, talk[0], limit_s=talk[1], tls=modern_tls(), until=b"\r\n\r\n")
    _note(found, what, endpoint, got)
    if got.state in NEVER_CONNECTED:
        found.unseen.append(f"{name}: {endpoint} does not answer ({got.state.value})")
        return None
    if got.state is State.SILENT:
        found.unseen.append(f"{name}: {endpoint} hangs")
        return None
    return got


def _judge_session(camera: Camera, got: Exchange, clock: Clock) -> Iterator[str]:
    """Yield what is wrong with the stream's TLS and with what it gave to somebody without a login."""
    if got.session is None:
        yield "the stream's port refuses TLS 1.3"
        return
    if not got.session.is_pinned(camera.certificate_sha256):
        yield "the stream's certificate is not the pinned one"
    if not is_current(got.session.certificate, clock()):
        yield "the stream's certificate is not valid today"
    if not got.status_line.startswith("RTSP/"):
        yield "the stream's port speaks TLS but not RTSP"
    elif " 401" not in got.status_line:
        yield "the stream is described without a login"


def _judge_web(camera: Camera, view: OutsideView, found: _Findings) -> None:
    """Find what is wrong with the camera's HTTPS and ONVIF service, where it has one."""
    if camera.web is None:
        return
    got = _ask(
        found, "ONVIF over TLS 1.3", camera.name, camera.web, (_format_onvif(camera.web), view.limit_s)
    )
    if got is None:
        return
    if got.session is None:
        found.faults.append(f"{camera.name}: the web service refuses TLS 1.3")
    elif not got.session.is_pinned(camera.certificate_sha256):
        found.faults.append(f"{camera.name}: the web service's certificate is not the pinned one")
    if " 200" in got.status_line:
        found.faults.append(f"{camera.name}: ONVIF answers without a login")


def _judge_plain(camera: Camera, view: OutsideView, found: _Findings) -> None:
    """Find each service that answers in plain. A port that takes the connection and says nothing could not be judged."""
    for what, endpoint, words in _plain_attempts(camera):
        got = exchange(endpoint, words, limit_s=view.limit_s)
        _note(found, what, endpoint, got)
        tls_port = endpoint in (camera.stream, camera.web)
        if got.state is State.ANSWERED and not _is_rejection(got, tls_port=tls_port):
            found.faults.append(f"{camera.name}: {what} is answered at {endpoint}")
        elif got.state is State.SILENT:
            found.unseen.append(f"{camera.name}: {endpoint} takes a connection and hangs")


def _plain_attempts(camera: Camera) -> Iterator[tuple[str, Endpoint, bytes]]:
    """Yield (name, endpoint, words) of what must not be answered. The ports of TLS are asked in plain too."""
    for endpoint in dict.fromkeys((*camera.plain_stream, camera.stream)):
        yield "plain RTSP", endpoint, _format_describe(camera)
    for endpoint in dict.fromkeys((*camera.plain_web, *([camera.web] if camera.web else []))):
        yield "plain HTTP", endpoint, b"GET / HTTP/1.1\r\nHost: camera\r\nConnection: close\r\n\r\n"
        yield "ONVIF without a login", endpoint, _format_onvif(endpoint)


def _is_rejection(got: Exchange, *, tls_port: bool) -> bool:
    """Say whether an answer is how a TLS port turns plain words away: an alert record, or code 400."""
    return tls_port and (got.data[:2] == b"\x15\x03" or read_code(got).endswith(" 400"))


def _format_describe(camera: Camera) -> bytes:
    """Return an RTSP request for the stream's description, without a login."""
    url = f"rtsp://{camera.stream}{camera.path}"
    return f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n".encode()


def _format_onvif(endpoint: Endpoint) -> bytes:
    """Return an ONVIF request for the media profiles, without a login."""
    head = (
        f"POST /onvif/media_service HTTP/1.1\r\nHost: {endpoint}\r\nContent-Type: application/soap+xml\r\n"
        f"Content-Length: {len(_SOAP)}\r\nConnection: close\r\n\r\n"
    )
    return (head + _SOAP).encode()


def _note(found: _Findings, what: str, endpoint: Endpoint, got: Exchange) -> None:
    """Add an attempt to the evidence: never more of the answer than its status code."""
    session = got.session
    found.attempts.append(
        {
            "attempt": what,
            "at": str(endpoint),
            "state": got.state.value,
            "answer": read_code(got),
            "tls": None if session is None else session.version,
            "certificate_sha256": None if session is None else session.certificate_sha256,
            "key_sha256": None if session is None else session.key_sha256,
        }
    )


def read_code(got: Exchange) -> str:
    """Return the protocol and code of an answer's status line (`RTSP/1.0 401`), or `other` for anything else."""
    words = got.status_line.split(" ")
    known = len(words) >= 2 and words[0].startswith(("RTSP/", "HTTP/")) and words[1].isdigit()
    if known:
        return f"{words[0][:8]} {words[1][:3]}"
    return "other" if got.data else "nothing"

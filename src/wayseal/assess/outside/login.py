"""p12: default and vendor passwords are refused by a camera's stream and web page, a switch, and a management controller.

Few guesses, slowly, and none after a lock-out. A password that was tried is never written: the evidence counts guesses and
names the login that was let in by its place in the list.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.request import parse_http_list, parse_keqv_list

from wayseal.assess.outside.stream import read_code
from wayseal.assess.outside.view import OutsideView, untold
from wayseal.assess.outside.wire import (
    NEVER_CONNECTED,
    Call,
    Endpoint,
    Exchange,
    NoAnswer,
    State,
    any_tls,
    dial,
)
from wayseal.assess.probe import Seen, broken, judge, not_applicable, probe

COMMON_LOGINS = (
    ("admin", "admin"), ("admin", ""), ("admin", "12345"), ("admin", "123456"), ("admin", "password"), ("root", "root"),
    ("root", "pass"), ("user", "user"), ("service", "service"),
)  # fmt: skip
"""Tried after the maker's own."""
PAUSE_S = 1.0
_LOCKED = frozenset(("403", "423", "429", "503"))
_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
Login = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Service:
    """One way to log in: a name, where, and the request that needs a login."""

    name: str
    endpoint: Endpoint
    method: str
    url: str
    protocol: str
    logins: tuple[Login, ...] | None
    """The maker's own; None when nobody looked them up."""
    tls: bool = True


@dataclass(slots=True)
class _Findings:
    faults: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    services: list[dict[str, object]] = field(default_factory=list)


@probe("p12", where="outside")
def probe_logins(view: OutsideView) -> Seen:
    """Try the maker's and the most common logins on each service of the device. Nobody having looked up the maker's is an error."""
    if view.cameras is None and view.managed is None:
        return untold("which cameras and managed devices there are")
    services = list(_list_services(view))
    if not services:
        return not_applicable("the register lists nothing to log in to here", equipment=view.equipment.id)
    found = _Findings()
    for service in services:
        if service.logins is None:
            found.unseen.append(f"{service.name}: nobody looked up the maker's default logins")
        else:
            _try_service(service, service.logins, view, found)
    if found.unseen and not found.faults:
        return broken("; ".join(found.unseen), services=found.services)
    good = "no default or vendor login was let in"
    return judge([*found.faults, *found.unseen], good, services=found.services)


def _list_services(view: OutsideView) -> Iterator[_Service]:
    """Yield the ways to log in: each camera's stream and web page, and each managed device's page."""
    for camera in view.cameras or ():
        url, own = f"rtsp://{camera.stream}{camera.path}", camera.default_logins
        yield _Service(f"{camera.name} stream", camera.stream, "DESCRIBE", url, "RTSP/1.0", own)
        if camera.web is not None:
            yield _Service(f"{camera.name} web page", camera.web, "GET", "/", "HTTP/1.1", own)
    for one in view.managed or ():
        yield _Service(f"{one.name} web page", one.web, "GET", "/", "HTTP/1.1", one.default_logins, one.tls)


def _try_service(service: _Service, own: Sequence[Login], view: OutsideView, found: _Findings) -> None:
    """Try one service's list until a login is let in, the list is over, or the door is locked."""
    logins = tuple(dict.fromkeys((*own, *COMMON_LOGINS)))
    tried, outcome = 0, "refused"
    for login in logins:
        if tried:
            view.pause(PAUSE_S)
        outcome = _try_login(service, login, view.limit_s)
        if outcome != "refused":
            break
        tried += 1
    found.services.append({"service": service.name, "guesses": tried, "list": len(logins), "end": outcome})
    if outcome == "let in":
        found.faults.append(f"{service.name}: login {tried + 1} of the list was let in")
    elif outcome == "open":
        found.faults.append(f"{service.name}: needs no login")
    elif outcome == "locked" and tried < max(1, len(own)):
        found.unseen.append(
            f"{service.name}: locked after {tried} guesses, before any or all of the maker's were made"
        )
    elif outcome not in {"refused", "locked"}:
        found.unseen.append(f"{service.name}: {outcome} after {tried} guesses")


def _try_login(service: _Service, login: Login, limit_s: float) -> str:
    """Return what became of one guess: `refused`, `let in`, `open` (none was needed), `locked`, or why it could not be made."""
    try:
        with dial(service.endpoint, limit_s=limit_s, tls=any_tls() if service.tls else None) as call:
            first = _request(call, service, "")
            code = read_code(first)[-3:]
            if code != "401":
                return _name_code(first, code, asked="open")
            shown = _answer_challenge(service, login, read_challenges(first.data))
            if shown is None:
                return "asks for a login that is neither Basic nor Digest"
            second = _request(call, service, shown)
    except NoAnswer as error:
        return "locked" if error.state is State.REFUSED else f"does not answer ({error.state.value})"
    if second.state is not State.ANSWERED:  # some close after each 401: ask again on a new connection
        second = _ask_afresh(service, shown, limit_s)
    code = read_code(second)[-3:]
    return "refused" if code == "401" else _name_code(second, code, asked="let in")


def _name_code(got: Exchange, code: str, *, asked: str) -> str:
    """Return what an answer other than 401 means."""
    if got.state in {State.SILENT, *NEVER_CONNECTED}:
        return "hangs" if got.state is State.SILENT else "does not answer"
    if code in _LOCKED:
        return "locked"
    return asked if code.startswith(("2", "3")) else "answers nonsense"


def _ask_afresh(service: _Service, shown: str, limit_s: float) -> Exchange:
    """Return the answer to a request with a login on a connection of its own."""
    try:
        with dial(service.endpoint, limit_s=limit_s, tls=any_tls() if service.tls else None) as call:
            return _request(call, service, shown)
    except NoAnswer as error:
        return Exchange(error.state)


def _request(call: Call, service: _Service, authorization: str) -> Exchange:
    """Send the service's request and return its answer's head, having read past its body."""
    lines = [f"{service.method} {service.url} {service.protocol}", "CSeq: 1", f"Host: {service.endpoint}"]
    lines += [f"Authorization: {authorization}"] if authorization else []
    got = call.ask("\r\n".join([*lines, "", ""]).encode(), until=b"\r\n\r\n")
    head, _, body = got.data.partition(b"\r\n\r\n")
    missing = _read_length(head) - len(body)
    while missing > 0:
        more = call.ask(b"")
        if more.state is not State.ANSWERED:
            break
        missing -= len(more.data)
    return got


def _read_length(head: bytes) -> int:
    """Return the length of the body that a head announces; 0 without one."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return min(int(value), 1 << 20)
    return 0


def read_challenges(data: bytes) -> list[tuple[str, dict[str, str]]]:
    """Return (scheme, parameters) of each challenge in an answer's head."""
    found = []
    for line in data.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "www-authenticate":
            scheme, _, rest = value.strip().partition(" ")
            pairs = [part for part in parse_http_list(rest) if "=" in part]
            found.append((scheme.lower(), parse_keqv_list(pairs)))
    return found


def _answer_challenge(
    service: _Service, login: Login, challenges: Sequence[tuple[str, dict[str, str]]]
) -> str | None:
    """Return the Authorization value for a login: Digest (RFC 7616) where it is offered, else Basic, else None."""
    for scheme, fields in challenges:
        algorithm = fields.get("algorithm", "MD5").upper()
        if scheme == "digest" and algorithm in _HASHES and "nonce" in fields:
            return _make_digest(service, login, fields, algorithm)
    if any(scheme == "basic" for scheme, _ in challenges):
        return "Basic " + _encode_basic(login)
    return None


def _encode_basic(login: Login) -> str:

    return base64.b64encode(":".join(login).encode()).decode()


def _make_digest(service: _Service, login: Login, fields: dict[str, str], algorithm: str) -> str:
    """Return a Digest answer to a challenge."""
    digest = _HASHES[algorithm]
    realm, nonce = fields.get("realm", ""), fields["nonce"]
    user = digest(f"{login[0]}:{realm}:{login[1]}".encode())
    what = digest(f"{service.method}:{service.url}".encode())
    values = {
        "username": login[0],
        "realm": realm,
        "nonce": nonce,
        "uri": service.url,
        "algorithm": algorithm,
    }
    if "auth" in fields.get("qop", "").split(","):
        own = secrets.token_hex(8)
        values |= {
            "cnonce": own,
            "response": digest(f"{user}:{nonce}:00000001:{own}:auth:{what}".encode()),
        }
        tail = ", qop=auth, nc=00000001"
    else:
        values["response"], tail = digest(f"{user}:{nonce}:{what}".encode()), ""
    if "opaque" in fields:
        values["opaque"] = fields["opaque"]
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in values.items()) + tail

"""p11: the centre's lane door takes nobody without a certificate of its own authority, and shows the pinned one.

TLS 1.3 tells a client of its refusal only after the handshake, so each attempt also asks for something: one byte of answer
means that the stranger was let in.
"""

from typing import Any

from wayseal.assess.outside.stream import read_code
from wayseal.assess.outside.view import OutsideView, Peer, untold
from wayseal.assess.outside.wire import NEVER_CONNECTED, Exchange, State, exchange, modern_tls, old_tls
from wayseal.assess.probe import Seen, broken, judge, probe

_REQUEST = b"GET / HTTP/1.1\r\nHost: centre\r\nConnection: close\r\n\r\n"


@probe("p11", where="outside")
def probe_peer(view: OutsideView) -> Seen:
    """Knock with no certificate, a foreign one and one with a genuine name, over TLS 1.3, old TLS and in plain."""
    if view.peer is None:
        return untold("where the lane's door at the centre is")
    peer = view.peer
    attempts = dict(_attempt(peer, view.limit_s))
    shown = [_show(name, got) for name, got in attempts.items()]
    unseen = [
        f"{name}: the door {'hangs' if got.state is State.SILENT else 'does not answer'}"
        for name, got in attempts.items()
        if got.state is State.SILENT or got.state in NEVER_CONNECTED
    ]
    gone = all(got.state in NEVER_CONNECTED for got in attempts.values())
    faults = [] if gone else _list_faults(peer, attempts)
    if unseen and not faults:
        return broken("; ".join(unseen), attempts=shown)
    good = "strangers are refused in every way that was tried, and the door shows the pinned certificate"
    return judge([*faults, *unseen], good, attempts=shown)


def _attempt(peer: Peer, limit_s: float) -> list[tuple[str, Exchange]]:
    """Return what came of each knock, by the name of who knocked."""
    callers = {"nobody": None, "a foreign certificate": peer.foreign, "a genuine name": peer.impostor}
    if peer.genuine is not None:
        callers["a genuine lane"] = peer.genuine
    found = []
    for name, pair in callers.items():
        certificate = None if pair is None else (str(pair[0]), str(pair[1]))
        context = modern_tls(certificate=certificate)
        found.append((name, exchange(peer.service, _REQUEST, limit_s=limit_s, tls=context)))
    found.append(("TLS 1.2", exchange(peer.service, _REQUEST, limit_s=limit_s, tls=old_tls())))
    found.append(("plain words", exchange(peer.service, _REQUEST, limit_s=limit_s)))
    return found


def _list_faults(peer: Peer, attempts: dict[str, Exchange]) -> list[str]:
    """Return what was wrong at the door."""
    sessions = {got.session for name, got in attempts.items() if got.session and name != "TLS 1.2"}
    faults = [] if sessions else ["the door does not do TLS 1.3"]
    if not all(one.is_pinned(peer.certificate_sha256) for one in sessions):
        faults.append("the door's certificate is not the pinned one")
    strangers = ("nobody", "a foreign certificate", "a genuine name")
    faults += [f"{name} is let in" for name in strangers if attempts[name].state is State.ANSWERED]
    if "a genuine lane" in attempts and attempts["a genuine lane"].state is not State.ANSWERED:
        faults.append("a genuine lane is refused")
    if attempts["TLS 1.2"].session is not None:
        faults.append("the door accepts TLS 1.2 or older")
    plain = attempts["plain words"]
    if plain.state is State.ANSWERED and not (
        plain.data[:2] == b"\x15\x03" or read_code(plain).endswith(" 400")
    ):
        faults.append("plain words are answered")
    return faults


def _show(name: str, got: Exchange) -> dict[str, Any]:
    """Return one knock as evidence."""
    session = got.session
    return {
        "caller": name,
        "state": got.state.value,
        "answer": read_code(got),
        "tls": None if session is None else session.version,
        "certificate_sha256": None if session is None else session.certificate_sha256,
        "key_sha256": None if session is None else session.key_sha256,
    }

"""p23: the assessor's clock and the device's are within one second of two independent time servers.

Asks by SNTP (RFC 4330), or reads the date that the device puts on an answer. A server that is not synchronised, answers
somebody else's question, or is the same as the other one, is no source.
"""

import contextlib
import secrets
import socket
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from wayseal.assess.outside.view import OutsideView, TimePlan, untold
from wayseal.assess.outside.wire import Deadline, Endpoint, State, exchange, modern_tls
from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.model.clock import Clock

MOST_SKEW = timedelta(seconds=1)
_EPOCH_1900 = datetime(1900, 1, 1, tzinfo=UTC)
_PACKET = struct.Struct(">BBbb11I")


@dataclass(frozen=True, slots=True)
class Reading:
    """How far another clock is ahead of ours, give or take; or why it could not be read."""

    offset: timedelta | None
    within: timedelta = timedelta(0)
    fault: str = ""


@probe("p23", where="outside")
def probe_clocks(view: OutsideView) -> Seen:
    """Compare two sources with each other, with ours, and with the device's clock."""
    plan = view.time
    if plan is None:
        return untold("which time servers to ask")
    if len({(one.host, one.port) for one in plan.sources}) < 2:
        return broken("fewer than two different time servers were named")
    sources = {f"source {at}": ask_sntp(at, view.clock, limit_s=view.limit_s) for at in plan.sources}
    device = _read_device(plan, view)
    readings = {**sources, **({} if device is None else {"device": device})}
    facts = {"offsets_ms": {name: _to_ms(one.offset) for name, one in readings.items()}}
    unread = [f"{name}: {one.fault}" for name, one in readings.items() if one.offset is None]
    if unread or device is None:
        return broken("; ".join(unread) or "the device shows its clock in no way", **facts)
    faults = [
        f"{name} is {_to_ms(one.offset)} ms off our clock"
        for name, one in readings.items()
        if one.offset is not None and abs(one.offset) > MOST_SKEW + one.within
    ]
    return judge(faults, "our clock and the device's are within a second of two sources", **facts)


def _read_device(plan: TimePlan, view: OutsideView) -> Reading | None:
    """Return the device's reading in the first way that the plan knows, None when it knows none."""
    if plan.device_sntp is not None:
        return ask_sntp(plan.device_sntp, view.clock, limit_s=view.limit_s)
    if plan.device_web is not None:
        return read_date(plan.device_web, view.clock, limit_s=view.limit_s, tls=plan.device_web_tls)
    if plan.device_reading is not None:
        before, claimed, after = plan.device_reading
        middle = before + (after - before) / 2
        return Reading(claimed - middle, within=(after - before) / 2)
    return None


def ask_sntp(endpoint: Endpoint, clock: Clock, *, limit_s: float) -> Reading:
    """Return how far a server's clock is ahead of ours, after one question. The error is at most half the round trip."""
    question = secrets.token_bytes(8)
    try:
        deadline = Deadline(limit_s)
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        with contextlib.closing(socket.socket(family, socket.SOCK_DGRAM)) as line:
            line.connect((endpoint.host, endpoint.port))
            sent = clock()
            line.send(bytes([0x23]) + bytes(39) + question)
            while True:
                line.settimeout(deadline.left())
                answer = line.recv(512)
                got = clock()
                if answer[24:32] == question:  # an answer to somebody else's question is no answer
                    return read_answer(answer, sent, got)
    except TimeoutError:
        return Reading(None, fault="no answer in time")
    except OSError:
        return Reading(None, fault="does not answer")


def read_answer(answer: bytes, sent: datetime, got: datetime) -> Reading:
    """Return the offset that an SNTP answer says: ((T2 - T1) + (T3 - T4)) / 2."""
    if len(answer) < _PACKET.size:
        return Reading(None, fault="an answer that is too short")
    first, stratum, *_ = _PACKET.unpack(answer[: _PACKET.size])
    words = _PACKET.unpack(answer[: _PACKET.size])[4:]
    if first & 7 != 4 or first >> 6 == 3 or not 1 <= stratum <= 15:
        return Reading(None, fault="the server says that its own clock is not set")
    received, replied = (_from_ntp(*pair) for pair in (words[7:9], words[9:11]))
    if got - sent > MOST_SKEW:
        return Reading(None, fault="too slow an answer to tell the time by")
    return Reading(((received - sent) + (replied - got)) / 2)


def _from_ntp(seconds: int, fraction: int) -> datetime:
    """Return the time of an NTP timestamp; those below 2^31 are of the era that begins in 2036."""
    era = 0 if seconds & 0x80000000 else 1 << 32
    return _EPOCH_1900 + timedelta(seconds=seconds + era, microseconds=fraction * 10**6 >> 32)


def read_date(endpoint: Endpoint, clock: Clock, *, limit_s: float, tls: bool) -> Reading:
    """Return how far a web service's clock is ahead, by the `Date` of an answer, which has whole seconds."""
    words = b"HEAD / HTTP/1.1\r\nHost: device\r\nConnection: close\r\n\r\n"
    sent = clock()
    context = modern_tls() if tls else None
    got = exchange(endpoint, words, limit_s=limit_s, tls=context, until=b"\r\n\r\n")
    after = clock()
    if got.state is not State.ANSWERED:
        return Reading(None, fault=f"does not answer ({got.state.value})")
    for line in got.data.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"date":
            with contextlib.suppress(ValueError, TypeError):
                shown = parsedate_to_datetime(value.decode("ascii").strip())
                half = timedelta(milliseconds=500)
                middle = sent + (after - sent) / 2
                aware = shown if shown.tzinfo else shown.replace(tzinfo=UTC)
                return Reading(aware + half - middle, within=half + (after - sent) / 2)
    return Reading(None, fault="its answer has no date")


def _to_ms(offset: timedelta | None) -> int | None:
    return None if offset is None else round(offset / timedelta(milliseconds=1))

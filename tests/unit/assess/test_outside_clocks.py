"""p23 and p25 against real servers on loopback: clocks that are off by a second, an hour, or lie; names and addresses that answer."""

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netparts import NOW, Change, answer, closed_endpoint, hang, listen, make_equipment, time_server

from wayseal.assess.outside.clocks import ask_sntp, probe_clocks
from wayseal.assess.outside.cloud import probe_cloud
from wayseal.assess.outside.view import CloudPlan, OutsideView, TimePlan
from wayseal.assess.probe import Seen
from wayseal.model.oversight import Result


def look(plan: TimePlan | None, limit_s: float = 30.0) -> Seen:
    """Run p23."""
    return probe_clocks(
        OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=limit_s, time=plan)
    )


def look_with(first: timedelta, second: timedelta, device: timedelta) -> Seen:
    """Run p23 with two sources and a device that are so far ahead."""
    with time_server(first) as one, time_server(second) as two, time_server(device) as third:
        return look(TimePlan((one, two), device_sntp=third))


SECONDS = st.integers(-7200_000, 7200_000).map(lambda ms: timedelta(milliseconds=ms))


@given(SECONDS, SECONDS, SECONDS)
def test_any_offsets(first: timedelta, second: timedelta, device: timedelta) -> None:
    """Whatever the clocks say, the probe passes exactly when all three are within a second."""
    near = all(abs(one) <= timedelta(seconds=1) for one in (first, second, device))
    assert (look_with(first, second, device).result is Result.PASS) == near


def test_hour_apart() -> None:
    """A device an hour off fails and says by how much; so does a source."""
    seen = look_with(timedelta(0), timedelta(0), timedelta(hours=-1))
    assert (seen.result, seen.reason) == (Result.FAIL, "device is -3600000 ms off our clock")
    assert look_with(timedelta(0), timedelta(hours=1), timedelta(0)).result is Result.FAIL


def test_after_2036() -> None:
    """Timestamps of NTP's next era are read as such."""
    far = datetime(2037, 3, 1, tzinfo=UTC)
    with time_server(far - NOW) as server:
        reading = ask_sntp(server, lambda: far, limit_s=3)
    assert reading.offset is not None
    assert abs(reading.offset) < timedelta(milliseconds=1)


def test_same_source_twice() -> None:
    """One server named twice is one source, and that is an error."""
    with time_server() as one:
        assert look(TimePlan((one, one), device_sntp=one)).result is Result.ERROR


def alarmed(packet: bytearray) -> bytes:
    """Say that the server's clock was never set."""
    packet[0] |= 0xC0
    return bytes(packet)


def kissed(packet: bytearray) -> bytes:
    """Send a kiss-o'-death (stratum 0)."""
    packet[1] = 0
    return bytes(packet)


def forged(packet: bytearray) -> bytes:
    """Answer somebody else's question."""
    packet[24:32] = bytes(8)
    return bytes(packet)


@pytest.mark.parametrize("change", [alarmed, kissed, forged, lambda packet: bytes(packet[:40])])
def test_bad_source(change: Change) -> None:
    """A source that is not set, refuses, answers another's question or sends half a packet is an error."""
    with time_server() as good, time_server(change=change) as bad:
        assert look(TimePlan((good, bad), device_sntp=good), limit_s=0.3).result is Result.ERROR


def test_web_date() -> None:
    """A device that only dates its web answers is read to the second, and caught when it is three seconds off."""
    with time_server() as one, time_server() as two:
        for seconds, result in ((0, Result.PASS), (3, Result.FAIL), (-3600, Result.FAIL)):
            shown = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
            with listen(answer(f"HTTP/1.1 200 OK\r\nDate: {shown}\r\n\r\n".encode())) as web:
                seen = look(TimePlan((one, two), device_web=web, device_web_tls=False))
            assert seen.result is result, seen.reason


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n", b"\xff"]
)
def test_no_date(head: bytes) -> None:
    """A device without a readable date is an error."""
    with time_server() as one, time_server() as two, listen(answer(head)) as web:
        assert look(TimePlan((one, two), device_web=web, device_web_tls=False)).result is Result.ERROR


def test_challenge_reading() -> None:
    """A device's own word is taken within the time in which it answered a challenge, and not beyond."""
    second = timedelta(seconds=1)
    with time_server() as one, time_server() as two:
        for claimed, result in (
            (NOW, Result.PASS),
            (NOW + 9 * second, Result.FAIL),
            (NOW - 9 * second, Result.FAIL),
        ):
            plan = TimePlan((one, two), device_reading=(NOW - 2 * second, claimed, NOW + 2 * second))
            assert look(plan).result is result


def test_clocks_untold() -> None:
    """No plan, and no way to read the device, are errors."""
    assert look(None).result is Result.ERROR
    with time_server() as one, time_server() as two:
        assert look(TimePlan((one, two))).result is Result.ERROR


def look_cloud(plan: CloudPlan | None, limit_s: float = 30.0) -> Seen:
    """Run p25's network half."""
    return probe_cloud(
        OutsideView(equipment=make_equipment(), clock=lambda: NOW, limit_s=limit_s, cloud=plan)
    )


def test_cloud_resolves() -> None:
    """A cloud name that resolves fails and is named; one that does not passes."""
    assert look_cloud(CloudPlan(("camera-cloud.invalid",), ())).result is Result.PASS
    seen = look_cloud(CloudPlan(("camera-cloud.invalid", "localhost"), ()))
    assert (seen.result, seen.reason) == (Result.FAIL, "localhost resolves")


@pytest.mark.parametrize("talk", [hang, answer(b"hello"), lambda connection: connection.close()])
def test_cloud_connects(talk: Callable[[socket.socket], None]) -> None:
    """A cloud address that connects fails, whether it speaks, hangs or hangs up; one that refuses passes."""
    with ExitStack() as stack:
        cloud = stack.enter_context(listen(talk))
        seen = look_cloud(CloudPlan((), (cloud, closed_endpoint())), limit_s=2.0)
    assert (seen.result, seen.reason) == (Result.FAIL, f"{cloud} connects")
    assert look_cloud(CloudPlan((), (closed_endpoint(),))).result is Result.PASS


def test_cloud_declared_none() -> None:
    """Nobody having said is an error; a declaration of none is not applicable, and shows it."""
    assert look_cloud(None).result is Result.ERROR
    seen = look_cloud(CloudPlan((), ()))
    assert (seen.result, json.loads(seen.evidence)) == (Result.NOT_APPLICABLE, {"names": [], "services": []})

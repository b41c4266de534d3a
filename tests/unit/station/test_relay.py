"""The hand-over of vehicles between seeing and sealing."""

import threading
from datetime import UTC, datetime

import pytest
from lineparts import make_vehicle

from wayseal.model.border import VehiclePass
from wayseal.station.relay import Relay

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def make(number: int) -> VehiclePass:
    """A vehicle without anybody in it."""
    return make_vehicle(lambda: NOW, {}, number=number)


def put_many(relay: Relay, count: int) -> None:
    """Put vehicles one after the other."""
    for number in range(count):
        relay.put(make(number))


def test_order_is_kept() -> None:
    """What is put comes out in order, more than the queue holds included, and the end is the end."""
    relay, seen = Relay(), list[int]()
    worker = threading.Thread(target=lambda: seen.extend(one.number for one in relay.take()))
    worker.start()
    put_many(relay, 50)
    relay.close()
    worker.join(60)
    relay.check()
    assert seen == list(range(50))


def test_failure_stops_seeing() -> None:
    """After the second thread has failed nothing more is taken, a full queue does not block the first for ever, and it is told why."""
    relay, taken = Relay(), list[int]()

    def work() -> None:
        for one in relay.take():
            taken.append(one.number)
            relay.fail(RuntimeError("the disk is full"))
            relay.fail(ValueError("a later one"))

    worker = threading.Thread(target=work)
    worker.start()
    with pytest.raises(RuntimeError, match="disk is full"):
        put_many(relay, 10_000)
    relay.close()
    worker.join(60)
    with pytest.raises(RuntimeError):
        relay.check()
    assert taken == [0]


def test_end_after_failure() -> None:
    """A full queue that nobody empties any more holds up no end, and what waits in it is let go."""
    relay = Relay()
    put_many(relay, 16)
    relay.fail(BrokenPipeError())
    relay.close()
    assert list(relay.take()) == []
    with pytest.raises(BrokenPipeError):
        relay.check()

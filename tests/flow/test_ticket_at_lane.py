"""Tickets at a lane's own computer: asked at the centre over the lane's line, judged there alone while the line is down."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from biscuit_auth import Biscuit, BlockBuilder
from carrierparts import Centre
from lineparts import MovableClock

from wayseal.flow.duty import list_duty
from wayseal.flow.egress import EntryQueue
from wayseal.flow.oversee.register import add_person, end_person
from wayseal.flow.ticket_carried import OVERRUN
from wayseal.model.clock import to_text
from wayseal.model.errors import Integrity, Invalid, Refused, Unavailable, WaysealError
from wayseal.station.carrier_link import CarrierLink
from wayseal.station.lane_home import LaneHome
from wayseal.station.lane_tickets import FOLDER, carry_tickets, use_ticket
from wayseal.station.remote_lane import send_waiting
from wayseal.station.site import Site
from wayseal.station.tickets import open_office

TECH = "tech:1"
NARROW = 'check if asked($verb, $lane, $who), ["focus", "exposure", "image"].contains($verb)'
"""What a holder took away: everything but these."""


@pytest.fixture
def down(lane: LaneHome) -> Iterator[CarrierLink]:
    """A line with nobody at the other end, on a lane that has reached its centre before."""
    carry_tickets(lane, lane.link)
    link = lane.open_link("127.0.0.1:1")
    yield link
    link.close()


def issue(site: Site, *verbs: str, lane: str = "lane1") -> tuple[str, str]:
    """A ticket for the technician: its id and token."""
    ticket, token = open_office(site).issue(
        work_order="wo-17", lane=lane, technician=TECH, verbs=verbs or ("focus", "health"), actor="chief"
    )
    return ticket.id, token


def chart() -> Iterator[np.ndarray]:
    """Planes of a scene of nobody."""
    yield np.random.default_rng(7).integers(40, 200, (240, 320)).astype(np.uint8)


def use(
    lane: LaneHome, link: CarrierLink, token: str, verb: str = "focus", *, who: str = TECH, source: Path | None = None
) -> dict[str, Any]:  # fmt: skip
    """Use a ticket at the lane."""
    return use_ticket(
        lane,
        link,
        token,
        verb=verb,
        technician=who,
        source=None if source is None else str(source),
        chart=chart,
    )


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """A folder of pictures of nobody, which stands for a camera."""
    folder = tmp_path / "camera"
    folder.mkdir()
    for number, plane in enumerate([*chart()] * 3):
        cv2.imwrite(str(folder / f"{number}.png"), plane)
    return folder


def acts(site: Site, ticket: str) -> list[dict[str, Any]]:
    """What the ledger has of a ticket after its issue."""
    found = [site.ledger.entry(index) for index in site.ledger.find(type="ticket", object=ticket)]
    return [entry for entry in found if entry["action"] != "issued"]


def test_centre_is_asked(centre: Centre, lane: LaneHome, camera: Path) -> None:
    """While the line is up a use at the lane is one at the centre: on its ledger first, with the numbers that are the centre's."""
    ticket, token = issue(centre.site, "focus", "metrics", "health", "chart")
    assert use(lane, lane.link, token, source=camera)["sharpness"] > 0
    assert use(lane, lane.link, token, "metrics")["vehicles"] == 0
    assert use(lane, lane.link, token, "chart")["frames"] == 1
    health = use(lane, lane.link, token, "health")
    assert (health["on_ledger"], health["outbox_waiting"], health["records_24h"]) == (True, 0, 0)
    assert [(one["action"], one["verb"], one["lane"]) for one in acts(centre.site, ticket)] == [
        ("used", verb, "lane1") for verb in ("focus", "metrics", "chart", "health")
    ]


def test_refusals_are_the_centres(centre: Centre, lane: LaneHome) -> None:
    """Pictures, another lane's ticket and a revoked one are refused over the line, each under its reason on the ledger."""
    ticket, token = issue(centre.site)
    with pytest.raises(Refused):
        use(lane, lane.link, token, "image")
    other, elsewhere = issue(centre.site, lane="lane2")
    with pytest.raises(Refused):
        use(lane, lane.link, elsewhere)
    open_office(centre.site).revoke(ticket, reason="work-done", actor="chief")
    with pytest.raises(Refused):
        use(lane, lane.link, token)
    told = [one["reason"] for one in acts(centre.site, ticket) if one["action"] == "refused"]
    assert (told, [one["reason"] for one in acts(centre.site, other)]) == (
        ["image-verb", "revoked"],
        ["other-lane"],
    )


def test_line_down(
    centre: Centre, lane: LaneHome, down: CarrierLink, camera: Path, clock: MovableClock
) -> None:
    """While the centre does not answer the token is judged here; the use waits on disk, and reaches the ledger with the next delivery."""
    ticket, token = issue(centre.site)
    answer = use(lane, down, token, source=camera)
    assert (answer["on_ledger"], answer["ticket"], answer["sharpness"] > 0) == (False, ticket, True)
    assert acts(centre.site, ticket) == []
    done = clock()
    clock.move(timedelta(minutes=90))
    send_waiting(lane, lane.link, within_s=60)
    (entry,) = acts(centre.site, ticket)
    assert (entry["action"], entry["verb"], entry["lane"], entry["actor"]) == ("used", "focus", "lane1", TECH)
    assert "reason" not in entry
    assert to_text(done - timedelta(seconds=1)) < entry["seen"] < to_text(done + timedelta(seconds=1))
    assert EntryQueue(lane.home / FOLDER / "queue.jsonl").peek() == []
    kept = b"".join(path.read_bytes() for path in lane.home.rglob("*") if path.is_file())
    assert token.encode() not in kept


@pytest.mark.parametrize(
    "asked",
    [
        ("exposure", TECH, 0, "verb-not-in-ticket"), ("image", TECH, 0, "image-verb"), ("focus", "tech:2", 0, "other-technician"),
        ("focus", TECH, 4, "expired"), ("health", TECH, 0, "narrowed"),
    ],
)  # fmt: skip
def test_lane_refuses_alone(
    centre: Centre, lane: LaneHome, down: CarrierLink, clock: MovableClock, asked: tuple[str, str, int, str]
) -> None:
    """What the token does not permit is refused without the centre, as narrowed by its holders; the attempt reaches the ledger."""
    verb, who, hours, reason = asked
    ticket, token = issue(centre.site)
    held = Biscuit.from_base64(token, open_office(centre.site).root.public_key).append(BlockBuilder(NARROW))
    clock.move(timedelta(hours=hours))
    with pytest.raises(Refused):
        use(lane, down, str(held.to_base64()), verb, who=who)
    carry_tickets(lane, lane.link)
    assert [(one["action"], one["reason"]) for one in acts(centre.site, ticket)] == [("refused", reason)]


def refuse_set_back(lane: LaneHome, down: CarrierLink, token: str) -> None:
    """Fail unless the lane refuses a ticket because its clock is behind what it knows."""
    with pytest.raises(Refused) as refusal:
        use(lane, down, token, "health")
    assert refusal.value.facts["reason"] == "clock-set-back"


def test_clock_set_back_without_a_line(
    centre: Centre, lane: LaneHome, down: CarrierLink, clock: MovableClock
) -> None:
    """A ticket that was once found to have ended stays ended when the clock goes back, and both attempts reach the ledger."""
    ticket, token = issue(centre.site)
    assert use(lane, down, token, "health")["ticket"] == ticket
    clock.move(timedelta(hours=5))
    with pytest.raises(Refused):
        use(lane, down, token, "health")
    clock.move(-timedelta(hours=4, minutes=30))
    refuse_set_back(lane, down, token)
    carry_tickets(lane, lane.link)
    told = [one["reason"] for one in acts(centre.site, ticket) if one["action"] == "refused"]
    assert told == ["expired", "clock-set-back"]


def test_lane_at_work_notes_the_time(
    centre: Centre, lane: LaneHome, down: CarrierLink, clock: MovableClock
) -> None:
    """A lane that works on without its line writes down how late it is, so that nobody has to use a ticket for it."""
    _, token = issue(centre.site)
    lane.host.accept_roster(lane.link.fetch_roster(1).roster)
    clock.move(timedelta(hours=3))
    send_waiting(lane, down, within_s=60)
    clock.move(-timedelta(hours=2))
    refuse_set_back(lane, down, token)


def test_centres_time_counts(centre: Centre, lane: LaneHome, down: CarrierLink, clock: MovableClock) -> None:
    """What the centre's answer said of the time counts afterwards, also when the lane's own note of it was removed: by the roster."""
    _, token = issue(centre.site)
    clock.move(timedelta(hours=5))
    lane.link.read_health()
    clock.move(-timedelta(hours=4, minutes=30))
    refuse_set_back(lane, down, token)
    clock.move(timedelta(hours=4, minutes=30))
    lane.host.accept_roster(lane.link.fetch_roster(1).roster)
    (lane.home / "lane" / "time.signed").unlink()
    clock.move(-timedelta(hours=4, minutes=30))
    refuse_set_back(lane, down, token)


def test_clock_that_was_ahead(centre: Centre, lane: LaneHome, down: CarrierLink, clock: MovableClock) -> None:
    """A clock that was days ahead and was set right stops tickets only until the centre is heard again."""
    clock.move(timedelta(days=9))
    lane.time.note()
    clock.move(-timedelta(days=9))
    _, token = issue(centre.site)
    refuse_set_back(lane, down, token)
    lane.link.read_health()
    assert use(lane, down, token, "health")["on_ledger"] is False


def test_altered_note_of_the_time(centre: Centre, lane: LaneHome, down: CarrierLink) -> None:
    """A note of the time that the lane did not sign judges no ticket, holds up no delivery, and is gone once the centre is heard."""
    _, token = issue(centre.site)
    file = lane.home / "lane" / "time.signed"
    file.write_bytes(file.read_bytes()[:-24] + b"2020-01-01T00:00:00.000Z")
    with pytest.raises(Integrity, match="altered"):
        use(lane, down, token, "health")
    lane.time.note()
    assert send_waiting(lane, lane.link, within_s=60).problem is None
    assert use(lane, down, token, "health")["on_ledger"] is False


def test_centre_judges_again(centre: Centre, lane: LaneHome, down: CarrierLink, clock: MovableClock) -> None:
    """A use that the lane could not know to be revoked is on the ledger with the reason, and an alarm is on the duty screen."""
    ticket, token = issue(centre.site)
    open_office(centre.site).revoke(ticket, reason="work-done", actor="chief")
    use(lane, down, token, "health")
    carry_tickets(lane, lane.link)
    (entry,) = [one for one in acts(centre.site, ticket) if one["action"] == "used"]
    assert entry["reason"] == "revoked"
    (alarm,) = [note for note in list_duty(centre.site.ledger, clock()) if note.kind == "alarm"]
    assert (alarm.code, alarm.subject) == (OVERRUN, "lane1")


def test_standing_is_judged_on_arrival(centre: Centre, lane: LaneHome, down: CarrierLink) -> None:
    """Whoever left the organisation meanwhile is found out when the lane's word arrives."""
    site = centre.site
    until = site.clock() + timedelta(days=9)
    add_person(
        site.oversight, TECH, organisation=site.settings.organisation, role="vendor", training_until=until, actor="chief"
    )  # fmt: skip
    ticket, token = issue(site)
    use(lane, down, token, "health")
    end_person(site.oversight, TECH, actor="chief")
    carry_tickets(lane, lane.link)
    assert [one.get("reason") for one in acts(site, ticket)] == ["suspended"]


def test_told_twice(centre: Centre, lane: LaneHome, down: CarrierLink) -> None:
    """A message that got no answer is sent again, and is on the ledger once."""
    ticket, token = issue(centre.site)
    use(lane, down, token, "health")
    waiting = EntryQueue(lane.home / FOLDER / "queue.jsonl").peek()
    lane.link.report_tickets(waiting)
    assert carry_tickets(lane, lane.link) == 1
    assert len(acts(centre.site, ticket)) == 1


GOOD: Mapping[str, Any] = {
    "type": "ticket", "object": "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "action": "used", "actor": TECH, "verb": "focus", "work_order": "wo-17",
    "org": "agency", "token_sha256": "ab" * 32, "time": "2026-11-22T08:00:00.000Z",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"action": "issued"}, {"action": "revoked"}, {"type": "alarm"}, {"type": "erase"}, {"lane": "lane2"}, {"seen": "x"},
        {"verbs": ["focus"]}, {"time": "yesterday"}, {"actor": "Anna Berg"}, {"reason": "fine"}, {"object": "lane1"},
    ],
)  # fmt: skip
def test_lane_lies(centre: Centre, lane: LaneHome, change: Mapping[str, Any]) -> None:
    """A lane tells of uses and refusals and of nothing else, and not in another lane's name; all of a message or nothing is taken."""
    size = centre.site.ledger.size
    with pytest.raises((Refused, Invalid)):
        lane.link.report_tickets([GOOD, {**GOOD, **change}])
    assert centre.site.ledger.size == size


def test_made_up_use(centre: Centre, lane: LaneHome) -> None:
    """A use of a ticket that was never issued here is on the ledger as what it is, with an alarm."""
    lane.link.report_tickets([GOOD])
    (entry,) = acts(centre.site, GOOD["object"])
    assert entry["reason"] == "not-issued-here"
    assert len(centre.site.ledger.find(type="alarm")) == 1


def test_what_needs_the_centre(centre: Centre, lane: LaneHome) -> None:
    """Without the line, counts are not there, and a lane that never heard the site's key permits nothing."""
    _, token = issue(centre.site, "metrics", "health")
    link = lane.open_link("127.0.0.1:1")
    for verb in ("metrics", "health"):
        with pytest.raises(Unavailable):
            use(lane, link, token, verb)
    assert not (lane.home / FOLDER / "queue.jsonl").exists()
    (lane.home / FOLDER).mkdir()
    (lane.home / FOLDER / "root.hex").write_text("zz", encoding="ascii")
    with pytest.raises(WaysealError, match="damaged"):
        use(lane, link, token, "health")
    link.close()

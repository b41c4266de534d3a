"""p01, p04, p07, p20 and p21: what the ledger says of a device's ports, tickets and keys, and export ceremonies in a home of their own."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from drillparts import make_lane_host, make_view
from lineparts import Line, MovableClock, make_vehicle

from wayseal.assess.outside.view import InboundPlan
from wayseal.flow.drill.edge import drill_edge
from wayseal.flow.drill.events import drill_insertion, drill_watch
from wayseal.flow.drill.exports import drill_exports
from wayseal.flow.drill.remote import drill_remote
from wayseal.model.border import Seat
from wayseal.model.clock import to_text
from wayseal.model.errors import Unavailable
from wayseal.model.ids import new_ulid
from wayseal.model.oversight import Result
from wayseal.seal.keys import EpochVault
from wayseal.seal.suite import sha256
from wayseal.station.site import Site

DEVICE = "lane1-host"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where drills put sealed bytes aside."""
    return tmp_path / "scratch"


def log_event(site: Site, at: datetime, action: str = "refused", device: str = DEVICE) -> None:
    """Put a device event on the ledger."""
    site.ledger.append(
        [
            {
                "type": "usb-event", "object": device, "action": action, "time": to_text(at), "vendor_id": "0781",
                "product_id": "5581", "port": "1-2",
            }
        ]
    )  # fmt: skip


def test_insertion_refused(site: Site, scratch: Path, clock: MovableClock) -> None:
    """An insertion that is refused and on the ledger within a second passes, with its delay in the evidence."""
    moment = clock()
    log_event(site, moment + timedelta(milliseconds=400))
    seen = drill_insertion(make_view(site, scratch, inserted_at=moment))
    assert seen.result is Result.PASS, seen.reason
    assert 395 <= json.loads(seen.evidence)["wait_ms"] <= 405


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        ((1500, "refused", DEVICE), "after 1.5 s"),
        ((300, "allowed", DEVICE), "was let in"),
        ((300, "add", DEVICE), "nothing says that it was refused"),
        ((300, "refused", "another-host"), "is not on the ledger"),
        ((300, "remove", DEVICE), "is not on the ledger"),
    ],
)
def test_insertion_seeded(
    site: Site, scratch: Path, clock: MovableClock, seed: tuple[int, str, str], words: str
) -> None:
    """An insertion that is late on the ledger, let in, or another host's is a failure with that reason."""
    moment = clock()
    log_event(site, moment + timedelta(milliseconds=seed[0]), *seed[1:])
    seen = drill_insertion(make_view(site, scratch, inserted_at=moment))
    assert seen.result is Result.FAIL
    assert words in seen.reason


def test_no_insertion_drill(site: Site, scratch: Path, clock: MovableClock) -> None:
    """No drill, one of a hundred days ago, or one of tomorrow, is an error."""
    for moment in (None, clock() - timedelta(days=100), clock() + timedelta(days=1)):
        assert drill_insertion(make_view(site, scratch, inserted_at=moment)).result is Result.ERROR


def beat(site: Site, at: datetime, action: str = "beat", missed: int = 0) -> None:
    """Put a sign of a port watch on the ledger."""
    site.ledger.append(
        [
            {
                "type": "egress-watch", "object": DEVICE, "action": action, "time": to_text(at), "events": 0,
                "missed": missed, "pace_s": 300,
            }
        ]
    )  # fmt: skip


def test_watch_alive(site: Site, scratch: Path, clock: MovableClock) -> None:
    """A watch that has kept its pace passes; one that never was, stopped, was late or missed events fails."""
    assert "no sign of this host's port watch" in drill_watch(make_view(site, scratch)).reason
    now = clock()
    beat(site, now, "started")
    beat(site, now + timedelta(minutes=5))
    clock.move(timedelta(minutes=6))
    assert drill_watch(make_view(site, scratch)).result is Result.PASS
    clock.move(timedelta(minutes=20))
    assert "silent" in drill_watch(make_view(site, scratch)).reason
    beat(site, clock())
    seen = drill_watch(make_view(site, scratch))
    assert (seen.result, "(late)" in seen.reason) == (Result.FAIL, True)
    for step in range(300):
        beat(site, clock() + timedelta(minutes=5 * step))
    clock.move(timedelta(minutes=5 * 300))
    assert drill_watch(make_view(site, scratch)).result is Result.PASS
    beat(site, clock(), missed=3)
    assert "(events-lost)" in drill_watch(make_view(site, scratch)).reason


def edge_view(line: Line, scratch: Path, vault: EpochVault) -> Any:
    """A view of lane 1's host with a keeper that the assessor opened."""
    public = line.hosts["lane1"].identity.public
    host = make_lane_host(line.site, device_sha256=sha256(public).hex())
    return make_view(line.site, scratch, equipment=host, lane_vault=vault, lane_device=public)


def test_edge_cannot_open(line: Line, scratch: Path, clock: MovableClock) -> None:
    """The lane's own keeper opens none of the lane's own records, though no rule stands in its way."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    vault = EpochVault(line.hosts["lane1"].keeper, scratch / "epochs", clock)
    seen = drill_edge(edge_view(line, scratch, vault))
    assert seen.result is Result.PASS, seen.reason
    facts = json.loads(seen.evidence)
    assert facts["own"] >= 4
    assert facts["opened"] == 0


def test_edge_with_keys(line: Line, scratch: Path, clock: MovableClock) -> None:
    """A lane on which the epoch's private half lies opens its records, and that is caught."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    seen = drill_edge(edge_view(line, scratch, line.site.keyroom.vault))  # type: ignore[arg-type]
    assert seen.result is Result.FAIL
    assert "epoch keys lie on the lane" in seen.reason
    assert "records by itself" in seen.reason


def test_edge_untold(line: Line, scratch: Path) -> None:
    """Without the lane's keeper nothing can be said."""
    assert drill_edge(make_view(line.site, scratch)).result is Result.ERROR


def ticket(
    site: Site, at: datetime, *entries: dict[str, Any], hours: float = 4, verbs: Sequence[str] = ("focus",)
) -> None:
    """Put a ticket's issue and what became of it on the ledger."""
    base = {"type": "ticket", "object": new_ulid(at), "lane": "lane1"}
    issue = {
        "action": "issued", "actor": "officer-1", "time": to_text(at), "expires": to_text(at + timedelta(hours=hours)),
        "verbs": list(verbs), "work_order": "wo-1",
    }  # fmt: skip
    site.ledger.append([{**base, **issue}, *({**base, "actor": "tech-1", **one} for one in entries)])


def remote_view(site: Site, scratch: Path) -> Any:
    """A device at loopback that declares no port and has none open among those that are asked."""
    return make_view(
        site, scratch, inbound=InboundPlan(("127.0.0.1",), (), ticket_ports=(9,), ports=(13,)), limit_s=1.0
    )


def test_tickets_in_order(site: Site, scratch: Path, clock: MovableClock) -> None:
    """Tickets of four hours, used in their time for what they permit, pass; refused attempts are the rule at work."""
    now = clock()
    used = {"action": "used", "verb": "focus", "time": to_text(now + timedelta(hours=1))}
    refused = {"action": "refused", "verb": "image", "time": to_text(now), "reason": "image-verb"}
    ticket(site, now, used, refused)
    seen = drill_remote(remote_view(site, scratch))
    assert seen.result is Result.PASS, seen.reason
    assert json.loads(seen.evidence)["live"] == 1


def test_tickets_seeded(site: Site, scratch: Path, clock: MovableClock) -> None:
    """A ticket of five hours, one used after its end or revocation, for another verb, or for pictures: each is named."""
    cases: list[tuple[list[tuple[float, dict[str, Any]]], dict[str, Any], str]] = [
        ([], {"hours": 5}, "lives 5.0 hours"),
        ([(4.5, {"action": "used", "verb": "focus"})], {}, "used after its end"),
        ([(1, {"action": "revoked"}), (2, {"action": "used", "verb": "focus"})], {}, "used after its end"),
        ([(1, {"action": "used", "verb": "chart"})], {}, "does not permit"),
        ([], {"verbs": ("focus", "view")}, "permits view"),
    ]
    for entries, options, words in cases:
        now = clock()
        timed = [{**entry, "time": to_text(now + timedelta(hours=hours))} for hours, entry in entries]
        ticket(site, now, *timed, **options)
        assert words in drill_remote(remote_view(site, scratch)).reason
        clock.move(timedelta(days=91))
        assert drill_remote(remote_view(site, scratch)).result is Result.PASS


def test_used_and_never_issued(site: Site, scratch: Path, clock: MovableClock) -> None:
    """A use without an issue on the ledger is a forged ticket at work."""
    site.ledger.append(
        [
            {
                "type": "ticket",
                "object": new_ulid(clock()),
                "action": "used",
                "actor": "tech-1",
                "lane": "lane1",
                "verb": "focus",
            }
        ]
    )
    assert "used and never issued" in drill_remote(remote_view(site, scratch)).reason


def test_ports_untold(site: Site, scratch: Path) -> None:
    """Tickets in order do not make up for ports that nobody was told of."""
    assert drill_remote(make_view(site, scratch)).result is Result.ERROR


Rule = Callable[[Sequence[str]], bool]


def tried(rule: Rule) -> Callable[[Sequence[Sequence[str]]], list[bool]]:
    """A trial in which a rule decides."""
    return lambda ceremonies: [rule(one) for one in ceremonies]


def test_export_trials(site: Site, scratch: Path) -> None:
    """Only a site that releases with two organisations, and with nothing less, passes."""
    view = make_view(site, scratch, export_trial=tried(lambda one: len(set(one)) >= 2))
    assert drill_exports(view).result is Result.PASS
    lax = drill_exports(replace(view, export_trial=tried(lambda one: len(one) >= 2)))
    assert lax.reason == "released with two approvals of one organisation"
    assert drill_exports(replace(view, export_trial=tried(lambda _: True))).reason.count("released with") == 3
    assert "refused with two" in drill_exports(replace(view, export_trial=tried(lambda _: False))).reason


def test_export_trial_breaks(site: Site, scratch: Path) -> None:
    """A trial that breaks, or none at all, is an error."""

    def breaks(_ceremonies: Sequence[Sequence[str]]) -> list[bool]:
        raise Unavailable("the disk is full")

    assert drill_exports(make_view(site, scratch, export_trial=breaks)).result is Result.ERROR
    assert drill_exports(make_view(site, scratch)).result is Result.ERROR

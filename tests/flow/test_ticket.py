"""Maintenance tickets: what their holder may do, what they may never do, and that every attempt is on the ledger."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from biscuit_auth import Biscuit, BiscuitBuilder, BlockBuilder, KeyPair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lineparts import MovableClock

from wayseal.flow import ticket
from wayseal.flow.oversee.standing import PersonStanding
from wayseal.flow.ticket import IMAGE_VERBS, Verb, load_root, mint_token, parse_token, read_ticket
from wayseal.flow.ticket_office import TicketOffice
from wayseal.ledger.log import Ledger
from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.vision.camera import measure_camera, measure_sharpness

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
ROOT = load_root(bytes(range(32)))


@dataclass
class Desk:
    """An office, its clock, and what the register says of technicians."""

    office: TicketOffice
    clock: MovableClock
    people: dict[str, PersonStanding] = field(default_factory=dict)

    def issue(self, *verbs: str, hours: float = 4, lane: str = "lane1") -> str:
        """A ticket for tech-1; its token."""
        _, token = self.office.issue(
            work_order="wo-17", lane=lane, technician="tech-1", verbs=verbs or ("focus", "health"), life=timedelta(hours=hours),
            actor="supervisor",
        )  # fmt: skip
        return token

    def use(self, token: str, verb: str = "focus", *, lane: str = "lane1", who: str = "tech-1") -> None:
        """Use a ticket."""
        self.office.use(token, verb=verb, lane=lane, technician=who)

    def refusal(self, token: str, verb: str = "focus", *, lane: str = "lane1", who: str = "tech-1") -> str:
        """Try to use a ticket, and return the reason that the refusal left on the ledger."""
        with pytest.raises(Refused):
            self.use(token, verb, lane=lane, who=who)
        newest = self.office.ledger.entry(self.office.ledger.find(type="ticket")[-1])
        assert newest["action"] == "refused"
        return str(newest["reason"])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with one technician of a vendor."""
    clock = MovableClock(START)
    people = {
        "tech-1": PersonStanding("camera-vendor", "vendor", suspended=False, training_valid=True),
        "tech-2": PersonStanding("camera-vendor", "vendor", suspended=False, training_valid=True),
    }
    ledger = Ledger.create(tmp_path / "ledger", origin="port.example/test", clock=clock)
    return Desk(TicketOffice(ledger, ROOT, lambda person: people[person], clock, check_issuer), clock, people)


def check_issuer(actor: str) -> None:
    """Refuse everybody but the site's own people, as the register does."""
    if actor.startswith("tech-"):
        raise Refused("the register is the agency's to keep")


def narrow(token: str, source: str) -> str:
    """What a holder can do to a token without any key: append a block."""
    return str(Biscuit.from_base64(token, ROOT.public_key).append(BlockBuilder(source)).to_base64())


def test_ticket_used(desk: Desk) -> None:
    """A ticket permits its verbs at its lane to its technician, and each use is on the ledger with its work order."""
    token = desk.issue()
    desk.use(token, "focus")
    desk.use(token, "health")
    entries = [desk.office.ledger.entry(index) for index in desk.office.ledger.find(type="ticket")]
    assert [entry["action"] for entry in entries] == ["issued", "used", "used"]
    assert {entry["work_order"] for entry in entries} == {"wo-17"}
    assert token not in str(entries)
    (state,) = desk.office.list_tickets()
    assert (state.state, state.used, state.organisation) == ("live", 2, "camera-vendor")


@pytest.mark.parametrize("verb", sorted(IMAGE_VERBS))
def test_image_verbs(desk: Desk, verb: str) -> None:
    """No word for looking at travellers is ever permitted: not issued, not used, and each attempt is on the ledger as such."""
    with pytest.raises(Refused):
        desk.issue(verb)
    assert desk.refusal(desk.issue(), verb) == "image-verb"
    newest = desk.office.ledger.entry(desk.office.ledger.find(type="ticket")[-1])
    assert (newest["verb"], newest["actor"]) == (verb, "tech-1")
    with pytest.raises(Refused) as refusal:
        desk.use(desk.issue(), verb)
    assert refusal.value.hint == "No ticket shows a picture, and none can be made to."


@pytest.mark.parametrize(
    ("verb", "lane", "who", "reason"),
    [
        ("exposure", "lane1", "tech-1", "verb-not-in-ticket"), ("focus", "lane2", "tech-1", "other-lane"),
        ("focus", "lane1", "tech-2", "other-technician"), ("reboot", "lane1", "tech-1", "unknown-verb"),
    ],
)  # fmt: skip
def test_ticket_exceeded(desk: Desk, verb: str, lane: str, who: str, reason: str) -> None:
    """Another verb, another lane, another person: refused, with its reason."""
    assert desk.refusal(desk.issue(), verb, lane=lane, who=who) == reason


def test_expiry(desk: Desk) -> None:
    """A ticket works in its last second and not after it, however often it is played again."""
    token = desk.issue(hours=1)
    desk.clock.move(timedelta(minutes=59, seconds=58))
    desk.use(token)
    desk.clock.move(timedelta(seconds=2))
    assert desk.refusal(token) == "expired"
    assert desk.refusal(token) == "expired"
    assert [one.state for one in desk.office.list_tickets()] == ["expired"]


def test_clock_behind(desk: Desk) -> None:
    """Within a minute a clock that is behind is borne with; one an hour behind finds the ticket not yet valid."""
    token = desk.issue()
    desk.clock.move(-timedelta(seconds=50))
    desk.use(token)
    desk.clock.move(-timedelta(hours=1))
    assert desk.refusal(token) == "not-yet"


@pytest.mark.parametrize("hours", [0, -1, 4.001, 24])
def test_life_limit(desk: Desk, hours: float) -> None:
    """No ticket lives longer than four hours, or not at all."""
    with pytest.raises(Invalid):
        desk.issue(hours=hours)


def test_revoked(desk: Desk) -> None:
    """A revoked ticket is dead at once, and so is everything that was narrowed from it before."""
    token = desk.issue()
    derived = narrow(token, 'check if asked("focus", "lane1", "tech-1")')
    desk.use(derived)
    (ticket,) = desk.office.list_tickets()
    desk.office.revoke(ticket.id, reason="work-done", actor="supervisor")
    assert desk.refusal(token) == "revoked"
    assert desk.refusal(derived) == "revoked"
    with pytest.raises(Invalid):
        desk.office.revoke(ticket.id, reason="work-done", actor="supervisor")
    with pytest.raises(NotFound):
        desk.office.revoke("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", reason="work-done", actor="supervisor")


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (PersonStanding("camera-vendor", "vendor", suspended=True, training_valid=True), "suspended"),
        (
            PersonStanding("camera-vendor", "vendor", suspended=False, training_valid=False),
            "training-expired",
        ),
        (
            PersonStanding("other-vendor", "vendor", suspended=False, training_valid=True),
            "other-organisation",
        ),
    ],
)
def test_standing_lost(desk: Desk, standing: PersonStanding, reason: str) -> None:
    """Suspension, expired training or another employer end a live ticket at its next use."""
    token = desk.issue()
    desk.use(token)
    desk.people["tech-1"] = standing
    assert desk.refusal(token) == reason
    if reason != "other-organisation":
        with pytest.raises(Refused):
            desk.issue()


def test_narrowed(desk: Desk) -> None:
    """A holder can hand on a narrower ticket; the narrower one holds."""
    token = narrow(desk.issue(), 'check if asked("health", $lane, $who)')
    desk.use(token, "health")
    assert desk.refusal(token, "focus") == "narrowed"


@pytest.mark.parametrize(
    "source",
    [
        'verb("chart")', 'verb("chart"); lane("lane1"); technician("tech-1")', "verb($v) <- asked($v, $l, $w)",
        'lane("lane2")', "expires(2027-01-01T00:00:00Z)", 'technician("tech-2")',
    ],
)  # fmt: skip
def test_widening(desk: Desk, source: str) -> None:
    """Nothing that a holder appends widens a ticket: no verb, no lane, no person, no time."""
    token = narrow(desk.issue(), source)
    assert desk.refusal(token, "chart") == "verb-not-in-ticket"
    assert desk.refusal(token, lane="lane2") == "other-lane"
    assert desk.refusal(token, who="tech-2") == "other-technician"
    desk.clock.move(timedelta(hours=4))
    assert desk.refusal(token) == "expired"


def test_not_on_ledger(desk: Desk) -> None:
    """A token that a stolen root key signed is refused: the ledger knows nothing of its issue."""
    real = read_ticket(parse_token(ROOT.public_key, desk.issue()))
    other = type(real)(**{**{name: getattr(real, name) for name in real.__slots__}, "verbs": tuple(Verb)})
    assert desk.refusal(mint_token(ROOT, other), "chart") == "not-issued-here"


@pytest.mark.parametrize(
    "source",
    [
        "", 'ticket("x")',
        ('ticket("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"); work_order("w"); lane("lane1"); technician("tech-1"); organisation("o"); '
        'issued(2026-11-22T08:00:00Z); expires(2026-11-23T08:00:00Z); verb("focus")'),
        ('ticket("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"); work_order("w"); lane("lane1"); technician("tech-1"); organisation("o"); '
        'issued("now"); expires(7); verb("focus")'),
    ],
)  # fmt: skip
def test_odd_token(desk: Desk, source: str) -> None:
    """A token with a good signature that is no ticket, or lives for a day, is refused as malformed."""
    token = BiscuitBuilder(source).build(ROOT.private_key).to_base64()
    assert desk.refusal(token) == "malformed"


def test_time_of_a_token_runs_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads a token has a limit of time that is Wayseal's, not the library's millisecond; past it, a refusal."""
    token = parse_token(ROOT.public_key, desk.issue())
    assert read_ticket(token).technician == "tech-1"
    monkeypatch.setattr(ticket, "_LIMIT_TIME", timedelta(0))
    with pytest.raises(Refused):
        read_ticket(token)


def test_other_root(desk: Desk) -> None:
    """Another site's ticket is not ours."""
    assert (
        desk.refusal(mint_token(KeyPair(), read_ticket(parse_token(ROOT.public_key, desk.issue()))))
        == "bad-signature"
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_edited(desk: Desk, place: int, bit: int) -> None:
    """A token with any one bit changed is refused."""
    token = desk.issue()
    data = bytearray(base64.urlsafe_b64decode(token))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(Refused):
        desk.use(base64.urlsafe_b64encode(data).decode())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_text(desk: Desk, text: str) -> None:
    """Any text in a token's place is refused, and the ledger keeps nothing of it."""
    with pytest.raises(Refused):
        desk.use(text)


def test_numbers_only() -> None:
    """Focus is told from blur whatever the light, and an empty picture has no sharpness; nothing but numbers comes out."""
    picture = np.random.default_rng(7).integers(40, 200, (240, 320)).astype(np.uint8)
    soft = np.asarray(_blur(picture))
    assert measure_sharpness(picture) > 1.5 * measure_sharpness(soft)
    assert measure_sharpness(picture // 2) == pytest.approx(measure_sharpness(picture), rel=0.05)
    assert measure_sharpness(np.full((240, 320), 90, np.uint8)) == 0
    numbers = measure_camera(iter([np.full((240, 320), 255, np.uint8)] * 3))
    assert (numbers.frames, numbers.saturated, numbers.brightness) == (3, 1.0, 255.0)


def _blur(picture: np.ndarray) -> np.ndarray:
    import cv2

    blur: Callable[..., np.ndarray] = cv2.GaussianBlur
    return blur(picture, (0, 0), 2.0)


@pytest.mark.parametrize("actor", ["tech-2", "tech-1"])
def test_no_technician_issues(desk: Desk, actor: str) -> None:
    """Nobody of a vendor issues or ends a ticket; nothing of it is on the ledger."""
    with pytest.raises(Refused):
        desk.office.issue(work_order="wo-17", lane="lane1", technician="tech-1", verbs=["focus"], actor=actor)
    assert not desk.office.ledger.find(type="ticket")
    desk.issue()
    (state,) = desk.office.list_tickets()
    with pytest.raises(Refused):
        desk.office.revoke(state.id, reason="work-done", actor=actor)


def test_nobody_issues_to_themselves(desk: Desk) -> None:
    """A ticket has two people in it: who asks somebody in, and who comes."""
    desk.people["chief-1"] = PersonStanding("agency", "officer", suspended=False, training_valid=True)
    with pytest.raises(Refused) as caught:
        desk.office.issue(
            work_order="wo-17", lane="lane1", technician="chief-1", verbs=["focus"], actor="chief-1"
        )
    assert "themselves" in str(caught.value)

"""The keyroom hears the register for itself: whoever has left, is not trained or works for a vendor opens nothing, whatever a client says."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lineparts import Line, MovableClock, make_vehicle

from wayseal.flow.oversee.register import add_person, add_vendor, end_person, renew_training
from wayseal.flow.policy import Principal
from wayseal.model.border import Seat
from wayseal.model.custody import Purpose
from wayseal.model.errors import Refused
from wayseal.model.ids import RecordId
from wayseal.model.oversight import Tier

KIM = Principal("kim:1", "officer", "agency")
CONTROL = Principal("officer-7", "officer", "agency")


@pytest.fixture
def face(line: Line, clock: MovableClock) -> RecordId:
    """A face that officers may see."""
    answered = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert answered.occupants[0].record is not None
    return answered.occupants[0].record


def open_as(line: Line, who: Principal, face: RecordId) -> int:
    """Ask as a client does that says what it likes of somebody, and return how many pictures opened."""
    return len(line.site.opener.read_now(who, [face], Purpose.SECONDARY_INSPECTION))


def refuse(line: Line, who: Principal, face: RecordId) -> str:
    """Return the reason for which the keyroom refuses somebody, while somebody else may."""
    with pytest.raises(Refused) as refusal:
        open_as(line, who, face)
    assert open_as(line, CONTROL, face) == 1
    return str(refusal.value.facts["reason"])


def test_training_runs_out(line: Line, clock: MovableClock, face: RecordId) -> None:
    """With the training that the register has, somebody opens until it runs out, and again when it was renewed."""
    desk, until = line.site.oversight, clock() + timedelta(hours=1)
    add_person(desk, KIM.id, organisation="agency", role="officer", training_until=until, actor="chief")
    assert open_as(line, KIM, face) == 1
    clock.move(timedelta(hours=2))
    assert refuse(line, replace(KIM, training_valid=True), face) == "training-expired"
    renew_training(desk, KIM.id, until=clock() + timedelta(days=9), actor="chief")
    assert open_as(line, KIM, face) == 1


def test_whoever_has_left(line: Line, clock: MovableClock, face: RecordId) -> None:
    """Somebody who has left opens nothing from the next request on, under no other organisation either."""
    desk = line.site.oversight
    until = clock() + timedelta(days=9)
    add_person(desk, KIM.id, organisation="agency", role="officer", training_until=until, actor="chief")
    end_person(desk, KIM.id, actor="chief")
    assert refuse(line, KIM, face) == "left"
    assert refuse(line, replace(KIM, organisation="elsewhere"), face) == "left"
    with pytest.raises(Refused):
        line.site.opener.keys.draw(KIM, [])


def test_vendor_under_another_name(line: Line, clock: MovableClock, face: RecordId) -> None:
    """A vendor's technician for whom a client speaks as an officer, of the agency or of the vendor, opens nothing."""
    desk = line.site.oversight
    add_vendor(desk, "opteq", tier=Tier.PRIME, under=None, actor="chief")
    until = clock() + timedelta(days=9)
    add_person(desk, KIM.id, organisation="opteq", role="officer", training_until=until, actor="chief")
    assert refuse(line, KIM, face) == "other-organisation"
    assert refuse(line, replace(KIM, organisation="opteq"), face) == "other-role"
    with pytest.raises(Refused) as refusal:
        open_as(line, replace(KIM, organisation="opteq", role="vendor"), face)
    assert refusal.value.facts.get("rule", "") in {"", "vendors-never-see-records"}

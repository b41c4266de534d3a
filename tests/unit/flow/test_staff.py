"""What the gate knows of people from the register's entries, in their order, whatever a client says of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wayseal.flow.staff import StaffBook, decode_staff, encode_staff
from wayseal.model.clock import to_text

NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def person(action: str = "added", *, org: str = "agency", until: datetime | None = LATER) -> dict[str, Any]:
    """Return an entry about Kim."""
    entry = {
        "type": "register",
        "register": "person",
        "object": "kim:1",
        "action": action,
        "org": org,
        "role": "officer",
    }
    return entry if until is None else entry | {"until": to_text(until)}


def organisation(name: str, tier: str) -> dict[str, Any]:
    """Return an entry about an organisation."""
    return {"type": "register", "register": "organisation", "object": name, "action": "added", "tier": tier}


def learn(*entries: dict[str, Any]) -> StaffBook:
    """Return the state after these entries, written down and read again."""
    book = StaffBook()
    for entry in entries:
        book.apply(entry)
    return decode_staff(encode_staff(book))


@pytest.mark.parametrize(
    ("entries", "who", "fault"),
    [
        ([], ("agency", "officer"), None),
        ([person()], ("agency", "officer"), None),
        ([person()], ("agency", "supervisor"), None),
        ([person()], ("prime", "officer"), "other-organisation"),
        ([person(until=None)], ("agency", "officer"), "training-expired"),
        ([person(until=NOW)], ("agency", "officer"), "training-expired"),
        ([person(until=NOW), person("changed")], ("agency", "officer"), None),
        ([person(), person("ended")], ("agency", "officer"), "left"),
        ([person("ended")], ("agency", "officer"), "left"),
        ([person(), person("ended"), person("changed")], ("agency", "officer"), "left"),
        ([person(), person("ended"), person()], ("agency", "officer"), None),
        ([organisation("prime", "prime"), person(org="prime")], ("prime", "officer"), "other-role"),
        ([organisation("prime", "prime"), person(org="prime")], ("prime", "vendor"), None),
        (
            [organisation("sub", "subcontractor"), person(org="sub")],
            ("agency", "officer"),
            "other-organisation",
        ),
        ([organisation("lab", "assessor"), person(org="lab")], ("lab", "officer"), "other-role"),
        ([organisation("lab", "assessor"), person(org="lab")], ("lab", "assessor"), None),
    ],
)
def test_faults(entries: list[dict[str, Any]], who: tuple[str, str], fault: str | None) -> None:
    """Somebody has the fault that the register's newest word gives them, and nobody else has one."""
    book = learn(*entries)
    assert book.find_fault("kim:1", *who, NOW) == fault
    assert book.find_fault("lee", *who, NOW) is None


def test_equipment_is_nobody() -> None:
    """Entries about equipment and contracts change nothing here."""
    camera = {
        "type": "register",
        "register": "equipment",
        "object": "kim:1",
        "action": "added",
        "org": "prime",
    }
    assert learn(camera) == StaffBook()

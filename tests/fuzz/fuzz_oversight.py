"""Fuzz target of what comes from outside oversight: a vendor's component-definition, kernel messages, tickets, a lane's events.

No crash, no hang; no ticket but the signed one is believed; nothing reaches the ledger that it would not take.
`python tests/fuzz/fuzz_oversight.py [libFuzzer options] [CORPUS]` runs it under atheris, coverage-guided (group `fuzz`).
"""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fuzzing import mutate_corpus, run_atheris

from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.egress_watch import parse_uevent, read_event
from wayseal.assess.oscal_import import read_component_file
from wayseal.flow.egress import event_entry, take_entries
from wayseal.flow.ticket import Ticket, Verb, load_root, mint_token, parse_token, read_ticket
from wayseal.ledger.entry import check_entry
from wayseal.model.errors import Invalid, Refused, WaysealError
from wayseal.station.carrier_wire import decode_entries, encode_entries

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ROOT = load_root(bytes(range(32)))
TICKET = Ticket(
    "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "wo-17", "lane1", "tech-1", "camera-vendor", (Verb.FOCUS, Verb.HEALTH), NOW,
    NOW + timedelta(hours=4),
)  # fmt: skip
KERNEL = (
    b"add@/devices/usb1/1-2/1-2:1.0\0ACTION=add\0DEVPATH=/devices/usb1/1-2/1-2:1.0\0SUBSYSTEM=usb\0DEVTYPE=usb_interface\0"
    b"PRODUCT=781/5567/100\0INTERFACE=8/6/80\0SEQNUM=4711\0"
)
COMPONENT = {
    "component-definition": {
        "uuid": "22222222-2222-4222-8222-222222222222",
        "metadata": {"oscal-version": "1.2.1"},
        "components": [{
            "uuid": "33333333-3333-4333-8333-333333333333", "type": "hardware", "title": "Edge Box 9",
            "control-implementations": [{"implemented-requirements": [{
                "uuid": "44444444-4444-4444-8444-444444444444", "control-id": "mp-7",
                "props": [{"name": "probe-id", "ns": "urn:wayseal:oscal", "value": "p01"}],
            }]}],
        }],
    }
}  # fmt: skip


def load_corpus() -> list[bytes]:
    """Return one of each: what mutations start from."""
    fields = parse_uevent(KERNEL)
    event = None if fields is None else read_event(fields, authorized="0")
    assert event is not None
    return [
        json.dumps(COMPONENT).encode(), KERNEL, base64.urlsafe_b64decode(mint_token(ROOT, TICKET)),
        encode_entries([event_entry("lane1", event, NOW)]),
    ]  # fmt: skip


def check_input(data: bytes) -> None:
    """Feed bytes to every parser. Raises AssertionError for an acceptance, and whatever a parser should not raise."""
    with suppress(Invalid):
        assert read_component_file(data, load_catalogue()).data == data
    fields = parse_uevent(data)
    event = None if fields is None else read_event(fields, authorized=None)
    if event is not None:
        check_entry(event_entry("host", event, NOW))
    with suppress(Refused):
        read = read_ticket(parse_token(ROOT.public_key, base64.urlsafe_b64encode(data).decode()))
        assert read == TICKET, "a ticket is believed that was not signed"
    with suppress(WaysealError):
        take_entries(_take, "lane1", ("lane1",), decode_entries(data), NOW)


def _take(entries: object) -> None:
    """Stand for a ledger: look at every entry as it would."""
    assert isinstance(entries, list)
    for entry in entries:
        check_entry(entry)
        assert (entry["lane"], entry["object"]) == ("lane1", "lane1"), "an entry of another lane is taken"


def mutate(corpus: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Give `count` damaged inputs; cuts and doubles are of characters, numbers and fields."""
    return mutate_corpus(corpus, count, seed, cuts=(1, 2, 4, 32, 64), doubles=(1, 2, 32, 64))


if __name__ == "__main__":
    run_atheris(check_input)

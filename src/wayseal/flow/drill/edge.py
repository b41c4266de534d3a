"""p07, from outside: the lane computer, given its own sealed records and left alone with them, opens none.

Plays a thief who has the whole machine and its passphrase: every rule of the gate is left out, and only the keys decide.
"""

from collections.abc import Mapping
from datetime import timedelta

from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.flow.admit import Admission
from wayseal.flow.drill.records import keep_noise
from wayseal.flow.drill.view import Doors, SiteView, no_doors
from wayseal.flow.policy import Principal
from wayseal.flow.release import Gate
from wayseal.flow.request import Caller, Proven, UnwrapBatch, UnwrapRequest
from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.errors import Erased, Refused, WaysealError
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import EpochVault
from wayseal.store.centre import read_record
from wayseal.store.engine import read
from wayseal.store.records import iterate_day_records

SAMPLE = 20


class NoRules(Admission):
    """An admission that lets everything pass: a thief obeys no rule."""

    def __init__(self) -> None:
        """Need nothing."""

    def admit(
        self,
        caller: Caller,
        who: Principal,
        action: str,
        batch: UnwrapBatch,
        keeping: Mapping[str, str] | None = None,
    ) -> None:
        """Refuse nothing."""


class _Nobody:
    """Who asks: no client of any keyroom."""

    name = "drill"
    roles = frozenset[str]()


@probe("p07", where="outside")
def drill_edge(view: SiteView) -> Seen:
    """Let the lane's own keeper try the lane's own records. One opening, or one epoch's private half there, is a failure."""
    doors, vault = view.doors, view.lane_vault
    if doors is None:
        return no_doors()
    if vault is None or view.lane_device is None:
        return broken("the assessor was not given the lane's own keeper")
    held = [key.epoch for key in vault.epoch_keys()]
    own = _list_own(view, doors)
    records = own or [keep_noise(doors, Kind.FACE, doors.record_class)[0]]
    outcomes = [_try_alone(vault, record, _sealer(view, doors, record)) for record in records]
    faults = [f"{len(held)} epoch keys lie on the lane ({', '.join(held[:3])})"] if held else []
    opened = outcomes.count("opened")
    if opened:
        faults.append(f"the lane opens {opened} of its {len(records)} records by itself")
    strange = sorted({one for one in outcomes if one not in {"opened", Erased.__name__}})
    facts = {
        "tried": len(records),
        "own": len(own),
        "opened": opened,
        "epoch_keys": held,
        "ended_with": strange,
    }
    if strange and not faults:
        return broken(f"the attempt ended with {', '.join(strange)}", **facts)
    return judge(faults, f"the lane cannot open its own {len(records)} records", **facts)


def _list_own(view: SiteView, doors: Doors) -> list[SealedRecord]:
    """Return some of the newest records that this very device sealed and that are still there."""
    device, today = view.equipment.device_sha256, doors.opener.clock()
    found: list[SealedRecord] = []
    for day in (today, today - timedelta(days=1)):
        with read(doors.opener.store.engine) as connection:
            rows = [row for row in iterate_day_records(connection, day.date()) if row.device == device]
        there = [row for row in rows if row.position is not None][-SAMPLE:]
        found += [parse_record(read_record(doors.opener.store, row.object_id)) for row in there]
    return found[:SAMPLE]


def _sealer(view: SiteView, doors: Doors, record: SealedRecord) -> bytes:
    """Return the public key of the device that sealed a record: the lane's, or the centre's for the drill's own noise."""
    if record.header.device == view.equipment.device_sha256:
        return view.lane_device or b""
    return doors.archive.signer.public


def _try_alone(vault: EpochVault, record: SealedRecord, device: bytes) -> str:
    """Return `opened`, or the name of the error with which a keeper's attempt ended."""
    gate = Gate(
        vault=vault,
        find_device=lambda _digest: device,
        keyrooms=(),
        admission=NoRules(),
        clock=lambda: record.header.sealed_at,
        signer=_NoSigner(),
        caller=_Nobody(),
    )
    batch = UnwrapBatch("", 0, (), (UnwrapRequest(record, Proven(b"", 0, ())),))
    try:
        (key,) = gate.unwrap(Principal("drill", "thief", "nobody"), batch)
    except WaysealError as error:
        return type(error).__name__
    key[:] = bytes(len(key))
    return "opened"


class _NoSigner:
    """A gate that re-wraps nothing needs no signature."""

    public = bytes(32)

    def sign(self, message: bytes) -> bytes:  # noqa: ARG002 - the protocol's name
        """Raise: nothing is signed here."""
        raise Refused("nothing is signed here")

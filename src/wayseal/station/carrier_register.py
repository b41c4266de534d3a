"""Which lanes on other hosts this centre knows: invited, enrolled, revoked. The certificate says who; this says whether.

Owns `HOME/centre/lanes`, one file a lane, written after the ledger entry that tells of the change. Holds public keys
and digests only.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from wayseal.ledger.log import Ledger
from wayseal.model.border import Direction
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.errors import Integrity, Invalid, NotFound, Refused
from wayseal.model.ids import check_name
from wayseal.seal.keys.durable import lock_folder, make_folder, read_json, write_file
from wayseal.seal.strict import encode_canonical
from wayseal.seal.suite import sha256

_SUFFIX = ".json"
_ASK = "Ask for another: wayseal lane enrol, at the centre."


@dataclass(frozen=True, slots=True)
class LaneEntry:
    """One lane. Hexadecimal texts, empty where there is nothing yet.

    `ticket` is the SHA-256 of the key that may join once, until `ticket_until`, and `used` says whether it did; `sealing` the raw key that it seals with;
    `tls` the SHA-256 of the raw key that it connects with. An enrolled lane keeps working while it is invited again.
    """

    lane: str
    direction: Direction
    ticket: str = ""
    ticket_until: str = ""
    sealing: str = ""
    tls: str = ""
    used: bool = False
    revoked: bool = False

    @property
    def device(self) -> str:
        """SHA-256 (hex) of the sealing key, as record headers name it; empty before the lane has joined."""
        return sha256(bytes.fromhex(self.sealing)).hex() if self.sealing else ""

    @property
    def state(self) -> str:
        """`invited`, `enrolled` or `revoked`."""
        if self.revoked:
            return "revoked"
        return "enrolled" if self.sealing else "invited"


class LaneRegister:
    """The lanes of one centre. Safe for several processes."""

    def __init__(self, folder: Path, ledger: Ledger, clock: Clock) -> None:
        make_folder(folder)
        self._folder = folder
        self._ledger = ledger
        self._clock = clock

    def entries(self) -> Iterator[LaneEntry]:
        """Yield the lanes in the order of their names."""
        for path in sorted(self._folder.glob("*" + _SUFFIX)):
            yield self.find(path.name.removesuffix(_SUFFIX))

    def find(self, lane: str) -> LaneEntry:
        """Return one lane, revoked when the ledger says so whatever its file does. Raises `NotFound`, or `Integrity` for keys that never joined."""
        types: dict[str, type] = dict.fromkeys(
            ("lane", "direction", "ticket", "ticket_until", "sealing", "tls"), str
        )
        types |= {"used": bool, "revoked": bool}
        try:
            fields = read_json(self._folder / f"{check_name(lane, what='lane id')}{_SUFFIX}", types)
            return self._agree(LaneEntry(**fields | {"direction": Direction(fields["direction"])}))
        except FileNotFoundError:
            raise NotFound(
                "no such lane at this centre", hint="wayseal lane enrol invites one.", lane=lane
            ) from None
        except ValueError:
            raise Integrity("a lane's file at the centre is damaged", lane=lane) from None

    def _agree(self, entry: LaneEntry) -> LaneEntry:
        """Return a lane as the ledger lets it be: a file that was put back, or never written, lets nobody in."""
        told = [
            self._ledger.entry(index) for index in self._ledger.find(type="lane-enrol", object=entry.lane)
        ]
        if entry.device and entry.device not in {one.get("device") for one in told}:
            raise Integrity("a lane's file at the centre has a key that never joined", lane=entry.lane)
        out = [one["action"] for one in told if one["action"] != "invited"][-1:] == ["revoked"]
        return replace(entry, revoked=True) if out else entry

    def invite(self, lane: str, direction: Direction, ticket: str, until: datetime) -> LaneEntry:
        """Let whoever holds the key with this digest join as the lane, once, until a time. A lane of that name works on."""
        with lock_folder(self._folder):
            try:
                known = self.find(lane)
            except NotFound:
                known = LaneEntry(check_name(lane, what="lane id"), direction)
            entry = replace(
                known, direction=direction, ticket=ticket, ticket_until=to_text(until), used=False
            )
            self._write(entry, "invited", expires=to_text(until))
        return entry

    def join(self, lane: str, *, ticket: str, sealing: bytes, tls: str) -> LaneEntry:
        """Enrol a lane with its keys. The same keys again are no error: an answer may have been lost on its way.

        Raises `Refused` for a ticket that was used with other keys, is not the newest, or is over.
        """
        with lock_folder(self._folder):
            known = self.find(lane)
            if not ticket or known.ticket != ticket:
                raise Refused("this join file is not the newest for its lane", hint=_ASK)
            if known.used:
                if (known.tls, known.sealing) == (tls, sealing.hex()):
                    return known
                raise Refused("this join file was used already, by another computer", hint=_ASK)
            if self._clock() >= from_text(known.ticket_until):
                raise Refused("this join file is over", hint=_ASK)
            entry = replace(known, sealing=sealing.hex(), tls=tls, used=True, revoked=False)
            self._write(entry, "joined")
        return entry

    def revoke(self, lane: str) -> LaneEntry:
        """Let a lane in no more: its certificate, its join file and its next epoch keys. Again is no error."""
        with lock_folder(self._folder):
            entry = replace(self.find(lane), revoked=True, ticket="", ticket_until="")
            self._write(entry, "revoked")
        return entry

    def admit(self, lane: str, *, device: str, tls: str) -> LaneEntry:
        """Return the lane that a certificate names. Raises `Refused`, with a code, unless these are its keys and it is not revoked."""
        try:
            entry = self.find(lane)
        except NotFound:
            raise Refused("this centre knows no such lane", lane=lane, code="lane-unknown") from None
        if entry.revoked:
            raise Refused(
                "this lane was revoked",
                hint="Ask the centre to enrol it again.",
                lane=lane,
                code="lane-revoked",
            )
        if (entry.device, entry.tls) != (device, tls):
            raise Refused(
                "another computer was enrolled as this lane", hint="Enrol this one again, or retire it.",
                lane=lane, code="lane-replaced",
            )  # fmt: skip
        return entry

    def _write(self, entry: LaneEntry, action: str, **facts: object) -> None:
        """Tell the ledger, then write the lane's file."""
        device = {"device": entry.device} if entry.device else {}
        self._ledger.append(
            [
                {
                    "type": "lane-enrol",
                    "object": entry.lane,
                    "lane": entry.lane,
                    "action": action,
                    **device,
                    **facts,
                }
            ]
        )
        fields = asdict(entry) | {"direction": entry.direction.value}
        write_file(self._folder / f"{entry.lane}{_SUFFIX}", encode_canonical(fields))


def check_direction(entry: LaneEntry, direction: Direction) -> None:
    """Raise `Invalid` unless a lane leads where it was enrolled to lead."""
    if entry.direction is not direction:
        raise Invalid(
            "the lane was enrolled for the other direction",
            hint="Enrol it again with --direction.",
            lane=entry.lane,
        )

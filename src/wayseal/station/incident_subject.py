"""Whom an incident is about, told from the ledger: which devices and lanes were theirs in the time in question, and in which roles they acted.

Owns the reading of the register's past. What the register says today is not enough: by the time somebody asks, a lane may be off the
roster, a device retired, a key replaced and a rule tightened, and none of that may make an incident smaller.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wayseal.flow.admit import RULES
from wayseal.flow.oversee.desk import view
from wayseal.flow.scope import Question, Tie
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import from_text
from wayseal.model.errors import Invalid, NotFound
from wayseal.model.oversight import SubjectKind, Tier
from wayseal.seal.suite import sha256
from wayseal.station.keyroom_trust import list_roles
from wayseal.store.oversight import vendors as vendor_rows

if TYPE_CHECKING:
    from wayseal.station.site import Site

_FIELDS = ("org", "lane", "device")
_ACTING = {Tier.AGENCY: None, Tier.ASSESSOR: "assessor"}


@dataclass(frozen=True, slots=True)
class Stay:
    """A piece of equipment as the register had it for a while. `end` None: still so."""

    equipment: str
    organisation: str
    lane: str | None
    key: str | None
    begin: datetime
    end: datetime | None

    def meets(self, since: datetime, until: datetime) -> bool:
        """Say whether any of it lies in [since, until)."""
        return self.begin < until and (self.end is None or self.end > since)


def ask_about(site: "Site", kind: SubjectKind, subject: str, *, since: datetime, until: datetime) -> Question:
    """Return the question about somebody or something. Raises `Invalid` for a device that was never known here."""
    chain = list_chain(site.ledger, subject) if kind is SubjectKind.ORGANISATION else {}
    place = _Place.find(site, kind, subject, (since, until), chain)
    return Question(
        kind, subject, since, until, place.devices, place.equipment, place.lanes,
        good_days=site.settings.oversight.full_days, rules_known=_same_rules(site, since, until), organisations=chain,
    )  # fmt: skip


def list_chain(ledger: LedgerReader, subject: str) -> dict[str, Tie]:
    """Return an organisation and everybody who works under it, at any depth, as the register's entries have them.

    Empty for one that was never registered.
    """
    ties = {
        one["object"]: Tie(one["tier"], one.get("under"))
        for one in _entries(ledger, "organisation")
        if "tier" in one
    }
    found = {subject: ties[subject]} if subject in ties else {}
    edge = {subject}
    while edge:
        edge = {name for name, tie in ties.items() if tie.under in edge and name not in found}
        found |= {name: ties[name] for name in sorted(edge)}
    return found


def list_stays(ledger: LedgerReader) -> Iterator[Stay]:
    """Yield whose and where each piece of equipment was, and with which key, one stay after another."""
    now: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
    for entry in _entries(ledger, "equipment"):
        name, when = entry["object"], from_text(entry["time"])
        begin, known = now.get(name, (when, {}))
        if known and "gone" not in known:
            yield _stay(name, known, begin, when)
        if entry["action"] == "ended":
            now[name] = (when, {**known, "gone": True})
        else:
            fields: dict[str, Any] = {one: known[one] for one in known if one != "gone"}
            now[name] = (when, fields | {one: entry[one] for one in _FIELDS if one in entry})
    for name, (begin, known) in now.items():
        if "gone" not in known:
            yield _stay(name, known, begin, None)


def list_acting_roles(site: "Site", question: Question) -> list[str]:
    """Return every role in which the subject may have acted by the end of the time in question.

    Somebody of a vendor acts as `vendor`, whatever they were registered as. Whoever was not registered all that time may
    have named any role that the rules know.
    """
    everything = sorted(list_roles((site.home / "policy" / "site.cedar").read_text(encoding="utf-8")))
    with view(site.oversight) as rows:
        tiers = {one.id: one.tier for one in vendor_rows.list_vendors(rows)}
    if question.kind is SubjectKind.ORGANISATION:
        acting = {
            _ACTING.get(tiers[name], "vendor") if name in tiers else None
            for name in {question.id, *question.organisations}
        }
        return everything if None in acting else sorted(filter(None, acting))
    told = [one for one in _entries(site.ledger, "person") if one["object"] == question.id]
    if not told or from_text(told[0]["time"]) > question.since:
        return everything
    return sorted({_ACTING.get(tiers[one["org"]], "vendor") or one["role"] for one in told})


@dataclass(frozen=True, slots=True)
class _Place:
    """What belonged to a subject: sealing keys, equipment, and the equipment at each lane."""

    devices: frozenset[str]
    equipment: frozenset[str]
    lanes: dict[str, frozenset[str]]

    @classmethod
    def find(
        cls,
        site: "Site",
        kind: SubjectKind,
        subject: str,
        span: tuple[datetime, datetime],
        chain: Collection[str],
    ) -> "_Place":
        """Find it on the ledger."""
        if kind is SubjectKind.PRINCIPAL:
            return cls(frozenset(), frozenset(), {})
        stays = list(list_stays(site.ledger))
        by_key = kind is SubjectKind.DEVICE and len(subject) == 64
        if kind is SubjectKind.ORGANISATION:
            mine = [one for one in stays if one.organisation in {subject, *chain}]
        else:
            mine = [one for one in stays if subject in (one.equipment, one.lane, one.key)]
        bare = kind is SubjectKind.DEVICE and not by_key and _is_lane(site, subject)
        if kind is SubjectKind.DEVICE and not (mine or by_key or bare):
            raise Invalid("no such device", hint="Give a lane, an equipment id, or a sealing key's SHA-256.")
        mine = [one for one in mine if one.meets(*span)]
        lanes = {} if by_key else _group(mine, {subject} if bare else ())
        keys = {one.key for one in mine if one.key} | _list_keys(site, lanes)
        equipment = frozenset(one.equipment for one in mine)
        return cls(frozenset({subject} if by_key else keys), equipment, lanes)


def _group(stays: Iterable[Stay], bare: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the equipment at each lane; a lane without any may be named too."""
    found: dict[str, set[str]] = {lane: set() for lane in bare}
    for one in stays:
        if one.lane is not None:
            found.setdefault(one.lane, set()).add(one.equipment)
    return {lane: frozenset(names) for lane, names in found.items()}


def _list_keys(site: "Site", lanes: Iterable[str]) -> set[str]:
    """Return the sealing keys that lanes have on the roster, or joined with, as SHA-256 in hex."""
    wanted = set(lanes)
    roster = site.keyroom.read_roster()
    known = {} if roster is None else roster.devices
    keys = {sha256(key).hex() for lane, key in known.items() if lane in wanted}
    for lane in wanted:
        found = (site.ledger.entry(index) for index in site.ledger.find(type="lane-enrol", lane=lane))
        keys |= {entry["device"] for entry in found if "device" in entry}
    return keys


def _is_lane(site: "Site", name: str) -> bool:
    """Say whether a lane of that name was ever known here."""
    roster = site.keyroom.read_roster()
    if name in site.settings.lanes or (roster is not None and name in roster.devices):
        return True
    with suppress(Invalid, NotFound):
        return any(
            site.ledger.find(type=kind, lane=name) for kind in ("lane-enrol", "lane-status", "capture")
        )
    return False


def _same_rules(site: "Site", since: datetime, until: datetime) -> bool:
    """Say whether the policy's rules were those of today in all of [since, until)."""
    entries = [site.ledger.entry(index) for index in site.ledger.find(type="config", object=RULES)]
    before = [one["config_sha256"] for one in entries if from_text(one["time"]) <= since]
    within = [one["config_sha256"] for one in entries if since < from_text(one["time"]) < until]
    return {*before[-1:], *within} <= {site.policy.sha256}


def _entries(ledger: LedgerReader, register: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of one register, in the ledger's order."""
    for index in ledger.find(type="register"):
        entry = ledger.entry(index)
        if entry["register"] == register:
            yield entry


def _stay(name: str, known: Mapping[str, Any], begin: datetime, end: datetime | None) -> Stay:
    return Stay(name, known["org"], known.get("lane"), known.get("device"), begin, end)

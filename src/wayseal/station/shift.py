"""Shifts: an officer signs in, and a session grant for the lanes of the shift is on the ledger, witnessed where there are witnesses.

Owns the order entry, cosignatures, gate. Who signs in was authenticated by the caller; what a grant is worth the gate decides.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from wayseal.flow.admit import SUSPENDED
from wayseal.flow.grant import grant_end_entry, grant_entry
from wayseal.flow.policy import Principal
from wayseal.flow.request import Learned
from wayseal.model.custody import Purpose
from wayseal.model.errors import Refused, Unavailable
from wayseal.model.ids import new_ulid
from wayseal.station.site import Site


@dataclass(frozen=True, slots=True)
class Shift:
    """A grant in force. `witnessed` says whether the quorum of the keyroom's witness policy has cosigned it.

    `must_sign`: it counts when its officer or a second person has signed it (`is_signed`).
    """

    id: str
    lanes: frozenset[str]
    ends: datetime
    ledger_index: int
    witnessed: bool
    must_sign: bool


def list_lanes(site: Site) -> list[str]:
    """Return the lanes that the settings name or that have a folder here."""
    return sorted({*site.settings.lanes, *(path.name for path in (site.home / "lanes").glob("*"))})


def begin_shift(
    site: Site,
    who: Principal,
    lanes: Collection[str],
    *,
    purpose: Purpose = Purpose.PRIMARY_INSPECTION,
    hours: float | None = None,
) -> Shift:
    """Write a session grant, have it cosigned where the site has witnesses, let the gate know, and return it.

    Raises `Refused` for somebody of a suspended organisation or without valid training, and when the keyroom wants witnesses and
    their quorum does not stand; then nothing may be opened under it.
    """
    _verify_person(who)
    now, longest = site.clock(), site.settings.release.grant_hours
    ends = now + timedelta(hours=min(longest, longest if hours is None else hours))
    grant_id = new_ulid(now)
    entry = grant_entry(
        who, grant_id, lanes, purpose=purpose, span=(now, ends), limit=site.settings.release.grant_pictures
    )
    (index,) = site.ledger.append([entry])
    known = _tell_gate(site, index)
    return Shift(
        grant_id, frozenset(lanes), ends, index, witnessed=index < known.witnessed,
        must_sign=known.pinned or site.settings.release.signed_approvals,
    )  # fmt: skip


def is_signed(site: Site, shift: Shift) -> bool:
    """Say whether the ledger has a signature for a shift's grant, where one is wanted. What it is worth the gate decides."""
    return not shift.must_sign or bool(site.ledger.find(type="grant-approve", object=shift.id))


def cover_lane(
    site: Site, who: Principal, shifts: list[Shift], chosen: frozenset[str] | None, *, lane: str | None = None
) -> None:
    """Add a grant to `shifts` when none of them is in force for a lane that was chosen at sign-in; `chosen` None is every lane.

    A lane outside the choice gets none: its pictures are out of lane. Without a lane, any grant in force will do.
    """
    now = site.clock()
    running = [one for one in shifts if now < one.ends]
    if any(lane is None or lane in one.lanes for one in running):
        return
    wanted = chosen if chosen is not None else frozenset(list_lanes(site)) | ({lane} if lane else frozenset())
    if wanted and (lane is None or lane in wanted):
        shifts.append(begin_shift(site, who, wanted))


def end_shift(site: Site, who: Principal, shift: Shift) -> None:
    """End a grant before its time, at once."""
    site.ledger.append([grant_end_entry(who, shift.id, site.clock())])
    site.opener.teach()


def _verify_person(who: Principal) -> None:
    """Raise `Refused` for somebody who could open nothing under a grant."""
    if who.suspended:
        raise Refused("this organisation is suspended", rule=SUSPENDED)
    if not who.training_valid:
        raise Refused(
            "the training of this person has run out",
            hint="It is renewed in the register: wayseal vendor training.",
            rule="expired-training-closes-access",
        )


def _tell_gate(site: Site, index: int) -> Learned:
    """Let the gate learn of entry `index`, under the witnesses' cosignatures where they are to be had.

    Raises the reason why they are not when the keyroom has a witness policy.
    """
    if site.opener.publish is None:
        return _check_witnessed(site.opener.teach(), index)
    try:
        return _check_witnessed(site.opener.teach(witnessed=True), index)
    except (Refused, Unavailable):
        known = site.opener.teach()
        if known.pinned:
            raise
        return known


def _check_witnessed(known: Learned, index: int) -> Learned:
    """Raise `Refused` when the keyroom wants witnesses and does not count an entry as witnessed."""
    if known.pinned and known.witnessed <= index:
        raise Refused(
            "the keyroom wants witnesses and too few have cosigned",
            hint="Write the trust policy into the ledger's folder: docs/howto/witnesses-first.md.",
        )
    return known

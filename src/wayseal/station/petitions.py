"""Petitions at one site: asking for a lift, and carrying out a lift or a reinstatement once two people have signed it.

Owns the order: the keyroom's sealed entry first, then what follows from it here. What a signature is worth the keyroom decides.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wayseal.export.approval import Subject
from wayseal.flow.countersign import PETITIONS, Matter, find_matter, find_settled
from wayseal.flow.disclose import Disclosure
from wayseal.flow.hold import ask_lift, finish_lift, lift_hold
from wayseal.flow.waiting import Place, look_at_petition
from wayseal.model.errors import Refused, Unavailable
from wayseal.station.overseer import tell_return
from wayseal.station.signing import must_settle

if TYPE_CHECKING:
    from wayseal.flow.erase import Erasure
    from wayseal.station.site import Site


def lift(site: "Site", hold: str, *, reason: str, approvers: Sequence[str], actor: str) -> dict[str, Any]:
    """End a hold early; where people's word counts with their signature only, ask for it, so that both may sign."""
    if must_settle(site):
        petition, index = ask_lift(site.eraser, hold, reason=reason, approvers=approvers, actor=actor)
        return {
            "hold": hold, "lift": petition, "signed": False, "approvers": list(approvers), "erased": 0,
            "epochs_destroyed": [], "ledger_index": index,
        }  # fmt: skip
    return {"hold": hold, **_count(lift_hold(site.eraser, hold, reason=reason, approvers=approvers))}


def finish_petition(site: "Site", desk: Disclosure, about: Subject, petition: str) -> dict[str, Any]:
    """Carry a petition out, and return what came of it; again after a crash, do what is left. Raises `Unapproved` while too few have signed."""
    matter = find_matter(desk, about, petition)
    index = find_settled(desk, matter)
    if index is None:
        index = site.opener.settle(about.value, matter.id)
    if about is Subject.REINSTATEMENT:
        said = tell_return(site, matter.entry["subject"], index)
    else:
        said = {
            "hold": matter.entry["hold"], **_count(finish_lift(site.eraser, matter.entry["hold"])), "ledger_index": index,
        }  # fmt: skip
    return {about.value: matter.id, "signed": True, **said}


def settle_signed(site: "Site", desk: Disclosure, matter: Matter) -> dict[str, Any] | None:
    """Carry a petition out if enough have signed it, and return what came of it; None while it has to wait, or for any other matter.

    A keyroom or witnesses that do not answer leave it waiting: whoever asked finishes it.
    """
    if matter.about not in PETITIONS or look_at_petition(desk, matter).place is not Place.SIGNED:
        return None
    with suppress(Refused, Unavailable):
        return finish_petition(site, desk, matter.about, matter.id)
    return None


def _count(erased: "Sequence[Erasure]") -> dict[str, Any]:
    """Return what died with a hold."""
    return {
        "erased": sum(one.records for one in erased),
        "epochs_destroyed": [one.epoch for one in erased],
    }

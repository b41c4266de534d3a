"""One assessment of one piece of equipment: every probe that is asked, from every place it looks from, as one observation each.

Joins what the host said of itself (a bundle that was verified already), what the network shows, what is signed, and what the
site does when it is tried. Owns the order and nothing else; `flow.oversee.assessments` judges and records the answers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from wayseal.assess import collector
from wayseal.assess.catalogue import ProbeSpec, Where
from wayseal.assess.document import device, vendor
from wayseal.assess.document.view import DocumentView
from wayseal.assess.outside import clocks, cloud, egress, inventory, login, peer, people, stream
from wayseal.assess.probe import PATIENCE_S, Subject, run_probe
from wayseal.flow.drill import access, edge, events, expired, exports, ledger, remote, restore
from wayseal.flow.drill.view import SiteView
from wayseal.model.clock import Clock
from wayseal.model.oversight import Equipment, Observation

PART_MODULES = (
    *collector.HOST_MODULES, clocks, cloud, egress, inventory, login, peer, people, stream, device, vendor, access, edge, events,
    expired, exports, ledger, remote, restore,
)  # fmt: skip
"""The modules whose import registers the parts of the probes."""

Progress = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the assessor has of one device, by place. What is missing makes errors, never passes.

    `host` is what `assess.verify.verify_bundle` returned, or `refuse_host` for a host whose word cannot be believed;
    a device that runs no collector (a camera, a network) has none.
    """

    outside: SiteView | None = None
    documents: DocumentView | None = None
    host: Sequence[Observation] = field(default=())


def assess_equipment(
    equipment: Equipment,
    specs: Sequence[ProbeSpec],
    sight: Sight,
    *,
    clock: Clock,
    limit_s: float = PATIENCE_S,
    progress: Progress = lambda _observation: None,
) -> tuple[Observation, ...]:
    """Return one observation for each of `specs`, in their order: 31 for the whole catalogue.

    Never raises for what a probe meets. `limit_s` bounds each part. `progress` hears of each observation as it is made.
    """
    views: dict[Where, object] = {}
    if sight.outside is not None:
        views[Where.OUTSIDE] = sight.outside
    if sight.documents is not None:
        views[Where.DOCUMENT] = sight.documents
    subject = Subject(equipment.kind, views)
    known = {one.probe: one for one in sight.host}
    seen = []
    for spec in specs:
        seen.append(run_probe(spec, subject, clock, limit_s=limit_s, known=_host_part(spec, known)))
        progress(seen[-1])
    return tuple(seen)


def _host_part(spec: ProbeSpec, known: Mapping[str, Observation]) -> dict[Where, Observation]:
    """Return what the host said for a probe that has a host part."""
    if Where.HOST in spec.where and spec.id in known:
        return {Where.HOST: known[spec.id]}
    return {}

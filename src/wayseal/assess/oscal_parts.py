"""What every OSCAL document here is made of: stable UUIDs, metadata, properties, parties, evidence resources.

Owns spelling (OSCAL 1.2.1, JSON) and nothing else: no file, no clock, no decision on what passes.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wayseal.assess.catalogue import ProbeSpec
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid
from wayseal.model.oversight import Assessment, Contract, Equipment, Finding, PoamItem, Vendor

OSCAL_VERSION = "1.2.1"
NAMESPACE = "urn:wayseal:oscal"
"""The `ns` of every property that OSCAL itself does not define."""

Json = dict[str, Any]
_CONTROL = re.compile(r"([A-Z]{2})-(\d{1,2})((?:\(\d{1,2}\))*)")


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that a package is made from, as of `now`. Evidence bytes come with the observations."""

    site: str
    origin: str
    """The ledger's origin: it makes the UUIDs of two sites differ."""
    organisation: str
    now: datetime
    probes: tuple[ProbeSpec, ...]
    vendors: tuple[Vendor, ...]
    contracts: tuple[Contract, ...]
    equipment: tuple[Equipment, ...]
    assessments: tuple[Assessment, ...]
    findings: tuple[Finding, ...]
    items: tuple[PoamItem, ...]
    attested: Mapping[str, int] = field(default_factory=dict)
    """The ledger entry that attests each assessment, by its id."""
    full_days: int = 90
    daily_hours: int = 24
    window_minutes: int = 60
    """How long one nonce is good for."""

    def uuid(self, *parts: str) -> str:
        """Return the UUID (version 5) of one thing of this site: the same at every export."""
        return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}:{self.origin}"), "/".join(parts)))

    def probes_for(self, equipment: Equipment) -> tuple[ProbeSpec, ...]:
        """Return the probes that apply to a piece of equipment, by its kind."""
        return tuple(probe for probe in self.probes if equipment.kind in probe.kinds)

    def organisations(self) -> tuple[str, ...]:
        """Return every organisation that the package names."""
        named = {self.organisation, *(vendor.id for vendor in self.vendors)}
        named |= {one.organisation for one in self.equipment} | {one.assessor for one in self.assessments}
        return tuple(sorted(named | {item.owner for item in self.items}))


def tidy(value: Json) -> Json:
    """Return an object without its absent and empty members, which OSCAL does not allow."""
    return {name: member for name, member in value.items() if member not in (None, "", [], {})}


def control_id(control: str) -> str:
    """Return OSCAL's spelling of a control: `AC-20(2)` becomes `ac-20.2`. Raises `Invalid` for anything else."""
    match = _CONTROL.fullmatch(control)
    if match is None:
        raise Invalid("not a control of SP 800-53", hint="Controls look like MP-7 or AC-20(2).")
    return f"{match[1].lower()}-{match[2]}" + "".join(f".{number}" for number in re.findall(r"\d+", match[3]))


def objective_id(control: str, probe: str) -> str:
    """Return the id of the objective that a probe tests for a control: `ac-20.2_obj.p03`."""
    return f"{control_id(control)}_obj.{probe}"


def prop(name: str, value: object) -> Json:
    """Return one property of ours."""
    return {"name": name, "ns": NAMESPACE, "value": str(value)}


def metadata(dossier: Dossier, title: str) -> Json:
    """Return a document's metadata: the roles, and every organisation as a party. No person is named."""
    parties = [
        {"uuid": dossier.uuid("party", name), "type": "organization", "name": name}
        for name in dossier.organisations()
    ]
    return {
        "title": title,
        "last-modified": to_text(dossier.now),
        "version": to_text(dossier.now),
        "oscal-version": OSCAL_VERSION,
        "props": [prop("site", dossier.site)],
        "roles": [{"id": "operator", "title": "Operates the site"}],
        "parties": parties,
        "responsible-parties": [
            {"role-id": "operator", "party-uuids": [dossier.uuid("party", dossier.organisation)]}
        ],
    }


def reviewed_controls(probes: Iterable[ProbeSpec]) -> Json:
    """Return the controls and objectives that these probes test."""
    chosen = tuple(probes)
    controls = sorted({control_id(control) for probe in chosen for control in probe.controls})
    objectives = sorted({objective_id(control, probe.id) for probe in chosen for control in probe.controls})
    return {
        "control-selections": [{"include-controls": [{"control-id": control} for control in controls]}],
        "control-objective-selections": [
            {"include-objectives": [{"objective-id": objective} for objective in objectives]}
        ],
    }


def method(probe: ProbeSpec) -> str:
    """Return how a probe looks: `EXAMINE` where it reads documents only, else `TEST`."""
    return "EXAMINE" if set(probe.where) == {"document"} else "TEST"


def item_subject(dossier: Dossier, equipment: str) -> Json:
    """Return a reference to one inventory item of the system security plan."""
    return {"subject-uuid": dossier.uuid("item", equipment), "type": "inventory-item"}


def evidence_path(sha256: str) -> str:
    """Return where evidence lies in a package."""
    return f"evidence/{sha256}"

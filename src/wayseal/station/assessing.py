"""One assessment at a site, from the drawing of its nonce to its record: what the host says, what is seen from outside, what is signed.

Owns the order. Whatever is missing, late or contradictory ends as an error of a probe, with a reason; the rule is in
`flow.oversee.assessments`.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wayseal.assess.bundle import BUNDLE_LIMIT
from wayseal.assess.catalogue import ProbeSpec, load_catalogue
from wayseal.assess.collector import Signer, assess_host, host_probes
from wayseal.assess.document.view import DocumentView
from wayseal.assess.host.facts import HostFacts, decode_facts
from wayseal.assess.outside.view import HistoryPlan, RosterPlan
from wayseal.assess.verify import Expected, refuse_host, verify_bundle
from wayseal.flow.assess import Sight, assess_equipment
from wayseal.flow.collect import host_view
from wayseal.flow.drill.view import Doors, SiteView
from wayseal.flow.oversee.assessments import Outcome, choose_probes, draw_assessment, record_assessment
from wayseal.flow.oversee.desk import view
from wayseal.flow.oversee.standing import chain_of
from wayseal.ledger.policy import parse_policy
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.errors import Integrity, Invalid, NotFound, WaysealError
from wayseal.model.oversight import AssessmentKind, Equipment, EquipmentKind, Observation
from wayseal.seal.suite import sha256
from wayseal.station.arming import introduce_centre
from wayseal.station.devices import read_serial
from wayseal.station.drills import drill_parts
from wayseal.station.papers import (
    decode_accounts,
    outside_parts,
    paper_name,
    read_documents,
    read_facts,
    read_paper,
    read_signers,
)
from wayseal.station.witnessing import POLICY
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows
from wayseal.store.oversight.assessments import DrawnAssessment

if TYPE_CHECKING:
    from wayseal.station.site import Site

Progress = Callable[[Observation], None]
HOSTS = (EquipmentKind.LANE_HOST, EquipmentKind.CENTRE_HOST)
_QUIET: Progress = lambda _: None  # noqa: E731 - a default argument


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a host must answer: one assessment of one device, its nonce, what was declared of it, and whether daily probes suffice."""

    assessment: str
    equipment: str
    kind: EquipmentKind
    nonce: str
    facts: HostFacts
    daily: bool
    drawn_at: datetime

    def encode(self) -> bytes:
        """Return the challenge as a file that is carried to the host. It is no secret."""
        value = {
            "assessment": self.assessment, "equipment": self.equipment, "kind": self.kind.value, "nonce": self.nonce,
            "facts": base64.b64encode(self.facts.encode()).decode(), "daily": self.daily, "drawn_at": to_text(self.drawn_at),
        }  # fmt: skip
        return json.dumps(value, indent=1).encode()


def decode_challenge(raw: bytes) -> Challenge:
    """Return the challenge that a file holds. Raises `Invalid`."""
    try:
        value = json.loads(raw)
        facts = decode_facts(base64.b64decode(value["facts"], validate=True))
        kind, drawn = EquipmentKind(value["kind"]), from_text(value["drawn_at"])
        bytes.fromhex(value["nonce"])
        return Challenge(
            value["assessment"], value["equipment"], kind, value["nonce"], facts, bool(value["daily"]), drawn
        )
    except (ValueError, KeyError, TypeError):
        raise Invalid("not an assessment's challenge", hint="wayseal equipment draw ID --out FILE") from None


def begin(
    site: "Site", device: str, kind: AssessmentKind, *, assessor: str | None, actor: str
) -> tuple[DrawnAssessment, Challenge]:
    """Draw an assessment, and return it with the challenge for the device's host. The agency assesses unless another is named."""
    drawn = draw_assessment(
        site.oversight, device, kind, assessor=assessor or site.oversight.agency, actor=actor
    )
    return drawn, read_challenge(site, drawn)


def read_challenge(site: "Site", drawn: DrawnAssessment) -> Challenge:
    """Return the challenge of a drawn assessment."""
    with view(site.oversight) as rows:
        known = equipment_rows.get_equipment(rows, drawn.equipment)
    facts, daily = read_facts(site, known.id), drawn.kind is AssessmentKind.DAILY
    return Challenge(drawn.id, known.id, known.kind, drawn.nonce, facts, daily, drawn.drawn_at)


def find_drawn(site: "Site", assessment: str, device: str) -> DrawnAssessment:
    """Return a drawn assessment of a device. Raises `NotFound`, or `Invalid` when it is another device's."""
    with view(site.oversight) as rows:
        drawn = assessment_rows.get_drawn(rows, assessment)
    if drawn.equipment != device:
        raise Invalid("that assessment is of another device", equipment=drawn.equipment)
    return drawn


def read_answer(file: Path) -> bytes | WaysealError | None:
    """Return the bundle that a file holds, or an error for one larger than any bundle may be."""
    if file.stat().st_size > BUNDLE_LIMIT:
        return Integrity("the host's evidence is larger than any may be")
    return file.read_bytes()


def answer_here(site: "Site", challenge: Challenge) -> bytes | WaysealError | None:
    """Return this machine's answer, an error when the device is another machine, or None for a device that runs no collector."""
    with view(site.oversight) as rows:
        device = equipment_rows.get_equipment(rows, challenge.equipment)
    if device.kind not in HOSTS:
        return None
    if device.serial != read_serial():
        return Integrity(
            "the host did not answer: it is another machine, and no bundle of its evidence was given"
        )
    return collect_bundle(challenge, own_signer(site, device.id), site.clock)


def collect_bundle(
    challenge: Challenge, signer: Signer, clock: Clock, *, root: Path = Path("/"), progress: Progress = _QUIET
) -> bytes:
    """Answer a challenge on the host that this runs on: the signed bundle of its probes."""
    specs = host_probes(load_catalogue(), challenge.kind, daily=challenge.daily)
    return assess_host(
        challenge.equipment, challenge.kind, host_view(challenge.facts, clock, root=root), specs,
        nonce=bytes.fromhex(challenge.nonce), signer=signer, clock=clock, progress=progress,
    )  # fmt: skip


def own_signer(site: "Site", device: str) -> Signer:
    """Return the device key of a host of this home: its lane's, or the centre's for a host that serves no lane."""
    with view(site.oversight) as rows:
        known = equipment_rows.get_equipment(rows, device)
    identity = site.keys.identity if known.lane is None else site.open_lane(known.lane).identity
    return Signer(identity.public, identity.sign)


def find_device_key(site: "Site", device: Equipment) -> bytes:
    """Return the raw public key that a device's evidence must be signed with. Raises `NotFound`, or `Integrity` for another than was enrolled."""
    if device.lane is None:
        return site.keys.identity.public
    roster = site.keyroom.read_roster()
    known = {} if roster is None else dict(roster.devices)
    folder = site.home / "lanes" / device.lane
    public = known.get(device.lane)
    if public is None and folder.is_dir():
        public = site.open_lane(device.lane).identity.public
    if public is None and device.device_sha256 is not None:
        public = next((one for one in known.values() if sha256(one).hex() == device.device_sha256), None)
    if public is None:
        raise NotFound(
            "this device has no key here", hint="Let the lane join or run once first.", lane=device.lane
        )
    return public


def finish(
    site: "Site",
    drawn: DrawnAssessment,
    bundle: bytes | WaysealError | None,
    *,
    actor: str,
    owner: str | None = None,
    progress: Progress = _QUIET,
) -> Outcome:
    """Look at a device from every place, judge what its host answered, and record the assessment with everything that follows.

    `bundle` is the host's answer, the error that came instead, or None for a device that runs no collector.
    """
    with view(site.oversight) as rows:
        device = equipment_rows.get_equipment(rows, drawn.equipment)
    specs = choose_probes(load_catalogue(), drawn.kind)
    introduce_centre(site)
    sight = Sight(
        outside=_look_outside(site, device, drawn), documents=_read_papers(site, device),
        host=_judge_host(site, device, drawn, bundle),
    )  # fmt: skip
    seen = assess_equipment(device, specs, sight, clock=site.clock, progress=progress)
    return record_assessment(
        site.oversight, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor=actor, owner=owner
    )


def run_due(site: "Site", rows: Sequence[Mapping[str, Any]], *, actor: str) -> list[dict[str, Any]]:
    """Make the assessments that are due (`flow.oversee.describe.list_due`) and can be made from here; tell how each ended.

    A host elsewhere is left out with `passed` None: it answers a challenge that is carried to it.
    """
    made = []
    for row in rows:
        drawn, passed = None, None
        with view(site.oversight) as register:
            device = equipment_rows.get_equipment(register, row["equipment"])
        if device.kind not in HOSTS or device.serial == read_serial():
            drawn, challenge = begin(
                site, device.id, AssessmentKind(row["cycle"]), assessor=None, actor=actor
            )
            done = finish(site, drawn, answer_here(site, challenge), actor=actor)
            passed = done.assessment.passed
        made.append({**row, "assessment": None if drawn is None else drawn.id, "passed": passed})
    return made


def _judge_host(
    site: "Site", device: Equipment, drawn: DrawnAssessment, bundle: bytes | WaysealError | None
) -> Sequence[Observation]:
    """Return what the host's bundle is worth: its observations, or an error for each with the reason why not."""
    if device.kind not in HOSTS:
        return ()
    specs = host_probes(load_catalogue(), device.kind, daily=drawn.kind is AssessmentKind.DAILY)
    if not isinstance(bundle, bytes):
        silent = Integrity("the host did not answer") if bundle is None else bundle
        return refuse_host(specs, silent, site.clock)
    try:
        return verify_bundle(bundle, _expect(site, device, drawn, specs), site.clock())
    except WaysealError as error:
        return refuse_host(specs, error, site.clock)


def _expect(
    site: "Site", device: Equipment, drawn: DrawnAssessment, specs: tuple[ProbeSpec, ...]
) -> Expected:
    """Return what is known of a host before it answers."""
    return Expected(
        equipment=device.id, nonce=bytes.fromhex(drawn.nonce), asked_at=drawn.drawn_at, specs=specs,
        facts=read_facts(site, device.id), device_public=find_device_key(site, device),
        quote_public=read_paper(site, paper_name("quote", device.id)),
    )  # fmt: skip


def _look_outside(site: "Site", device: Equipment, drawn: DrawnAssessment) -> SiteView:
    """Return the outside prober's view: the plan that was filed, the register's own lists, and the site's doors."""
    history = _read_history(site, device, drawn)
    parts: dict[str, Any] = drill_parts(site, device, history) | outside_parts(site, device.id)
    return SiteView(
        equipment=device, clock=site.clock, roster=_read_roster(site), history=history, doors=_open_doors(site), **parts,
    )  # fmt: skip


def _read_roster(site: "Site") -> RosterPlan | None:
    """Return the contract roster beside the identity provider's accounts; None while nobody has filed those."""
    body = read_paper(site, "accounts.site")
    if body is None:
        return None
    accounts, exported_at = decode_accounts(body)
    with view(site.oversight) as rows:
        organisations = {one.id: one for one in vendor_rows.list_vendors(rows)}
        contracts = tuple(vendor_rows.list_contracts(rows))
        people = tuple(vendor_rows.list_people(rows))
    return RosterPlan(organisations, contracts, people, accounts, exported_at)


def _read_history(site: "Site", device: Equipment, drawn: DrawnAssessment) -> HistoryPlan:
    """Return a device's recorded assessments, and who is kin to its organisation."""
    with view(site.oversight) as rows:
        done = assessment_rows.list_drawn(rows, equipment=device.id, limit=100)
        kin = chain_of(rows, vendor_rows.get_vendor(rows, device.organisation))
        recorded = [
            assessment_rows.get_assessment(rows, one.id) for one in done if one.finished_at is not None
        ]
    return HistoryPlan(
        assessments=tuple(recorded), assessor=drawn.assessor, full_now=drawn.kind is not AssessmentKind.DAILY,
        full_days=site.settings.oversight.full_days,
        related=tuple(one.id for one in kin if one.id not in (device.organisation, site.oversight.agency)),
    )  # fmt: skip


def _open_doors(site: "Site") -> Doors:
    """Return the site's own doors for drills."""
    file = site.ledger.folder / POLICY
    return Doors(
        ledger=site.ledger, opener=site.opener, archive=site.archive, eraser=site.eraser, policy=site.policy,
        note_canary=site.keyroom.note_canary, witnesses=parse_policy(file.read_bytes()) if file.is_file() else None,
        agency=site.oversight.agency, record_class=site.settings.retention.default_class,
        scratch=site.home / "oversight",
    )  # fmt: skip


def _read_papers(site: "Site", device: Equipment) -> DocumentView:
    """Return the signed documents on file, with what the register says that they must agree with."""
    with view(site.oversight) as rows:
        contracts = tuple(vendor_rows.list_contracts(rows, organisation=device.organisation))
    erased = sorted(str(site.ledger.entry(one)["object"]) for one in site.ledger.find(type="erase-done"))
    plan = outside_parts(site, device.id)
    cloud = plan.get("cloud")
    return DocumentView(
        equipment=device, agency=site.oversight.agency, clock=site.clock, documents=read_documents(site, device.id),
        signers=read_signers(site), contracts=contracts,
        declared_firmware=tuple(sorted(read_facts(site, device.id).firmware.values())),
        keeper=site.settings.keyroom.keeper.kind, erased=tuple(one for one in erased if "/" in one),
        cloud_told=None if cloud is None else tuple(cloud.names),
    )  # fmt: skip

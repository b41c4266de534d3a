"""The register as an OSCAL package, with its digest on the ledger; and a vendor's component-definition into the register.

Owns what goes in and the order (build, log, write). Judges nothing: `assess.oscal_check` does, for whoever receives it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from wayseal.assess.catalogue import ProbeSpec
from wayseal.assess.oscal import MANIFEST, build_package, file_stem, write_package
from wayseal.assess.oscal_check import check_package
from wayseal.assess.oscal_import import ComponentFile, read_component_file
from wayseal.assess.oscal_package import Fault, Package
from wayseal.assess.oscal_parts import Dossier
from wayseal.flow.oversee.desk import Desk, view
from wayseal.flow.oversee.register import add_component
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.offline import parse_proof
from wayseal.ledger.policy import Policy
from wayseal.model.clock import to_text
from wayseal.model.errors import Integrity, Invalid, LedgerBroken
from wayseal.model.ids import new_ulid
from wayseal.model.oversight import Assessment, Finding
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows

PROOF = MANIFEST + ".tlog-proof"
ENTRY = MANIFEST + ".entry"
MOST_RUNS = 100_000


@dataclass(frozen=True, slots=True)
class Exported:
    """A package that was written: how many OSCAL documents and runs it has, its manifest's digest, and where that is on the ledger."""

    documents: int
    runs: int
    package_sha256: str
    ledger_index: int


def collect_dossier(
    desk: Desk, catalogue: tuple[ProbeSpec, ...], *, since: datetime | None = None
) -> Dossier:
    """Return what the register holds. `since` leaves out runs that ended before, unless a finding came from them."""
    now = desk.clock()
    with view(desk) as rows:
        findings = assessment_rows.list_findings(rows)
        needed = {one.assessment for one in findings}
        runs = [
            assessment_rows.get_assessment(rows, one.id)
            for one in assessment_rows.list_drawn(rows, limit=MOST_RUNS)
            if one.finished_at is not None and (since is None or one.finished_at >= since or one.id in needed)
        ]
        attests = {index: desk.ledger.entry(index) for index in desk.ledger.find(type="attest")}
        return Dossier(
            site=desk.site, origin=desk.ledger.origin, organisation=desk.agency, now=now, probes=catalogue,
            vendors=tuple(vendor_rows.list_vendors(rows)), contracts=tuple(vendor_rows.list_contracts(rows)),
            equipment=tuple(equipment_rows.list_equipment(rows, retired=True)), assessments=tuple(runs),
            findings=_with_reasons(findings, runs), items=tuple(assessment_rows.list_items(rows)),
            attested={one["assessment"]: index for index, one in attests.items() if "assessment" in one},
            full_days=desk.rules.full.days, daily_hours=round(desk.rules.daily.total_seconds() / 3600),
            window_minutes=round(desk.rules.window.total_seconds() / 60),
        )  # fmt: skip


def _with_reasons(findings: Sequence[Finding], runs: Sequence[Assessment]) -> tuple[Finding, ...]:
    """Return findings that have a run in the package, or never had one."""
    known = {run.id for run in runs}
    return tuple(one for one in findings if one.assessment is None or one.assessment in known)


def export_package(
    desk: Desk, folder: Path, catalogue: tuple[ProbeSpec, ...], *, actor: str, since: datetime | None = None
) -> Exported:
    """Write the package to an empty or new folder, with its digest on the ledger first. Raises `Invalid`, `Integrity`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid("the folder is not empty", hint="Give a folder that is not there yet.")
    dossier = collect_dossier(desk, catalogue, since=since)
    files = build_package(dossier)
    digest = sha256(files[MANIFEST]).hexdigest()
    documents = sum(path.endswith(".json") for path in files) - 1
    (index,) = desk.ledger.append([
        {
            "type": "assessment-export", "object": new_ulid(dossier.now), "package_sha256": digest, "count": documents,
            "actor": actor, "time": to_text(dossier.now),
        }
    ])  # fmt: skip
    write_package(files, folder)
    return Exported(documents, len(dossier.assessments), digest, index)


def write_proof(desk: Desk, folder: Path, index: int) -> None:
    """Write beside a package's manifest the proof that its digest is on the ledger. A signed checkpoint must cover it."""
    (folder / ENTRY).write_bytes(desk.ledger.raw(index))
    (folder / PROOF).write_text(str(desk.ledger.prove(index)), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found of a package. `proven` says whether its digest is on a ledger that the given keys vouch for; None: not asked."""

    package: Package
    faults: tuple[Fault, ...]
    proven: bool | None


def judge_package(folder: Path, trusted: Policy | Sequence[VerifierKey] = ()) -> Judged:
    """Return whether a package holds together and, where keys are given, whether the ledger knows it. Raises `Integrity`."""
    package, faults = check_package(folder)
    asked = isinstance(trusted, Policy) or bool(trusted)
    return Judged(package, faults, _is_proven(folder, package, trusted) if asked else None)


def _is_proven(folder: Path, package: Package, trusted: Policy | Sequence[VerifierKey]) -> bool:
    """Return whether the proof beside a package holds, and is about this package."""
    try:
        entry = (folder / ENTRY).read_bytes()
        parse_proof((folder / PROOF).read_bytes()).verify(entry, trusted)
        return bool(decode_entry(entry).get("package_sha256") == package.manifest_sha256)
    except (OSError, Integrity, LedgerBroken, Invalid):
        return False


def import_components(
    desk: Desk, data: bytes, catalogue: tuple[ProbeSpec, ...], *, actor: str
) -> tuple[ComponentFile, dict[str, str]]:
    """Keep a vendor's component-definition under each of its models; return it, and the register's name by model.

    What it claims is a claim: nothing passes by it. Raises `Invalid` for anything that is not strictly one.
    """
    found = read_component_file(data, catalogue)
    names = {component.model: file_stem(component.model) for component in found.components}
    for name in names.values():
        add_component(desk, name, data, actor=actor)
    return found, names

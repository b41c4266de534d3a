"""A small site's oversight as a dossier: one lane host with two failures, one camera without, a duty that is overdue."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.oscal import MANIFEST, add_manifest, build_package, write_package
from wayseal.assess.oscal_parts import Dossier
from wayseal.model.ids import new_ulid
from wayseal.model.oversight import (
    Assessment,
    AssessmentKind,
    Equipment,
    EquipmentKind,
    Finding,
    Observation,
    PoamItem,
    Result,
    Tier,
    Vendor,
)

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOST = Equipment(
    "lane-host-1", EquipmentKind.LANE_HOST, "edge-box-2", "SN-1", "camera-vendor", "port", "lane1", "ab" * 32, NOW, NOW
)  # fmt: skip
CAMERA = Equipment(
    "camera-1", EquipmentKind.CAMERA, "Dome X/4", "SN-2", "camera-vendor", "port", "lane1", None, NOW, NOW
)
FAILED = ("p03", "p05")


def make_run(
    one: Equipment, failed: Sequence[str] = (), *, ago: timedelta = timedelta(minutes=5)
) -> Assessment:
    """A full run that ended within a minute; `failed` names the probes that did not pass."""
    start = NOW - ago
    seen = []
    for number, probe in enumerate(load_catalogue()):
        result = Result.FAIL if probe.id in failed else Result.PASS
        result = result if one.kind in probe.kinds else Result.NOT_APPLICABLE
        evidence = json.dumps({"probe": probe.id, "result": result.value}).encode()
        seen.append(
            Observation(
                probe=probe.id, control=probe.control, version=probe.version, result=result, reason=f"it is {result.value}",
                observed_at=start + timedelta(seconds=number), evidence=evidence,
                evidence_sha256=hashlib.sha256(evidence).hexdigest(),
            )
        )  # fmt: skip
    nonce = hashlib.sha256(f"{one.id} {ago}".encode()).hexdigest()
    return Assessment(
        new_ulid(start), one.id, AssessmentKind.FULL, "agency", nonce, start, start + timedelta(minutes=1), tuple(seen),
        passed=not failed,
    )  # fmt: skip


def make_dossier() -> Dossier:
    """The dossier."""
    host, camera = make_run(HOST, FAILED), make_run(CAMERA)
    findings = [
        *(Finding(new_ulid(NOW), HOST.id, probe, "it is fail", NOW, host.id) for probe in FAILED),
        Finding(
            new_ulid(NOW),
            "camera-vendor",
            "return-or-destroy-overdue",
            "no certificate by the end",
            NOW,
            None,
        ),
    ]
    items = [PoamItem(new_ulid(NOW), one.id, "camera-vendor", NOW + timedelta(days=7)) for one in findings]
    return Dossier(
        site="port", origin="agency/port/test", organisation="agency", now=NOW, probes=load_catalogue(),
        vendors=(Vendor("camera-vendor", Tier.PRIME, None, NOW),), contracts=(), equipment=(HOST, CAMERA),
        assessments=(host, camera), findings=tuple(findings), items=tuple(items),
    )  # fmt: skip


class Draft:
    """A package that a test may spoil before it is written with a fresh, honest manifest."""

    def __init__(self) -> None:
        self.dossier = make_dossier()
        files = build_package(self.dossier)
        del files[MANIFEST]
        self.documents: dict[str, Any] = {
            path: json.loads(data) for path, data in files.items() if path.endswith(".json")
        }
        self.evidence = {path: data for path, data in files.items() if path.startswith("evidence/")}

    @property
    def result(self) -> Any:
        """The lane host's one result."""
        return self.documents["assessment-results/lane-host-1-2026-11-22.json"]["assessment-results"][
            "results"
        ][0]

    @property
    def poam(self) -> Any:
        """The plan of action and milestones."""
        return self.documents["plan-of-action-and-milestones.json"]["plan-of-action-and-milestones"]

    def write(self, folder: Path) -> Path:
        """Write the package and return its folder."""
        files = {path: json.dumps(value).encode() for path, value in self.documents.items()}
        write_package(add_manifest({**files, **self.evidence}, self.dossier), folder)
        return folder

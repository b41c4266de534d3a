"""The documents that say what was seen: assessment-results of one device and day, with observations, findings and evidence.

A finding is `satisfied` only by an observation that passed; an error counts as a failure; what does not apply has no finding.
"""

from collections.abc import Iterable
from itertools import groupby

from wayseal.assess.catalogue import ProbeSpec
from wayseal.assess.oscal_parts import (
    Dossier,
    Json,
    evidence_path,
    item_subject,
    metadata,
    method,
    objective_id,
    prop,
    reviewed_controls,
    tidy,
)
from wayseal.model.clock import to_text
from wayseal.model.oversight import Assessment, Observation, Result


def group_runs(dossier: Dossier) -> dict[tuple[str, str], list[Assessment]]:
    """Return the assessments by (equipment, day in UTC on which they ended), oldest first."""
    ordered = sorted(dossier.assessments, key=_device_day)
    return {key: sorted(runs, key=lambda run: run.started_at) for key, runs in groupby(ordered, _device_day)}


def _device_day(run: Assessment) -> tuple[str, str]:
    """Return the device and the day of a run."""
    return run.equipment, to_text(run.finished_at)[:10]


def make_results(dossier: Dossier, equipment: str, day: str, runs: Iterable[Assessment]) -> Json:
    """Return the assessment-results of one device and day."""
    chosen = tuple(runs)
    seen = [observation for run in chosen for observation in run.observations]
    return {
        "assessment-results": tidy({
            "uuid": dossier.uuid("results", equipment, day),
            "metadata": metadata(dossier, f"Assessment results of {equipment} on {day}"),
            "import-ap": {"href": "../assessment-plan.json"},
            "results": [_result(dossier, run) for run in chosen],
            "back-matter": evidence_matter(dossier, seen, "../"),
        })
    }  # fmt: skip


def _result(dossier: Dossier, run: Assessment) -> Json:
    """Return one run. Observations of probes that the catalogue no longer has are kept, without a finding."""
    known = {probe.id: probe for probe in dossier.probes}
    probes = [known[seen.probe] for seen in run.observations if seen.probe in known]
    findings = [
        make_finding(dossier, run, known[seen.probe], control, seen)
        for seen in run.observations
        if seen.probe in known and seen.result is not Result.NOT_APPLICABLE
        for control in known[seen.probe].controls
    ]
    index = dossier.attested.get(run.id)
    return tidy({
        "uuid": dossier.uuid("result", run.id),
        "title": f"{run.kind.value} assessment of {run.equipment}",
        "description": "Every probe that applies to this device, by an organisation that is not its vendor.",
        "start": to_text(run.started_at),
        "end": to_text(run.finished_at),
        "props": [
            prop("assessment", run.id), prop("assessment-kind", run.kind.value), prop("nonce", run.nonce),
            prop("equipment", run.equipment), prop("passed", "true" if run.passed else "false"),
            *([] if index is None else [prop("ledger-index", index)]),
        ],
        "reviewed-controls": reviewed_controls(probes or dossier.probes),
        "observations": [
            make_observation(dossier, run, seen, known.get(seen.probe)) for seen in run.observations
        ],
        "findings": findings,
    })  # fmt: skip


def make_observation(dossier: Dossier, run: Assessment, seen: Observation, probe: ProbeSpec | None) -> Json:
    """Return what one probe saw, with its evidence by digest."""
    resource = dossier.uuid("evidence", seen.evidence_sha256)
    return {
        "uuid": observation_uuid(dossier, run.id, seen.probe),
        "title": seen.probe if probe is None else probe.title,
        "description": seen.reason or seen.result.value,
        "props": [
            prop("probe-id", seen.probe), prop("probe-version", seen.version), prop("result", seen.result.value),
            prop("control", seen.control), prop("evidence-sha256", seen.evidence_sha256), prop("nonce", run.nonce),
        ],
        "methods": ["TEST" if probe is None else method(probe)],
        "types": ["control-objective"],
        "origins": [{"actors": [{"type": "party", "actor-uuid": dossier.uuid("party", run.assessor)}]}],
        "subjects": [item_subject(dossier, run.equipment)],
        "relevant-evidence": [{"href": f"#{resource}", "description": "What the probe saw, as it saw it."}],
        "collected": to_text(seen.observed_at),
    }  # fmt: skip


def observation_uuid(dossier: Dossier, assessment: str, probe: str) -> str:
    """Return the UUID of one observation."""
    return dossier.uuid("observation", assessment, probe)


def make_finding(
    dossier: Dossier, run: Assessment, probe: ProbeSpec, control: str, seen: Observation
) -> Json:
    """Return the finding that an observation leads to for one control."""
    met = seen.result is Result.PASS
    status = {"state": "satisfied"} if met else {"state": "not-satisfied", "reason": "fail"}
    return {
        "uuid": dossier.uuid("finding", run.id, probe.id, control),
        "title": f"{control}: {probe.id} {'met' if met else 'not met'}",
        "description": seen.reason or seen.result.value,
        "props": [prop("probe-id", probe.id)],
        "target": {
            "type": "objective-id", "target-id": objective_id(control, probe.id), "status": status,
        },
        "related-observations": [{"observation-uuid": observation_uuid(dossier, run.id, probe.id)}],
    }  # fmt: skip


def evidence_matter(dossier: Dossier, seen: Iterable[Observation], up: str) -> Json | None:
    """Return the back matter that names each piece of evidence once, by path and digest; `up` leads to the package."""
    digests = sorted({one.evidence_sha256 for one in seen})
    resources = [
        {
            "uuid": dossier.uuid("evidence", digest),
            "title": "Evidence",
            "props": [prop("evidence-sha256", digest)],
            "rlinks": [
                {"href": up + evidence_path(digest), "hashes": [{"algorithm": "SHA-256", "value": digest}]}
            ],
        }
        for digest in digests
    ]
    return {"resources": resources} if resources else None

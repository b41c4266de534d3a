"""The plan of action and milestones as OSCAL: each open or closed finding as a risk with a deadline, an owner and its observations.

A finding of a probe repeats its finding and observation from the assessment-results, under the same UUIDs; a finding of a duty
(a certificate that is overdue, say) has a risk only, because no control objective was assessed.
"""

from wayseal.assess.oscal_parts import Dossier, Json, metadata, prop, tidy
from wayseal.assess.oscal_results import evidence_matter, make_finding, make_observation
from wayseal.model.clock import to_text
from wayseal.model.oversight import Assessment, Finding, Observation, PoamItem


def make_poam(dossier: Dossier) -> Json | None:
    """Return the plan of action and milestones, or None where there is no item: OSCAL has no empty plan."""
    findings = {finding.id: finding for finding in dossier.findings}
    chosen = [(item, findings[item.finding]) for item in dossier.items if item.finding in findings]
    if not chosen:
        return None
    seen = [(finding, _observed(dossier, finding)) for _, finding in chosen]
    known = {probe.id: probe for probe in dossier.probes}
    pairs = {id(found[1]): found for _, found in seen if found is not None}
    return {
        "plan-of-action-and-milestones": tidy({
            "uuid": dossier.uuid("poam"),
            "metadata": metadata(dossier, f"Plan of action and milestones of {dossier.site}"),
            "import-ssp": {"href": "system-security-plan.json"},
            "observations": [make_observation(dossier, *one, known.get(one[1].probe)) for one in pairs.values()],
            "risks": [_risk(dossier, item, finding) for item, finding in chosen],
            "findings": _findings(dossier, list(pairs.values())),
            "poam-items": [_item(dossier, item, finding) for item, finding in chosen],
            "back-matter": evidence_matter(dossier, [one[1] for one in pairs.values()], ""),
        })
    }  # fmt: skip


def _observed(dossier: Dossier, finding: Finding) -> tuple[Assessment, Observation] | None:
    """Return the run and the observation that opened a finding, or None for one of a duty."""
    for run in dossier.assessments:
        if run.id == finding.assessment:
            return next(((run, seen) for seen in run.observations if seen.probe == finding.probe), None)
    return None


def _findings(dossier: Dossier, pairs: list[tuple[Assessment, Observation]]) -> list[Json]:
    """Return the findings of the assessment-results that items are about."""
    known = {probe.id: probe for probe in dossier.probes}
    return [
        make_finding(dossier, run, known[seen.probe], control, seen)
        for run, seen in pairs
        if seen.probe in known
        for control in known[seen.probe].controls
    ]


def _risk(dossier: Dossier, item: PoamItem, finding: Finding) -> Json:
    """Return the risk of one finding: open until the item is closed, and overdue only by its deadline."""
    found = _observed(dossier, finding)
    related = [] if found is None else [{"observation-uuid": _observation(dossier, *found)}]
    return tidy({
        "uuid": dossier.uuid("risk", finding.id),
        "title": f"{finding.probe} at {finding.subject}",
        "description": finding.reason or finding.probe,
        "statement": "Until it is mended the subject gets no next epoch key, or its access stays closed.",
        "props": [prop("subject", finding.subject), prop("owner", item.owner)],
        "status": "open" if item.closed_at is None else "closed",
        "deadline": to_text(item.due),
        "related-observations": related,
    })  # fmt: skip


def _observation(dossier: Dossier, run: Assessment, seen: Observation) -> str:
    """Return an observation's UUID."""
    return dossier.uuid("observation", run.id, seen.probe)


def _item(dossier: Dossier, item: PoamItem, finding: Finding) -> Json:
    """Return one item, with its owner, its due date and the finding it mends."""
    found = _observed(dossier, finding)
    probe = next((probe for probe in dossier.probes if probe.id == finding.probe), None)
    related = (
        [{"finding-uuid": dossier.uuid("finding", found[0].id, probe.id, control)} for control in probe.controls]
        if found is not None and probe is not None
        else []
    )  # fmt: skip
    closed = None if item.closed_at is None else to_text(item.closed_at)
    facts = {
        "item": item.id, "finding": finding.id, "owner": item.owner, "subject": finding.subject,
        "code": finding.probe, "due": to_text(item.due), "opened": to_text(finding.opened_at), "closed": closed,
    }  # fmt: skip
    return tidy({
        "uuid": dossier.uuid("poam-item", item.id),
        "title": f"Mend {finding.probe} at {finding.subject}",
        "description": probe.advice if probe is not None else finding.reason or finding.probe,
        "props": [prop(name, value) for name, value in facts.items() if value is not None],
        "related-findings": related,
        "related-risks": [{"risk-uuid": dossier.uuid("risk", finding.id)}],
    })  # fmt: skip

"""Rows of assessments, what each probe saw, the findings, and the plan of action for each.

Evidence lies beside its digest and is checked against it whenever it is read.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, select, update

from wayseal.model.errors import Integrity, NotFound
from wayseal.model.oversight import Assessment, AssessmentKind, Finding, Observation, PoamItem, Result
from wayseal.store.rows import put_row
from wayseal.store.schema_oversight import assessments, findings, observations, poam_items


@dataclass(frozen=True, slots=True)
class DrawnAssessment:
    """An assessment from the moment its nonce was drawn; `finished_at` and `passed` are None until it is recorded."""

    id: str
    equipment: str
    kind: AssessmentKind
    assessor: str
    nonce: str
    drawn_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    passed: bool | None = None


def put_drawn(connection: Connection, drawn: DrawnAssessment) -> None:
    """Write an assessment, drawn or finished, without its observations."""
    values = {
        "id": drawn.id, "equipment": drawn.equipment, "cycle": drawn.kind.value, "assessor": drawn.assessor,
        "nonce": drawn.nonce, "drawn_at": drawn.drawn_at, "started_at": drawn.started_at,
        "finished_at": drawn.finished_at, "passed": drawn.passed,
    }  # fmt: skip
    put_row(connection, assessments, values)


def get_drawn(connection: Connection, assessment: str) -> DrawnAssessment:
    """Return an assessment without its observations. Raises `NotFound`."""
    row = connection.execute(select(assessments).where(assessments.c.id == assessment)).mappings().first()
    if row is None:
        raise NotFound("no such assessment", hint="wayseal equipment show ID", assessment=assessment)
    return _drawn(row)


def list_drawn(
    connection: Connection,
    *,
    equipment: str | None = None,
    since: datetime | None = None,
    limit: int = 1000,
) -> list[DrawnAssessment]:
    """Return assessments, newest first, of one piece of equipment or from a time on where named."""
    chosen = select(assessments).order_by(assessments.c.drawn_at.desc(), assessments.c.id.desc()).limit(limit)
    if equipment is not None:
        chosen = chosen.where(assessments.c.equipment == equipment)
    if since is not None:
        chosen = chosen.where(assessments.c.drawn_at >= since)
    return [_drawn(row) for row in connection.execute(chosen).mappings()]


def add_observations(connection: Connection, assessment: str, seen: Sequence[Observation]) -> None:
    """Insert what each probe of an assessment saw."""
    rows = [
        {
            "assessment": assessment, "probe": one.probe, "control": one.control, "version": one.version,
            "result": one.result.value, "reason": one.reason, "observed_at": one.observed_at, "evidence": one.evidence,
            "evidence_sha256": one.evidence_sha256,
        }
        for one in seen
    ]  # fmt: skip
    connection.execute(insert(observations), rows)


def list_observations(connection: Connection, assessment: str) -> tuple[Observation, ...]:
    """Return what each probe of an assessment saw, in order of probe. Raises `Integrity` when evidence was altered."""
    chosen = select(observations).where(observations.c.assessment == assessment)
    rows = connection.execute(chosen.order_by(observations.c.probe)).mappings()
    return tuple(_observation(row) for row in rows)


def list_results(
    connection: Connection, *, of: Collection[str] | None = None
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return result and evidence digest of every observation, or of some assessments' only, by assessment and probe."""
    chosen = select(
        observations.c.assessment, observations.c.probe, observations.c.result, observations.c.evidence_sha256
    )
    if of is not None:
        chosen = chosen.where(observations.c.assessment.in_(of))
    return {(one, probe): (result, digest) for one, probe, result, digest in connection.execute(chosen)}


def get_assessment(connection: Connection, assessment: str) -> Assessment:
    """Return a finished assessment with its observations. Raises `NotFound` for one that was only drawn."""
    drawn = get_drawn(connection, assessment)
    if drawn.started_at is None or drawn.finished_at is None or drawn.passed is None:
        raise NotFound("the assessment was drawn and never recorded", assessment=assessment)
    return Assessment(
        id=drawn.id, equipment=drawn.equipment, kind=drawn.kind, assessor=drawn.assessor, nonce=drawn.nonce,
        started_at=drawn.started_at, finished_at=drawn.finished_at,
        observations=list_observations(connection, assessment), passed=drawn.passed,
    )  # fmt: skip


def put_finding(connection: Connection, finding: Finding) -> None:
    """Write a finding. Its reason is not kept twice: it is the observation's, or the duty's code."""
    values = {
        "id": finding.id, "subject": finding.subject, "probe": finding.probe, "opened_at": finding.opened_at,
        "assessment": finding.assessment, "closed_at": finding.closed_at, "closed_by": finding.closed_by,
    }  # fmt: skip
    put_row(connection, findings, values)


def close_finding(connection: Connection, finding: str, *, when: datetime, closed_by: str | None) -> None:
    """Close a finding and its plan of action."""
    connection.execute(
        update(findings).where(findings.c.id == finding).values(closed_at=when, closed_by=closed_by)
    )
    connection.execute(update(poam_items).where(poam_items.c.finding == finding).values(closed_at=when))


def list_findings(
    connection: Connection,
    *,
    subject: str | None = None,
    open_only: bool = False,
    since: datetime | None = None,
) -> list[Finding]:
    """Return findings, oldest first, of one subject where named."""
    same = and_(observations.c.assessment == findings.c.assessment, observations.c.probe == findings.c.probe)
    chosen = select(findings, observations.c.reason).select_from(findings.outerjoin(observations, same))
    if subject is not None:
        chosen = chosen.where(findings.c.subject == subject)
    if open_only:
        chosen = chosen.where(findings.c.closed_at.is_(None))
    if since is not None:
        chosen = chosen.where(findings.c.opened_at >= since)
    rows = connection.execute(chosen.order_by(findings.c.id)).mappings()
    return [Finding(**{**row, "reason": row["reason"] or row["probe"].replace("-", " ")}) for row in rows]


def put_item(connection: Connection, item: PoamItem) -> None:
    """Write a POA&M item."""
    values: dict[str, Any] = {name: getattr(item, name) for name in PoamItem.__slots__}
    put_row(connection, poam_items, values)


def list_items(connection: Connection, *, open_only: bool = False) -> list[PoamItem]:
    """Return POA&M items, earliest due first."""
    chosen = select(poam_items).order_by(poam_items.c.due, poam_items.c.id)
    if open_only:
        chosen = chosen.where(poam_items.c.closed_at.is_(None))
    return [PoamItem(**row) for row in connection.execute(chosen).mappings()]


def _drawn(row: RowMapping) -> DrawnAssessment:
    values = {name: row[name] for name in row if name != "cycle"}
    return DrawnAssessment(kind=AssessmentKind(row["cycle"]), **values)


def _observation(row: RowMapping) -> Observation:
    evidence = bytes(row["evidence"])
    if hashlib.sha256(evidence).hexdigest() != row["evidence_sha256"]:
        raise Integrity("evidence was altered in the store", assessment=row["assessment"], probe=row["probe"])
    values = {name: row[name] for name in row if name != "assessment"}
    return Observation(**{**values, "result": Result(row["result"]), "evidence": evidence})

"""Draw an assessment, record what its probes saw, and let the findings follow.

The numbered checks of `record_assessment` are the rule: whatever is missing, doubled, stale or altered becomes an error, and an
error is a failure. A nonce is drawn here, is on the ledger before anything is looked at, and counts once.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wayseal.assess.catalogue import Cadence, ProbeSpec
from wayseal.flow.oversee.desk import Act, Desk, act
from wayseal.flow.oversee.schedule import SKEW
from wayseal.flow.oversee.standing import chain_of, is_suspended
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import new_ulid
from wayseal.model.oversight import Assessment, AssessmentKind, Equipment, Finding, Observation, Result, Tier
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows
from wayseal.store.oversight.assessments import DrawnAssessment

MAX_EVIDENCE = 512 * 1024
"""Bytes of evidence that one probe may leave."""
FAILED = (Result.FAIL, Result.ERROR)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A recorded assessment, the findings that it opened and closed, and the index of its `attest` entry."""

    assessment: Assessment
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    ledger_index: int


def draw_assessment(
    desk: Desk, device: str, kind: AssessmentKind, *, assessor: str, actor: str
) -> DrawnAssessment:
    """Draw an assessment with a fresh nonce of 32 bytes, and put both on the ledger.

    Raises `Refused` when the assessor is the device's own organisation or works with it, or is suspended; the agency may assess
    what is its own.
    """
    with act(desk, actor=actor, also=(assessor,)) as doing:
        equipment = equipment_rows.get_equipment(doing.rows, device)
        if equipment.retired_at is not None:
            raise Invalid("this equipment is retired", equipment=device)
        _check_assessor(doing, equipment, assessor)
        entry = {
            "type": "assessment", "object": new_ulid(doing.now), "device": device, "assessor": assessor,
            "cycle": kind.value, "nonce": secrets.token_hex(32), "actor": actor, "time": to_text(doing.now),
        }  # fmt: skip
        doing.log([entry])
        return assessment_rows.get_drawn(doing.rows, str(entry["object"]))


def _check_assessor(doing: Act, equipment: Equipment, assessor: str) -> None:
    """Raise `Refused` for an assessor who would judge their own work."""
    owner = vendor_rows.get_vendor(doing.rows, equipment.organisation)
    by = vendor_rows.get_vendor(doing.rows, assessor)
    if by.tier not in (Tier.AGENCY, Tier.ASSESSOR):
        raise Refused("only the agency or an assessor may assess", assessor=assessor)
    if is_suspended(doing.rows, by):
        raise Refused("a suspended assessor vouches for nothing", assessor=assessor)
    if owner.tier is not Tier.AGENCY and assessor in {one.id for one in chain_of(doing.rows, owner)}:
        raise Refused("nobody assesses their own equipment", assessor=assessor)


def choose_probes(catalogue: Sequence[ProbeSpec], kind: AssessmentKind) -> list[ProbeSpec]:
    """Return the probes that an assessment of this kind must answer: all, or the daily ones."""
    if kind is not AssessmentKind.DAILY:
        return list(catalogue)
    return [spec for spec in catalogue if spec.cadence is Cadence.DAILY]


def record_assessment(
    desk: Desk,
    drawn: DrawnAssessment,
    seen: Sequence[Observation],
    *,
    nonce: str,
    catalogue: Sequence[ProbeSpec],
    actor: str,
    owner: str | None = None,
    quote_sha256: str | None = None,
) -> Outcome:
    """Record a drawn assessment with everything that follows, in one act.

    The checks: (1) the nonce is the one that was drawn, and unused; (2) the time allowed has not run out; (3) each probe of
    the catalogue is answered, once, and no other; (4) each was seen after the drawing and before now; (5) evidence has its
    digest and its size. What fails (3) to (5) is recorded as an error of that probe. Raises `Refused` at (1) and (2), with an
    alarm on the ledger; nothing is recorded then, and what was drawn stays an unfinished assessment.
    """
    with act(desk, actor=actor, also=(drawn.assessor,)) as doing:
        known = assessment_rows.get_drawn(doing.rows, drawn.id)
        refusal = _refuse_run(doing, known, nonce)
        if refusal is None:
            return _write_outcome(
                doing, known, _settle(doing, known, seen, catalogue), catalogue, actor=actor, owner=owner,
                quote_sha256=quote_sha256,
            )  # fmt: skip
        alarm = {"type": "alarm", "alarm": "assessment-refused", "object": known.equipment, "reason": refusal}
        doing.log([{**alarm, "severity": "high"}])
    raise Refused(
        "the assessment is not accepted", hint="Draw a new one: wayseal equipment assess ID", reason=refusal
    )


def _refuse_run(doing: Act, known: DrawnAssessment, nonce: str) -> str | None:
    """Return why a run as a whole is not accepted, or None."""
    if known.finished_at is not None:
        return "nonce-used"
    if is_suspended(doing.rows, vendor_rows.get_vendor(doing.rows, known.assessor)):
        return "assessor-suspended"
    if not secrets.compare_digest(nonce.encode(), known.nonce.encode()):
        return "nonce-stale"
    if not known.drawn_at - SKEW <= doing.now <= known.drawn_at + doing.desk.rules.window:
        return "time-run-out"
    return None


def _settle(
    doing: Act, known: DrawnAssessment, seen: Sequence[Observation], catalogue: Sequence[ProbeSpec]
) -> list[Observation]:
    """Return exactly one observation for each probe that had to be answered, in the catalogue's order."""
    wanted = choose_probes(catalogue, known.kind)
    strangers = {one.probe for one in seen} - {spec.id for spec in wanted}
    if strangers:
        raise Invalid("an answer to a probe that was not asked", probe=min(strangers))
    return [_settle_one(doing, known, spec, [one for one in seen if one.probe == spec.id]) for spec in wanted]


def _settle_one(
    doing: Act, known: DrawnAssessment, spec: ProbeSpec, answers: Sequence[Observation]
) -> Observation:
    """Return a probe's one answer, or the error that its answers amount to."""

    def fail(reason: str, evidence: bytes = b"{}") -> Observation:
        digest = hashlib.sha256(evidence).hexdigest()
        return Observation(
            spec.id, spec.control, spec.version, Result.ERROR, reason, doing.now, evidence, digest
        )

    if not answers:
        return fail("the probe was not answered")
    if len(answers) > 1:
        return fail("the probe was answered more than once")
    (answer,) = answers
    if len(answer.evidence) > MAX_EVIDENCE:
        return fail("the evidence is larger than any probe's may be")
    if hashlib.sha256(answer.evidence).hexdigest() != answer.evidence_sha256:
        return fail("the evidence does not have the digest that was given for it", answer.evidence)
    if not known.drawn_at - SKEW <= answer.observed_at <= doing.now + SKEW:
        return fail("the probe was seen at a time outside the assessment: check the clocks", answer.evidence)
    return replace(answer, control=spec.control)


def _write_outcome(
    doing: Act,
    known: DrawnAssessment,
    seen: Sequence[Observation],
    catalogue: Sequence[ProbeSpec],
    *,
    actor: str,
    owner: str | None,
    quote_sha256: str | None,
) -> Outcome:
    """Write entries and rows of a settled assessment."""
    counts = {result: sum(one.result is result for one in seen) for result in Result}
    passed = counts[Result.PASS] > 0 and counts[Result.FAIL] == counts[Result.ERROR] == 0
    equipment = equipment_rows.get_equipment(doing.rows, known.equipment)
    days = {spec.id: spec.mend_days for spec in catalogue}
    opened = _open_findings(doing, known, seen, days=days, owner=owner or equipment.organisation)
    closed = _close_findings(doing, known, seen)
    attest = {
        "type": "attest", "object": known.equipment, "result": "pass" if passed else "fail", "actor": actor,
        "org": equipment.organisation, "assessment": known.id, "assessor": known.assessor, "cycle": known.kind.value,
        "passed": counts[Result.PASS], "failed": counts[Result.FAIL], "errors": counts[Result.ERROR],
        "not_applicable": counts[Result.NOT_APPLICABLE], "starts": to_text(known.drawn_at), "until": to_text(doing.now),
        **({} if equipment.lane is None else {"lane": equipment.lane}),
        **({} if quote_sha256 is None else {"quote_sha256": quote_sha256}),
    }  # fmt: skip
    assessment_rows.add_observations(doing.rows, known.id, seen)
    indices = doing.log(
        _date([attest, *(_probe_entry(known, one) for one in seen), *opened, *closed], doing.now)
    )
    assessment = assessment_rows.get_assessment(doing.rows, known.id)
    return Outcome(
        assessment, tuple(str(one["object"]) for one in opened), tuple(str(one["object"]) for one in closed), indices[0]
    )  # fmt: skip


def _date(entries: Sequence[Mapping[str, object]], now: datetime) -> list[dict[str, object]]:
    """Return entries that all bear the time of their act."""
    return [{**entry, "time": to_text(now)} for entry in entries]


def _probe_entry(known: DrawnAssessment, one: Observation) -> dict[str, object]:
    """Return the ledger entry of one observation."""
    return {
        "type": "probe-result", "object": known.equipment, "probe": one.probe, "result": one.result.value,
        "control": spell_control(one.control), "evidence_sha256": one.evidence_sha256, "assessment": known.id,
    }  # fmt: skip


def spell_control(control: str) -> str:
    """Return a control id as OSCAL and the ledger spell it: `SI-7(1)` as `si-7.1`."""
    return control.lower().replace("(", ".").replace(")", "")


def _open_findings(
    doing: Act,
    known: DrawnAssessment,
    seen: Sequence[Observation],
    *,
    days: Mapping[str, int],
    owner: str,
) -> list[dict[str, object]]:
    """Return an entry for each failed probe of which no finding is open yet. The date to mend it by comes from the catalogue."""
    waiting = {one.probe for one in _open_of(doing, known.equipment)}
    return [
        finding_entry(
            doing, known.equipment, one.probe, owner=owner,
            due=doing.now + timedelta(days=days[one.probe]), assessment=known.id,
        )
        for one in seen
        if one.result in FAILED and one.probe not in waiting
    ]  # fmt: skip


def _close_findings(
    doing: Act, known: DrawnAssessment, seen: Sequence[Observation]
) -> list[dict[str, object]]:
    """Return an entry for each open finding whose probe no longer fails."""
    mended = {one.probe for one in seen if one.result not in FAILED}
    return [
        {
            "type": "finding", "object": one.id, "action": "closed", "subject": one.subject, "probe": one.probe,
            "assessment": known.id,
        }
        for one in _open_of(doing, known.equipment)
        if one.probe in mended
    ]  # fmt: skip


def _open_of(doing: Act, subject: str) -> list[Finding]:
    return assessment_rows.list_findings(doing.rows, subject=subject, open_only=True)


def finding_entry(
    doing: Act, subject: str, probe: str, *, owner: str, due: datetime, assessment: str | None = None
) -> dict[str, object]:
    """Return the entry that opens a finding with its POA&M item."""
    entry: dict[str, object] = {
        "type": "finding", "object": new_ulid(doing.now), "action": "opened", "subject": subject, "probe": probe,
        "item": new_ulid(doing.now), "owner": owner, "until": to_text(due),
    }  # fmt: skip
    return entry if assessment is None else {**entry, "assessment": assessment}


Progress = Callable[[str], None]
"""Told the id of each probe as it is answered."""

"""How a probe is written, run and summed up: it looks, it says what it saw, and nothing it does can end the assessment.

Owns the registry of probe parts, the time limit, the evidence limit and the rule that sums parts up. Judges no host itself.
A part is a function of its view: `HostView` for `host` parts, and the views of `outside` and `document` for theirs.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import rfc8785

from wayseal.assess.catalogue import ProbeSpec, Where
from wayseal.model.clock import Clock
from wayseal.model.errors import Invalid, WaysealError
from wayseal.model.oversight import EquipmentKind, Observation, Result

EVIDENCE_LIMIT: Final = 256 * 1024
REASON_LIMIT: Final = 400
PATIENCE_S: Final = 60.0
"""How long one part of a probe may take, unless the caller says otherwise."""

_RANK = (Result.FAIL, Result.ERROR, Result.PASS, Result.NOT_APPLICABLE)  # the worst first


@dataclass(frozen=True, slots=True)
class Seen:
    """What one part of a probe saw. `evidence` is canonical JSON: settings, listings, digests; never contents or keys.

    `NOT_APPLICABLE` is for what cannot be on this device, with a reason that somebody can check ("no Thunderbolt bus");
    a tool or a parameter that is missing is an `ERROR`.
    """

    result: Result
    reason: str
    evidence: bytes = field(repr=False, default=b"{}")


@dataclass(frozen=True, slots=True)
class Subject:
    """A piece of equipment as the probes see it: its kind, and one view for each place to look from."""

    kind: EquipmentKind
    views: Mapping[Where, object]


View = TypeVar("View")
Part = Callable[[Any], Seen]
_parts: dict[tuple[str, Where], Part] = {}


def probe(probe_id: str, *, where: str) -> Callable[[Callable[[View], Seen]], Callable[[View], Seen]]:
    """Register the decorated function as a part of a probe. Raises `Invalid` when there is one already."""

    def register(function: Callable[[View], Seen]) -> Callable[[View], Seen]:
        key = (probe_id, Where(where))
        if key in _parts and _parts[key] is not function:
            raise Invalid("there are two parts of one probe for one place", probe=probe_id, where=where)
        _parts[key] = function
        return function

    return register


def find_part(probe_id: str, where: Where) -> Part | None:
    """Return the registered part of a probe, or None. Parts register when their module is imported."""
    return _parts.get((probe_id, where))


def encode_evidence(facts: Mapping[str, Any]) -> bytes:
    """Return facts as RFC 8785 JSON: text, integers, booleans, None, lists and mappings of those."""
    return rfc8785.dumps(dict(facts))


def passed(reason: str, **facts: Any) -> Seen:
    """Return a pass with the facts that show it."""
    return Seen(Result.PASS, reason, encode_evidence(facts))


def failed(reason: str, **facts: Any) -> Seen:
    """Return a failure with the facts that show it; the reason says what is wrong, where."""
    return Seen(Result.FAIL, reason, encode_evidence(facts))


def broken(reason: str, **facts: Any) -> Seen:
    """Return an error: the probe could not see what it needs."""
    return Seen(Result.ERROR, reason, encode_evidence(facts))


def not_applicable(reason: str, **facts: Any) -> Seen:
    """Return that the probe is about something this device does not have; the facts let somebody check that."""
    return Seen(Result.NOT_APPLICABLE, reason, encode_evidence(facts))


def judge(faults: Sequence[str], good: str, **facts: Any) -> Seen:
    """Return a pass with the reason `good`, or a failure with the faults one after the other."""
    return failed("; ".join(faults), **facts) if faults else passed(good, **facts)


def run_probe(
    spec: ProbeSpec,
    subject: Subject,
    clock: Clock,
    *,
    limit_s: float = PATIENCE_S,
    known: Mapping[Where, Observation] | None = None,
) -> Observation:
    """Return what a probe saw from all its places, as one observation. Never raises.

    `known` are parts that were seen elsewhere, such as those of a host's verified bundle. A place without a view and
    without a known part makes an error, unless the probe is not about this kind of equipment at all.
    """
    if subject.kind not in spec.kinds:
        reason = f"not a probe of the kind {subject.kind.value}"
        return observe(spec, not_applicable(reason, kind=subject.kind.value, kinds=list(spec.kinds)), clock)
    seen = dict(known or {})
    for where in spec.where:
        if where not in seen:
            seen[where] = run_part(spec, where, subject, clock, limit_s=limit_s)
    return merge_parts(spec, seen, clock)


def run_part(
    spec: ProbeSpec, where: Where, subject: Subject, clock: Clock, *, limit_s: float = PATIENCE_S
) -> Observation:
    """Return what one part of a probe saw, within `limit_s` seconds. Never raises; what goes wrong is an error."""
    part, view = find_part(spec.id, where), subject.views.get(where)
    if part is None or view is None:
        return observe(spec, broken(f"the {where.value} part was not run"), clock)
    answers: list[Seen] = []

    def look() -> None:
        try:
            answers.append(_check_seen(part(view)))
        except BaseException as error:  # noqa: BLE001 - a probe may break in any way; only the type is told
            answers.append(broken(_explain(error), exception=type(error).__name__))

    thread = threading.Thread(target=look, name=f"{spec.id}-{where.value}", daemon=True)
    thread.start()
    thread.join(limit_s)
    late = broken(f"no answer within {limit_s:g} seconds", limit_ms=round(limit_s * 1000))
    return observe(spec, answers[0] if answers else late, clock)


def _check_seen(seen: Seen) -> Seen:
    """Return what a part saw, or an error when its evidence is too long or not canonical JSON."""
    if len(seen.evidence) > EVIDENCE_LIMIT:
        return broken("the evidence is larger than 256 kB", bytes=len(seen.evidence))
    if rfc8785.dumps(json.loads(seen.evidence)) != seen.evidence:
        return broken("the evidence is not canonical JSON")
    return seen


def _explain(error: BaseException) -> str:
    """Return what a technician may be told of an exception: our own errors' words, of others only the type."""
    if isinstance(error, WaysealError):
        return str(error)
    advice = {"PermissionError": "; run the collector as root", "FileNotFoundError": "; something is missing"}
    name = type(error).__name__
    return f"the probe broke: {name}{advice.get(name, '')}"


def merge_parts(spec: ProbeSpec, parts: Mapping[Where, Observation], clock: Clock) -> Observation:
    """Return one observation of all parts: the worst result, the reasons of the parts that have it, all the evidence.

    Worst first: fail, error, pass, not applicable. A part of the catalogue that is not there is an error.
    """
    every = dict(parts)
    for where in spec.where:
        if where not in every:
            every[where] = observe(spec, broken(f"the {where.value} part was not run"), clock)
    if len(every) == 1:
        return next(iter(every.values()))
    worst = min((one.result for one in every.values()), key=_RANK.index)
    reasons = [f"{where.value}: {one.reason}" for where, one in every.items() if one.result == worst]
    evidence = encode_evidence({where.value: _show_part(one) for where, one in every.items()})
    if len(evidence) > EVIDENCE_LIMIT:
        digests = {where.value: one.evidence_sha256 for where, one in every.items()}
        return observe(spec, broken("the parts' evidence together is larger than 256 kB", **digests), clock)
    return observe(spec, Seen(worst, "; ".join(reasons), evidence), clock)


def _show_part(part: Observation) -> dict[str, Any]:
    """Return one part as the merged evidence shows it."""
    return {"evidence": json.loads(part.evidence), "reason": part.reason, "result": part.result.value}


def clean_reason(text: str) -> str:
    """Return a reason with every sign that a terminal would act on made a question mark: settings of a host may hold any."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def observe(spec: ProbeSpec, seen: Seen, clock: Clock) -> Observation:
    """Return what was seen as an observation of the probe."""
    text = clean_reason(seen.reason)
    reason = text if len(text) <= REASON_LIMIT else text[: REASON_LIMIT - 3] + "..."
    return Observation(
        probe=spec.id,
        control=spec.control,
        version=spec.version,
        result=seen.result,
        reason=reason,
        observed_at=clock(),
        evidence=seen.evidence,
        evidence_sha256=hashlib.sha256(seen.evidence).hexdigest(),
    )

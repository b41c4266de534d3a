"""Whether what a package says was seen holds together: evidence, times, findings, probes, nonces, items (rules 7 to 12)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wayseal.assess.oscal_package import Fault, Package
from wayseal.assess.oscal_parts import Json
from wayseal.assess.oscal_read import list_of, read_prop, text_of, walk
from wayseal.model.clock import from_text
from wayseal.model.errors import Invalid

LONGEST_WINDOW: Final = timedelta(hours=24)
"""No plan may let a nonce be good for longer."""
SKEW: Final = timedelta(minutes=5)
"""How far the clock of what was assessed may be off."""
_FAILED: Final = ("fail", "error")


@dataclass(frozen=True, slots=True)
class Run:
    """One result of an assessment-results document."""

    document: str
    body: Json

    @property
    def observations(self) -> dict[str, Json]:
        """Return this result's own observations by UUID."""
        return {text_of(one, "uuid"): one for one in list_of(self.body, "observations")}

    def when(self, name: str) -> datetime | None:
        """Return the start or the end, or None when it is no time."""
        return read_time(self.body, name)


def list_runs(package: Package) -> list[Run]:
    """Return every result of the package."""
    found = package.bodies("assessment-results")
    return [Run(path, result) for path, body in found for result in list_of(body, "results")]


def read_time(holder: Json, name: str) -> datetime | None:
    """Return a member that is an aware time, or None."""
    try:
        return from_text(text_of(holder, name))
    except Invalid:
        return None


def check_evidence(package: Package) -> Iterator[Fault]:
    """Give each observation whose evidence is not in the package, and evidence that nobody refers to (rule 7)."""
    used: set[str] = set()
    for path, (root, body) in package.documents.items():
        digests = {
            text_of(one, "uuid"): _digest(one) for one in list_of(body.get("back-matter"), "resources")
        }
        for kind, one in walk(body, root):
            if kind != "observations":
                continue
            digest = read_prop(one, "evidence-sha256")
            linked = {
                digests.get(text_of(link, "href").removeprefix("#"))
                for link in list_of(one, "relevant-evidence")
            }
            if digest is None or linked != {digest} or digest not in package.evidence:
                yield Fault(7, path, "an observation without its evidence")
            used.add(digest or "")
    for path, digest in package.files.items():
        if path.startswith("evidence/") and (path != f"evidence/{digest}" or digest not in used):
            yield Fault(
                7, path, "evidence that belongs to no observation, or under another name than its digest"
            )


def _digest(resource: Json) -> str | None:
    """Return the digest that a resource says its one file has, where that is what the file is called."""
    links = list_of(resource, "rlinks")
    values = [text_of(one, "value") for link in links for one in list_of(link, "hashes")]
    if len(links) != 1 or len(values) != 1 or text_of(links[0], "href").rpartition("/")[2] != values[0]:
        return None
    return values[0]


def check_times(package: Package) -> Iterator[Fault]:
    """Give each run that lasted too long or ended later than the package, and what was collected outside it (rule 8)."""
    window = _read_window(package)
    for run in list_runs(package):
        start, end = run.when("start"), run.when("end")
        if start is None or end is None or not start <= end <= min(start + window, package.made):
            yield Fault(8, run.document, "a run that is not within the window of its nonce")
            continue
        for one in run.observations.values():
            collected = read_time(one, "collected")
            if collected is None or not start - SKEW <= collected <= end + SKEW:
                yield Fault(8, run.document, "an observation that was collected outside its run")


def _read_window(package: Package) -> timedelta:
    """Return how long the plan lets a nonce be good for; nothing at all where it does not say."""
    for _, body in package.bodies("assessment-plan"):
        text = read_prop(body.get("metadata"), "window-minutes") or ""
        if text.isdecimal() and len(text) < 6:
            return min(timedelta(minutes=int(text)), LONGEST_WINDOW)
    return timedelta(0)


def check_findings(package: Package) -> Iterator[Fault]:
    """Give each finding that its observations do not bear out, and each failure without a finding (rule 9)."""
    for run in list_runs(package):
        seen = run.observations
        unmet: set[str] = set()
        for finding in list_of(run.body, "findings"):
            named = [text_of(one, "observation-uuid") for one in list_of(finding, "related-observations")]
            target = finding.get("target")
            state = text_of(target.get("status"), "state") if isinstance(target, dict) else ""
            results = [read_prop(seen[uuid], "result") for uuid in named if uuid in seen]
            yield from _judge(run, finding, state, results, named)
            unmet |= set(named) if state == "not-satisfied" else set()
        for uuid, one in seen.items():
            if read_prop(one, "result") in _FAILED and uuid not in unmet:
                yield Fault(9, run.document, "a failure without an unsatisfied finding")


def _judge(
    run: Run, finding: Json, state: str, results: list[str | None], named: list[str]
) -> Iterator[Fault]:
    """Give what is wrong with one finding."""
    if not named or len(results) != len(named):
        yield Fault(9, run.document, "a finding without an observation of its own run")
    elif state == "satisfied" and set(results) != {"pass"}:
        yield Fault(9, run.document, "a satisfied finding whose observation did not pass")
    elif state == "not-satisfied" and not set(results) & set(_FAILED):
        yield Fault(9, run.document, "an unsatisfied finding whose observation passed")
    elif state not in ("satisfied", "not-satisfied"):
        yield Fault(9, run.document, "a finding without a state")
    probes = {read_prop(run.observations[uuid], "probe-id") for uuid in named if uuid in run.observations}
    target = finding.get("target")
    if probes and not any(text_of(target, "target-id").endswith(f"_obj.{probe}") for probe in probes):
        yield Fault(9, run.document, "a finding about another objective than its observation's")


def check_coverage(package: Package) -> Iterator[Fault]:
    """Give each run that leaves a planned probe out, or answers one twice (rule 10)."""
    planned = _planned(package)
    for run in list_runs(package):
        answered = Counter(read_prop(one, "probe-id") for one in run.observations.values())
        kind = "daily" if read_prop(run.body, "assessment-kind") == "daily" else "full"
        wanted = planned.get((read_prop(run.body, "equipment"), kind), set())
        if any(count > 1 for count in answered.values()) or wanted - set(answered):
            yield Fault(10, run.document, "a run that leaves out a planned probe, or answers one twice")


def _planned(package: Package) -> dict[tuple[str | None, str | None], set[str | None]]:
    """Return the probes that the plan has for each (equipment, kind of assessment)."""
    found: dict[tuple[str | None, str | None], set[str | None]] = {}
    for _, body in package.bodies("assessment-plan"):
        activities = list_of(body.get("local-definitions"), "activities")
        probes = {text_of(one, "uuid"): read_prop(one, "probe-id") for one in activities}
        for task in list_of(body, "tasks"):
            key = (read_prop(task, "equipment"), read_prop(task, "assessment-kind"))
            chosen = list_of(task, "associated-activities")
            found[key] = {probes.get(text_of(one, "activity-uuid")) for one in chosen}
    return found


def check_nonces(package: Package) -> Iterator[Fault]:
    """Give each nonce that serves two runs, and each observation that carries another than its run's (rule 11)."""
    known: set[str] = set()
    for run in list_runs(package):
        nonce = read_prop(run.body, "nonce")
        if nonce is None or nonce in known:
            yield Fault(11, run.document, "a run without a nonce of its own")
            continue
        known.add(nonce)
        if any(read_prop(one, "nonce") != nonce for one in run.observations.values()):
            yield Fault(11, run.document, "an observation with another nonce than its run's")


def check_items(package: Package) -> Iterator[Fault]:
    """Give each failure of a device's newest runs without an open item, and each item that lacks what it must have (rule 12)."""
    opened: set[tuple[str | None, str | None]] = set()
    for path, body in package.bodies("plan-of-action-and-milestones"):
        for item in list_of(body, "poam-items"):
            if not all(read_prop(item, name) for name in ("owner", "due", "subject", "code")) or not list_of(
                item, "related-risks"
            ):
                yield Fault(12, path, "an item without an owner, a due date, a subject or a risk")
            if read_prop(item, "closed") is None:
                opened.add((read_prop(item, "subject"), read_prop(item, "code")))
    for (equipment, probe), (document, result) in _newest(package).items():
        if result in _FAILED and (equipment, probe) not in opened:
            yield Fault(12, document, f"{probe} failed and has no open item")


def _newest(package: Package) -> dict[tuple[str | None, str | None], tuple[str, str | None]]:
    """Return the document and the result of the newest observation of each (equipment, probe)."""
    newest: dict[tuple[str | None, str | None], tuple[str, str | None]] = {}
    for run in sorted(list_runs(package), key=lambda one: text_of(one.body, "end")):
        for one in run.observations.values():
            key = (read_prop(run.body, "equipment"), read_prop(one, "probe-id"))
            newest[key] = (run.document, read_prop(one, "result"))
    return newest

"""The suspended organisation wants to come back: in ways that each lack one thing, and at last in the one that lacks none.

Owns that act. Who comes back by the last way has shown that the others were refused for what they lacked.
"""

from collections.abc import Iterator, Sequence

from wayseal.station.overseer import reinstate
from wayseal.testing.breach.attempts import Answer, ask
from wayseal.testing.breach.oversight import (
    BOSS,
    INSPECTOR,
    SECOND,
    TECHNICIAN,
    VENDOR,
    assess_lane,
    register_approvers,
)
from wayseal.testing.breach.returning import sign_return
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Found, Outcome

FAILING = "p03"
"""The probe that fails in the assessment with which they come first."""
BOTH = (BOSS, INSPECTOR)
TOO_FEW: dict[str, Sequence[str]] = {
    "nobody-approves": (), "own-people-approve": (TECHNICIAN, "tech-2"), "one-approves": (BOSS,),
    "two-of-one-body-approve": (BOSS, SECOND), "one-of-their-own-approves": (TECHNICIAN, INSPECTOR),
}  # fmt: skip


def come_back(stage: Stage) -> Found:
    """Come back with the assessment from before, with a failed one, with too few approvals and with no signature; then as it must be."""
    register_approvers(stage)
    told = dict[str, Answer]()
    for name, answer in _attempt(stage):
        told[name] = answer
        if answer.opened:  # nobody comes back twice
            break
    back = [name for name, answer in told.items() if answer.opened]
    broken = sorted(name for name, answer in told.items() if answer.is_broken)
    suspended = _is_suspended(stage)
    honest = _ask_back(stage, BOTH)
    faults = {
        "came-back": bool(back), "in-good-standing": not suspended, "not-refused-but-broken": bool(broken),
        "never-comes-back": not back and (not honest.opened or _is_suspended(stage)),
    }  # fmt: skip
    evidence = {
        "attempts": len(told), "refused": sorted(name for name, answer in told.items() if answer.refused), "came_back_by": back,
        "broken": broken, "still_suspended": suspended, "comes_back_with_all": honest.opened,
    }  # fmt: skip
    return Found.judge(Outcome.BLOCKED, faults, evidence)


def _attempt(stage: Stage) -> Iterator[tuple[str, Answer]]:
    """Yield what comes of each way; from the third on a fresh assessment was passed, and only approvals are missing."""
    yield "assessed-before", _ask_back(stage, BOTH)
    assess_lane(stage, failing={FAILING})
    yield "failed-assessment", _ask_back(stage, BOTH)
    assess_lane(stage)
    for name, approvers in TOO_FEW.items():
        yield name, _ask_back(stage, approvers)
    yield "nobody-signs", _ask_back(stage, BOTH, signed=False)


def _ask_back(stage: Stage, approvers: Sequence[str], *, signed: bool = True) -> Answer:
    """Return what comes of asking for a reinstatement with these approvers, who sign it where they must, and of carrying it out."""

    def take_back() -> None:
        said = reinstate(stage.site, VENDOR, approvers=approvers, actor=BOSS)
        if said.get("signed") is False:
            sign_return(stage, said["reinstatement"], approvers if signed else ())

    return ask(take_back)


def _is_suspended(stage: Stage) -> bool:
    """Say whether the organisation's people have no access."""
    return stage.site.principal(TECHNICIAN, "officer").suspended

"""p21: an export with no approval, one, or two of one organisation is refused; with two of different organisations it is released.

The ceremonies are real and under the site's own rules, in a home of their own with records about nobody: on the live site
nobody's approval may be faked, and nothing may leave.
"""

from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.flow.drill.view import SiteView
from wayseal.model.errors import WaysealError

TRIALS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("no approval", (), False),
    ("one approval", ("privacy-office",), False),
    ("two approvals of one organisation", ("privacy-office", "privacy-office"), False),
    ("two approvals of different organisations", ("privacy-office", "inspector"), True),
)
"""(name, organisations that approve, whether the export may be released)."""


@probe("p21", where="outside")
def drill_exports(view: SiteView) -> Seen:
    """Try the four ceremonies. Only the last may release anything, and it must: a door that opens to nobody proves nothing."""
    if view.export_trial is None:
        return broken("the assessor has no way to try an export")
    try:
        outcomes = view.export_trial([organisations for _, organisations, _ in TRIALS])
    except WaysealError as error:
        return broken(f"the trial broke: {type(error).__name__}")
    released = {name: outcome for (name, _, _), outcome in zip(TRIALS, outcomes, strict=True)}
    faults = [f"released with {name}" for name, _, may in TRIALS if released[name] and not may]
    faults += [f"refused with {name}" for name, _, may in TRIALS if may and not released[name]]
    return judge(faults, "only two approvals of different organisations release an export", released=released)

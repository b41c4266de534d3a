"""p25, the network half: from the lane's network, no cloud name of the vendor resolves and no cloud address connects."""

import socket
import threading

from wayseal.assess.outside.view import OutsideView, untold
from wayseal.assess.outside.wire import State, knock
from wayseal.assess.probe import Seen, broken, judge, not_applicable, probe


@probe("p25", where="outside")
def probe_cloud(view: OutsideView) -> Seen:
    """Look up each declared name and call each declared address. A declaration of no cloud at all makes it not applicable.

    A refused connection counts as none: it may be the site's own firewall.
    """
    plan = view.cloud
    if plan is None:
        return untold("which cloud endpoints the vendor declares")
    if not plan.names and not plan.services:
        return not_applicable("the vendor declares that the device has no cloud", names=[], services=[])
    answers = {name: look_up(name, limit_s=view.limit_s) for name in plan.names}
    calls = {at: knock(at, limit_s=view.limit_s) for at in plan.services}
    facts = {
        "names": {name: found if found is None else sorted(found) for name, found in answers.items()},
        "services": {str(at): state.value for at, state in calls.items()},
    }
    faults = [f"{name} resolves" for name, found in answers.items() if found]
    faults += [f"{at} connects" for at, state in calls.items() if state is State.ANSWERED]
    slow = [name for name, found in answers.items() if found is None]
    if slow and not faults:
        return broken(f"the look-up of {', '.join(slow)} hangs", **facts)
    return judge(faults, "no cloud endpoint of the vendor resolves or connects", **facts)


def look_up(name: str, *, limit_s: float) -> frozenset[str] | None:
    """Return the addresses that this machine's resolver gives for a name; None when it gives no answer in time."""
    found: list[frozenset[str]] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            found.append(frozenset(str(one[4][0]) for one in answers))
        except OSError:
            found.append(frozenset())

    worker = threading.Thread(target=ask, name="wayseal-lookup", daemon=True)
    worker.start()
    worker.join(limit_s)
    return found[0] if found else None

"""p20, the network half: the device has no open port but those it declares, and remote access only while a ticket lives.

Whether a ticket lives, and how it was used, is on the ledger: the caller says so.
"""

from wayseal.assess.outside.sweep import list_present, sweep_ports
from wayseal.assess.outside.view import OutsideView, untold
from wayseal.assess.outside.wire import State
from wayseal.assess.probe import Seen, broken, judge


def look_inbound(view: OutsideView, *, ticket_lives: bool) -> Seen:
    """Judge the open ports of the device. One that does not answer at all is an error."""
    plan = view.inbound
    if plan is None:
        return untold("the device's addresses and declared ports")
    ports = (*plan.ports, *plan.declared, *plan.ticket_ports)
    states = sweep_ports(plan.addresses, ports, limit_s=view.limit_s)
    opened = sorted(at for at, state in states.items() if state is State.ANSWERED)
    facts = {
        "open": [str(at) for at in opened],
        "declared": list(plan.declared),
        "ticket_lives": ticket_lives,
        "asked": len(states),
    }
    silent = sorted(set(plan.addresses) - set(list_present(states)))
    if silent or not plan.addresses:
        return broken(f"the device does not answer at {', '.join(silent) or 'any address'}", **facts)
    faults = []
    for at in opened:
        if at.port in plan.ticket_ports and at.port not in plan.declared:
            if not ticket_lives:
                faults.append(f"{at} is open for remote access without a live ticket")
        elif at.port not in plan.declared:
            faults.append(f"{at} is open and not declared")
    return judge(faults, "no open port but the declared ones", **facts)

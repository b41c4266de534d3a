"""p15: what answers on the lane's network is what the inventory lists, each at its place and once.

Finds a device by any answer to a connection attempt, or by its answer to the kernel's own ARP request. IPv4 only; a device that
stays silent to both is not seen.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from wayseal.assess.outside.sweep import list_present, read_neighbours, sweep_ports
from wayseal.assess.outside.view import Inventoried, LanePlan, OutsideView, untold
from wayseal.assess.probe import Seen, broken, judge, probe


@probe("p15", where="outside")
def probe_inventory(view: OutsideView) -> Seen:
    """Compare the devices that answer with the inventory. An empty inventory, or one with doubles, never passes."""
    plan = view.lane
    if plan is None:
        return untold("the lane's addresses and inventory")
    states = sweep_ports(plan.addresses, plan.ports, limit_s=view.limit_s)
    seen = dict.fromkeys(list_present(states), "")
    if plan.neighbours.exists():
        macs = read_neighbours(plan.neighbours)
        seen |= {address: mac for address, mac in macs.items() if address in plan.addresses}
    facts = {
        "swept": len(plan.addresses),
        "seen": [{"address": address, "mac": mac} for address, mac in sorted(seen.items())],
        "inventory": [
            {"equipment": one.equipment, "serial": one.serial, "mac": one.mac, "address": one.address}
            for one in plan.inventory
        ],
    }
    if not seen:
        return broken("nothing answers on the lane's network, not even what the inventory lists", **facts)
    faults = [*_list_doubles(plan), *_compare(plan.inventory, seen)]
    return judge(faults, f"the {len(seen)} devices that answer are those of the inventory", **facts)


def _list_doubles(plan: LanePlan) -> Iterator[str]:
    """Yield each serial, hardware address and address that the inventory gives to two devices."""
    columns = {
        "serial": [one.serial for one in plan.inventory],
        "hardware address": [one.mac.lower() for one in plan.inventory],
        "address": [one.address for one in plan.inventory],
    }
    for name, values in columns.items():
        for value, count in Counter(values).items():
            if count > 1:
                yield f"the inventory has {count} devices with the {name} {value}"


def _compare(inventory: tuple[Inventoried, ...], seen: Mapping[str, str]) -> Iterator[str]:
    """Yield each device too many, at another's place, or missing."""
    by_mac = {one.mac.lower(): one for one in inventory}
    by_address = {one.address: one for one in inventory}
    found = set()
    for address, mac in sorted(seen.items()):
        listed = by_mac.get(mac) if mac else by_address.get(address)
        if listed is None:
            yield f"a device at {address} ({mac or 'hardware address unseen'}) is not in the inventory"
            continue
        found.add(listed.equipment)
        if listed.address != address:
            yield f"{listed.equipment} answers at {address}, not at {listed.address}"
    for one in inventory:
        if one.equipment not in found:
            yield f"{one.equipment} does not answer"

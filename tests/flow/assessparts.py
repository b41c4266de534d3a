"""A port where everything is as it should be: host, network, papers and the site itself, for whole assessments."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillparts import make_lane_host, open_doors
from hosttree import SIGNER, HostTree
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from netparts import Badge, answer, closed_endpoint, guarded, listen, server_tls, time_server
from paperparts import CONTRACT, make_view
from witnessparts import make_bench

from wayseal.assess.bundle import parse_bundle
from wayseal.assess.catalogue import ProbeSpec, load_catalogue
from wayseal.assess.collector import assess_host, host_probes
from wayseal.assess.document.view import DocumentView
from wayseal.assess.outside.view import (
    Account,
    Camera,
    CloudPlan,
    EgressPlan,
    HistoryPlan,
    InboundPlan,
    Inventoried,
    LanePlan,
    Peer,
    RosterPlan,
    TimePlan,
)
from wayseal.flow.assess import Sight, assess_equipment
from wayseal.flow.drill.view import SiteView
from wayseal.ledger.policy import parse_policy
from wayseal.model.border import Seat
from wayseal.model.clock import to_text
from wayseal.model.oversight import (
    Equipment,
    EquipmentKind,
    Observation,
    Person,
    Tier,
    Vendor,
)
from wayseal.seal.keys import EpochVault
from wayseal.seal.suite import sha256
from wayseal.station.site import Site, init_site, open_site
from wayseal.station.trial import make_trial
from wayseal.station.witnessing import POLICY

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LISTENER = "127.0.0.9"
"""Where nobody listens and everything arrives: what the notes do not say did not get out."""


@dataclass
class Port:
    """The port. Everything in it may be replaced to seed a fault."""

    site: Site
    clock: MovableClock
    line: Line
    host: HostTree
    folder: Path
    network: dict[str, Any] = field(default_factory=dict)

    def equipment(self, kind: EquipmentKind = EquipmentKind.LANE_HOST) -> Equipment:
        """The lane's computer, or the centre's."""
        lane = self.line.hosts["lane1"]
        digest = sha256(lane.identity.public).hex()
        return make_lane_host(
            self.site, kind=kind, device_sha256=digest if kind is EquipmentKind.LANE_HOST else None
        )

    def outside(self, kind: EquipmentKind = EquipmentKind.LANE_HOST) -> SiteView:
        """What is seen from outside, with the site's doors."""
        now = self.clock()
        lane = self.line.hosts["lane1"]
        text = (self.site.ledger.folder / POLICY).read_text(encoding="utf-8")
        logs = [
            file.read_text(encoding="ascii") for file in sorted(self.site.ledger.folder.glob("log-*.vkey"))
        ]
        witnesses = parse_policy("".join(f"log {key}" for key in logs) + text)
        return SiteView(
            equipment=self.equipment(kind), clock=self.clock, limit_s=3.0, pause=lambda _seconds: None,
            doors=open_doors(self.site, self.folder / "scratch", witnesses=witnesses), earlier="",
            inserted_at=self.plug_in(), export_trial=make_trial(self.site),
            lane_vault=EpochVault(lane.keeper, self.folder / "lane-epochs", self.clock), lane_device=lane.identity.public,
            roster=RosterPlan(
                organisations={
                    "agency": Vendor("agency", Tier.AGENCY, None, now), "opteq": Vendor("opteq", Tier.PRIME, None, now)
                },
                contracts=(CONTRACT,), people=(Person("tech-1", "opteq", "vendor", None),),
                accounts=(Account("tech-1", "opteq", enabled=True),), exported_at=now - timedelta(hours=1),
            ),
            history=HistoryPlan((), "agency", full_now=True), **self.network,
        )  # fmt: skip

    def plug_in(self) -> Any:
        """Plug a device in, which is refused and told at once by a watch that is alive; return when."""
        moment = self.clock()
        watch = {"type": "egress-watch", "object": "lane1-host", "events": 0, "missed": 0, "pace_s": 300}
        event = {"type": "usb-event", "object": "lane1-host", "action": "refused", "vendor_id": "0781"}
        self.site.ledger.append(
            [
                {**watch, "action": "beat", "time": to_text(moment)},
                {
                    **event,
                    "product_id": "5581",
                    "port": "1-2",
                    "time": to_text(moment + timedelta(milliseconds=90)),
                },
            ]
        )
        return moment

    def documents(self, kind: EquipmentKind = EquipmentKind.LANE_HOST, **changes: Any) -> DocumentView:
        """The signed papers."""
        return replace(make_view(**changes), equipment=self.equipment(kind), clock=self.clock)

    def collect(self, kind: EquipmentKind, tree: HostTree | None = None) -> tuple[Observation, ...]:
        """What the host's own collector says."""
        specs = host_probes(load_catalogue(), kind)
        raw = assess_host(
            "lane1-host",
            kind,
            (tree or self.host).view(),
            specs,
            nonce=bytes(32),
            signer=SIGNER,
            clock=self.clock,
        )
        return parse_bundle(raw).observations

    def sight(self, kind: EquipmentKind = EquipmentKind.LANE_HOST) -> Sight:
        """Everything, from every place."""
        return Sight(outside=self.outside(kind), documents=self.documents(kind), host=self.collect(kind))

    def assess(
        self,
        sight: Sight,
        specs: Sequence[ProbeSpec] | None = None,
        kind: EquipmentKind = EquipmentKind.LANE_HOST,
    ) -> dict[str, Observation]:
        """Run the probes."""
        seen = assess_equipment(self.equipment(kind), specs or load_catalogue(), sight, clock=self.clock)
        return {one.probe: one for one in seen}


@contextmanager
def open_port(folder: Path, host: HostTree, clock: MovableClock) -> Iterator[Port]:
    """Give a port whose site is witnessed, whose lane has seen a vehicle, and whose devices are on loopback."""
    with ExitStack() as stack:
        bench = stack.enter_context(make_bench(folder / "bench"))
        init_site(folder / "home", PASSPHRASE, evaluation=True, witnesses=bench.policy(), clock=clock)
        site = stack.enter_context(open_site(folder / "home", PASSPHRASE, clock=clock))
        bench.serve(site, "audit", "privacy")
        line = Line(site, clock)
        line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
        yield Port(site, clock, line, host, folder, _lay_network(folder, stack, clock))


def _lay_network(folder: Path, stack: ExitStack, clock: MovableClock) -> dict[str, Any]:
    """Start a camera, a door and three clocks, and return what the prober is told of them."""
    authority, strange = Badge(folder, "authority"), Badge(folder, "authority")
    camera, door = Badge(folder, "camera1"), Badge(folder, "centre", issuer=authority)
    shut = guarded("viewer", "a-long-secret", scheme="Digest", protocol="RTSP/1.0")
    stream = stack.enter_context(listen(shut, tls=server_tls(camera)))
    service = stack.enter_context(listen(answer(OK), tls=server_tls(door, clients=authority)))
    clocks = [stack.enter_context(time_server(clock=clock)) for _ in range(3)]
    (folder / "notes").touch()
    own = Inventoried("lane1-host", "sn-0001", "02:00:00:00:00:02", "127.0.0.1")
    return {
        "cameras": (
            Camera(
                "camera1", stream, "/lane", camera.sha256, plain_stream=(closed_endpoint(),),
                default_logins=(("maker", "letmein"),),
            ),
        ),
        "peer": Peer(
            service, door.sha256, Badge(folder, "foreign").pair, Badge(folder, "lane1", issuer=strange).pair,
            Badge(folder, "lane1", issuer=authority).pair,
        ),
        "egress": EgressPlan((service,), (LISTENER,), folder / "notes", tcp_ports=(22,), udp_ports=(53,)),
        "lane": LanePlan(("127.0.0.1",), (own,), neighbours=folder / "no-neighbours", ports=(13,)),
        "inbound": InboundPlan(("127.0.0.1",), (), ticket_ports=(9,), ports=(13,)),
        "cloud": CloudPlan(("cloud.opteq.invalid",), ()),
        "time": TimePlan((clocks[0], clocks[1]), device_sntp=clocks[2]),
    }  # fmt: skip


def describe(seen: dict[str, Observation], *results: str) -> dict[str, str]:
    """Return the reasons of the probes whose result is none of `results`."""
    return {
        name: f"{one.result.value}: {one.reason}"
        for name, one in seen.items()
        if one.result.value not in results
    }


def read_evidence(one: Observation) -> Any:
    """Return what an observation shows."""
    return json.loads(one.evidence)

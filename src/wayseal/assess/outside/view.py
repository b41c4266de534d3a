"""What the outside prober is told: addresses, pins, lists and dates. What it is not told, it cannot pass.

Values only. `None` means "nobody said" and makes an error; an empty tuple means "the register says there is none".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import sleep

from wayseal.assess.outside.wire import Endpoint
from wayseal.assess.probe import Seen, broken
from wayseal.model.clock import Clock
from wayseal.model.oversight import Assessment, Contract, Equipment, Person, Vendor

SCANNED_PORTS = (
    21, 22, 23, 25, 53, 80, 111, 139, 443, 445, 554, 873, 1723, 1883, 2049, 3306, 3389, 5432, 5900, 5938, 6379, 8000, 8080,
    8291, 8443, 8554, 8883, 9000, 37777,
)  # fmt: skip
"""TCP ports that remote access, file transfer, databases and cameras use; the sweep asks no others unless told to."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One network camera: where its stream is under TLS, the pin of its certificate, and where plain services would be.

    The pin is SHA-256 (hex) of the certificate, or of its public key (SubjectPublicKeyInfo).
    """

    name: str
    stream: Endpoint
    path: str
    certificate_sha256: str
    web: Endpoint | None = None
    """Its HTTPS service; None where it has none."""
    plain_stream: tuple[Endpoint, ...] = ()
    plain_web: tuple[Endpoint, ...] = ()
    default_logins: tuple[tuple[str, str], ...] | None = None
    """What the maker's manual gives as user and password; None when nobody looked it up."""


@dataclass(frozen=True, slots=True)
class Managed:
    """One web page by which a switch or a management controller is run, and what its maker's manual gives as logins."""

    name: str
    web: Endpoint
    default_logins: tuple[tuple[str, str], ...] | None
    tls: bool = True


@dataclass(frozen=True, slots=True)
class Peer:
    """A service that must know its callers by certificate, and its own certificate's pin, as `Camera` has it.

    `foreign` is a certificate and key of no authority here; `impostor` one that carries a genuine lane's name.
    """

    service: Endpoint
    certificate_sha256: str
    foreign: tuple[Path, Path]
    impostor: tuple[Path, Path]
    genuine: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class EgressPlan:
    """What the lane's network may reach, and the assessor's own listener outside, whose file of notes says what reached it."""

    allowed: tuple[Endpoint, ...]
    listener: tuple[str, ...]
    """The listener's addresses, IPv4 and IPv6."""
    notes: Path
    """The file in which the listener notes the tokens that came, by whatever way; see `listener`."""
    tcp_ports: tuple[int, ...] = (22, 25, 53, 80, 443, 853, 8080, 8443)
    udp_ports: tuple[int, ...] = (53, 123, 443, 500, 1194, 4500, 51820)
    resolvers: tuple[str, ...] = ()
    """DNS servers that the network names; each is asked for a name under `canary_zone`."""
    canary_zone: str = "canary.invalid"
    resolver_port: int = 53


@dataclass(frozen=True, slots=True)
class Inventoried:
    """One device that may be on the lane's network, by its hardware address."""

    equipment: str
    serial: str
    mac: str
    address: str


@dataclass(frozen=True, slots=True)
class LanePlan:
    """The lane's network: which addresses are swept, which devices belong, and which ports each device declares."""

    addresses: tuple[str, ...]
    inventory: tuple[Inventoried, ...]
    neighbours: Path = Path("/proc/thread-self/net/arp")
    ports: tuple[int, ...] = SCANNED_PORTS


@dataclass(frozen=True, slots=True)
class InboundPlan:
    """The device's own addresses and the ports that it declares; `ticket_ports` may be open while a ticket lives."""

    addresses: tuple[str, ...]
    declared: tuple[int, ...]
    ticket_ports: tuple[int, ...] = (22,)
    ports: tuple[int, ...] = SCANNED_PORTS


@dataclass(frozen=True, slots=True)
class CloudPlan:
    """The vendor's cloud: names that must not resolve, and addresses that must not connect, from the lane's network."""

    names: tuple[str, ...]
    services: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class TimePlan:
    """Two independent time servers, and the device's own where it answers SNTP or sends an HTTP date."""

    sources: tuple[Endpoint, ...]
    device_sntp: Endpoint | None = None
    device_web: Endpoint | None = None
    device_web_tls: bool = True
    device_reading: tuple[datetime, datetime, datetime] | None = None
    """When a challenge went to the device, when it says that it answered, and when the answer was here."""


@dataclass(frozen=True, slots=True)
class RosterPlan:
    """Who works here for a vendor: by contract, and by the accounts of the identity provider."""

    organisations: Mapping[str, Vendor]
    contracts: tuple[Contract, ...]
    people: tuple[Person, ...]
    accounts: tuple["Account", ...]
    exported_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """One account in the identity provider's export, by staff id."""

    person: str
    organisation: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """The assessments so far, the present one's assessor, and how old they may be."""

    assessments: tuple[Assessment, ...]
    assessor: str
    full_now: bool
    """Whether the present run is of the whole catalogue, so that it is itself the newest full assessment."""
    full_days: int = 90
    related: tuple[str, ...] = ()
    """Organisations of the vendor's own chain of contracts: its prime and its subcontractors."""


@dataclass(frozen=True, kw_only=True)
class OutsideView:
    """Everything that the outside parts look at, for one piece of equipment."""

    equipment: Equipment
    clock: Clock
    limit_s: float = 3.0
    """Seconds for one exchange with a device."""
    pause: Callable[[float], None] = sleep
    """How to wait between guesses at a password."""
    cameras: tuple[Camera, ...] | None = None
    managed: tuple[Managed, ...] | None = None
    peer: Peer | None = None
    egress: EgressPlan | None = None
    lane: LanePlan | None = None
    inbound: InboundPlan | None = None
    cloud: CloudPlan | None = None
    time: TimePlan | None = None
    roster: RosterPlan | None = None
    history: HistoryPlan | None = None


def untold(what: str) -> Seen:
    """Return the error of a probe that was not told what it needs."""
    return broken(f"the assessor was not told {what}")

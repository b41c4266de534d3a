"""What the centre answers lanes on other hosts: eight verbs, each of which may be repeated without harm.

Owns who may ask what. A certificate names the lane; the register says whether it is let in; the oversight of equipment says
whether it may have keys. What a lane hears back are receipts, rosters and charters: never who anybody is.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.flow.egress import take_entries
from wayseal.flow.oversee.desk import view
from wayseal.flow.ticket import Verb
from wayseal.flow.ticket_carried import take_carried
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, NotArmed, Refused, SealBroken
from wayseal.model.ids import EncounterId, check_staff, epoch_id, epoch_span
from wayseal.seal.keys import parse_roster
from wayseal.seal.strict import encode_canonical
from wayseal.seal.suite import sha256
from wayseal.station.arming import ADVICE
from wayseal.station.carrier_ca import Badge, SiteAuthority, to_pem
from wayseal.station.carrier_register import LaneEntry, LaneRegister, check_direction
from wayseal.station.carrier_wire import (
    RosterAnswer,
    decode_delivery,
    decode_entries,
    decode_join,
    decode_roster_request,
    decode_ticket,
    encode_certificate,
    encode_joined,
    encode_permitted,
    encode_receipts,
    encode_roster_answer,
    encode_ticket_key,
    join_message,
)
from wayseal.station.centre import CENTRE
from wayseal.station.site import Site
from wayseal.station.tickets import open_office, read_health, read_metrics
from wayseal.store.oversight.equipment import list_equipment

Unfit = Callable[[str], str | None]
"""Says why a lane may have no next epoch key (a code such as `assessment-overdue`), or None when it may."""


@dataclass(slots=True)
class Counts:
    """What came in since the centre began, for `health`."""

    deliveries: int = 0
    records: int = 0
    refused: int = 0


@dataclass(slots=True)
class CentreDesk:
    """The desk of one open site. Threads may share it; deliveries are taken in one after the other.

    `refused` names every lane of the site that may not be armed now; `on_received` hears of each vehicle that was taken in,
    perhaps more than once, with its lane.
    """

    site: Site
    authority: SiteAuthority
    register: LaneRegister
    unfit: Unfit
    refused: Callable[[], Collection[str]]
    on_received: Callable[[EncounterId, str], None]
    counts: Counts = field(default_factory=Counts)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _published: tuple[bytes, dict[str, bytes], set[str]] | None = None
    _unfit_since: dict[str, datetime] = field(default_factory=dict)

    def answer(self, verb: str, badge: Badge, certificate: x509.Certificate, body: bytes) -> bytes:
        """Return the answer to one request. Raises what the asking lane is told."""
        if self.site.clock() >= certificate.not_valid_after_utc:
            raise Refused(
                "this certificate has expired", hint="Enrol the lane again.", code="certificate-expired"
            )
        if verb == "join":
            return self._join(badge, _raw_public(certificate), body)
        if badge.role != "lane":
            raise Refused(
                "only an enrolled lane may ask that", hint="Join first: wayseal lane join.", code="not-a-lane"
            )
        entry = self.register.admit(
            badge.name, device=badge.device, tls=sha256(_raw_public(certificate)).hex()
        )
        verbs: Mapping[str, Callable[[], bytes]] = {
            "deliver": lambda: self._deliver(entry, body),
            "roster": lambda: self._roster(entry, body),
            "renew": lambda: self._certify(entry, certificate),
            "health": self._health,
            "ports": lambda: self._ports(entry, body),
            "ticket": lambda: self._use_ticket(entry, body),
            "tickets": lambda: self._tickets(entry, body),
        }
        return verbs[verb]()

    def _deliver(self, entry: LaneEntry, body: bytes) -> bytes:
        """Take one vehicle's records in and return the receipts. Again, it returns the same ones."""
        delivery = decode_delivery(body)
        check_direction(entry, delivery.direction)
        for record in delivery.records:
            if (record.header.lane, record.header.device) != (entry.lane, entry.device):
                raise SealBroken(
                    "a record of another lane or device than the one that delivers", code="foreign-record"
                )
        if (code := self.unfit(entry.lane)) is not None:
            raise self._disarmed(entry.lane, code)
        with self._turn:
            receipts = self.site.receive(delivery.encounter, delivery.records, direction=delivery.direction)
            self.counts.deliveries += 1
            self.counts.records += len(receipts)
        self.on_received(delivery.encounter, entry.lane)
        return encode_receipts(receipts)

    def _roster(self, entry: LaneEntry, body: bytes) -> bytes:
        """Return a roster that lists this lane and has the coming hours' keys, and the charters that the lane lacks."""
        version = decode_roster_request(body)
        code = self.unfit(entry.lane)
        with self._turn:
            roster = self._current_roster()
        if code is not None:
            raise self._disarmed(entry.lane, code)
        self._unfit_since.pop(entry.lane, None)
        return encode_roster_answer(RosterAnswer(self.site.charters.after(version), roster))

    def _disarmed(self, lane: str, code: str) -> NotArmed:
        """Return what an unfit lane is told: why, and until when it may still use the key of this hour."""
        now = self.site.clock()
        since = self._unfit_since.setdefault(lane, now)
        grace = timedelta(minutes=self.site.settings.carrier.grace_minutes)
        _, _, end = epoch_span(epoch_id(self.site.settings.retention.default_class, since))
        return NotArmed(
            f"this lane is disarmed: {code}",
            hint=f"At the centre: {ADVICE.get(code, 'wayseal equipment list')}",
            code=code,
            disarmed_until=to_text(min(end, since + grace)),
        )

    def _current_roster(self) -> bytes:
        """Return the newest roster, published now unless the last one is still whole. The caller holds the turn."""
        entries = list(self.register.entries())
        devices = {one.lane: bytes.fromhex(one.sealing) for one in entries if one.state == "enrolled"}
        devices[CENTRE] = self.site.keys.identity.public
        refused = {one.lane for one in entries if one.revoked or self.unfit(one.lane) is not None}
        refused |= set(self.refused())
        known = None if self._published is None else self._published[1:]
        if self._published is None or known != (devices, refused) or self._runs_out():
            data = self.site.keyroom.publish_roster(self.site.ledger, devices=devices, refused=refused)
            self._published = (data, devices, refused)
        return self._published[0]

    def _runs_out(self) -> bool:
        """Say whether the published roster lacks the last of the hours that a lane should have ahead."""
        if self._published is None:
            return True
        settings, now = self.site.settings.retention, self.site.clock()
        last = epoch_id(settings.default_class, now + timedelta(hours=settings.epochs_ahead))
        roster = parse_roster(self._published[0], [self.site.keyroom.official.public])
        return all(key.epoch != last for key in roster.epoch_keys)

    def _join(self, badge: Badge, ticket: bytes, body: bytes) -> bytes:
        """Enrol the lane that a join file was made for, with the keys that it has made, and return what it needs."""
        if badge.role != "join":
            raise Refused(
                "this certificate is not a join file's", hint="An enrolled lane renews: it need not join."
            )
        joining = decode_join(body)
        public = _read_request(joining.request)
        try:
            sealing = Ed25519PublicKey.from_public_bytes(joining.sealing)
            sealing.verify(joining.proof, join_message(badge.site, badge.name, joining.request))
        except (InvalidSignature, ValueError):
            raise Refused("the sealing key's proof does not hold", lane=badge.name) from None
        entry = self.register.join(
            badge.name,
            ticket=sha256(ticket).hex(),
            sealing=joining.sealing,
            tls=sha256(public.public_bytes_raw()).hex(),
        )
        certificate = self.authority.issue("lane", entry.lane, public, entry.device)
        return encode_joined(to_pem(certificate), self.site.marker.lane_key(entry.lane).secret)

    def _certify(self, entry: LaneEntry, certificate: x509.Certificate) -> bytes:
        """Return a fresh certificate for the very keys that a lane has."""
        public = Ed25519PublicKey.from_public_bytes(_raw_public(certificate))
        return encode_certificate(to_pem(self.authority.issue("lane", entry.lane, public, entry.device)))

    def _ports(self, entry: LaneEntry, body: bytes) -> bytes:
        """Put what a lane's host saw at its ports on the ledger. Even a disarmed lane may tell."""
        with view(self.site.oversight) as rows:
            devices = {one.id for one in list_equipment(rows, lane=entry.lane)}
        now = self.site.clock()
        count = take_entries(
            self.site.ledger.append, entry.lane, devices | {entry.lane}, decode_entries(body), now
        )
        return encode_canonical({"taken": count})

    def _use_ticket(self, entry: LaneEntry, body: bytes) -> bytes:
        """Judge one use of a ticket at a lane as if it were here, on the ledger first; with the centre's own numbers for it."""
        asked = decode_ticket(body)
        try:
            ticket = open_office(self.site).use(
                asked.token, verb=asked.verb, lane=entry.lane, technician=check_staff(asked.technician)
            )
        finally:
            self.site.sign_checkpoint()
        read = {Verb.HEALTH: read_health, Verb.METRICS: read_metrics}.get(Verb(asked.verb))
        return encode_permitted(ticket.id, {} if read is None else read(self.site, entry.lane))

    def _tickets(self, entry: LaneEntry, body: bytes) -> bytes:
        """Take in what was done under tickets while the line was down, and return the public half of the key that they are made with."""
        office = open_office(self.site)
        take_carried(office, entry.lane, decode_entries(body))
        return encode_ticket_key(bytes(office.root.public_key.to_bytes()))

    def _health(self) -> bytes:
        """Return figures, and nothing that names anybody."""
        figures = {
            "deliveries": self.counts.deliveries,
            "lanes": sum(one.state == "enrolled" for one in self.register.entries()),
            "ledger_size": self.site.ledger.size,
            "records": self.counts.records,
            "refused": self.counts.refused,
        }
        return encode_canonical(figures)


def _raw_public(certificate: x509.Certificate) -> bytes:
    """Return a certificate's raw Ed25519 key. Raises `Refused` for another kind of key."""
    public = certificate.public_key()
    if not isinstance(public, Ed25519PublicKey):
        raise Refused("a certificate with another kind of key than this site's")
    return public.public_bytes_raw()


def _read_request(data: bytes) -> Ed25519PublicKey:
    """Return the key of a certificate request that it signed itself. Raises `Invalid`."""
    try:
        request = x509.load_der_x509_csr(data)
        public = request.public_key()
        good = request.is_signature_valid and isinstance(public, Ed25519PublicKey)
    except (ValueError, TypeError):
        good = False
    if not good or not isinstance(public, Ed25519PublicKey):
        raise Invalid("not a certificate request of an Ed25519 key")
    return public

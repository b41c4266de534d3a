"""A lane's own home, on a computer that has no other: its keys, what it knows of its site, its outbox, its certificate.

Owns `HOME/lane.json`, `HOME/lane` and the lane's `wayseal.toml`. There is no key here that opens a record, and none of the
centre's or the keyroom's; it may not import any room that has one (import contract).
"""

import json
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from wayseal.model.clock import Clock, from_text, utc_now
from wayseal.model.errors import Integrity, Invalid, NotFound, Refused
from wayseal.seal.keys.durable import make_folder, write_file
from wayseal.station.carrier_ca import from_pem, load_tls_key, needs_renewal
from wayseal.station.carrier_link import CarrierLink, Ends, parse_address
from wayseal.station.carrier_wire import JoinRequest, join_message
from wayseal.station.join_file import JoinFile, LaneFacts, decode_join_file, facts_value, read_facts_value
from wayseal.station.lane import LaneHost, LaneTrust
from wayseal.station.lane_time import LaneTime
from wayseal.station.settings import FILE_NAME, SiteSettings, load_settings

LANE_FILE = "lane.json"
FORMAT = "wayseal-lane-home/v1"
_CERTIFICATE = "certificate.pem"
_MARK = "mark.secret"
_MARK_LABEL = "carrier-mark/lane"
_MARK_CONTEXT = b"wayseal-lane-mark/v1"


class LaneHome:
    """An open lane home. `close` it."""

    def __init__(self, home: Path, facts: LaneFacts, passphrase: bytes, clock: Clock) -> None:
        self.home = home
        self.facts = facts
        self.clock = clock
        self.settings: SiteSettings = load_settings(home)
        self._folder = home / "lane"
        self.host = LaneHost.open(facts.lane, self._folder, passphrase, _trust(facts), clock)

    @cached_property
    def link(self) -> CarrierLink:
        """The line to the centre, by this lane's certificate."""
        return self.open_link(self.facts.centre)

    def open_link(self, address: str) -> CarrierLink:
        """Return a line to the centre at an address (HOST:PORT); the certificates decide whether it is the centre."""
        key = load_tls_key(self.host.keeper, self._folder / "identity", self.facts.lane)
        ends = _ends(self.facts, address, self.certificate, key)
        return CarrierLink(ends, self.clock, hear_date=self.time.hear)

    @cached_property
    def time(self) -> LaneTime:
        """What this lane knows of the time."""
        return LaneTime(self.host, self._folder, self.clock)

    def renew_certificate(self, link: CarrierLink) -> datetime:
        """Fetch a fresh certificate when less than a third of the old one's time is left; return when the one in use ends."""
        known = self.certificate
        if needs_renewal(known, self.clock()):
            text = link.renew()
            fresh = from_pem(text)
            if fresh.public_key() != known.public_key():
                raise Integrity("the centre sent a certificate for another key")
            write_file(self._folder / _CERTIFICATE, text.encode())
            link.show(fresh)
            known = fresh
        return known.not_valid_after_utc

    def mark_secret(self) -> bytes:
        """Return the key of this lane's own mark, which the centre gave it."""
        keeper = self.host.keeper
        return bytes(keeper.unwrap(_MARK_LABEL, (self._folder / _MARK).read_bytes(), _MARK_CONTEXT))

    def close(self) -> None:
        """Close the line and the outbox."""
        if "link" in self.__dict__:
            self.link.close()
        self.host.close()

    def __enter__(self) -> Self:
        """Return the home itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate that this lane shows."""
        return from_pem((self._folder / _CERTIFICATE).read_text(encoding="ascii"))


def is_lane_home(home: Path) -> bool:
    """Say whether a home is a lane's own."""
    return (home / LANE_FILE).is_file()


def open_lane_home(home: Path, passphrase: bytes, *, clock: Clock = utc_now) -> LaneHome:
    """Open a lane's home. Raises `NotFound`, `KeeperLocked`, `Integrity`."""
    return LaneHome(home, read_lane_facts(home), passphrase, clock)


def read_lane_facts(home: Path) -> LaneFacts:
    """Return what a lane knows of its site. Raises `NotFound` or `Integrity`."""
    try:
        value = json.loads((home / LANE_FILE).read_bytes())
        if value.pop("format") != FORMAT:
            raise Integrity("the lane's home has another format than this program's")
        return read_facts_value(value)
    except FileNotFoundError:
        raise NotFound("this is not a lane's home", hint="Make it one: wayseal lane join FILE.") from None
    except (ValueError, KeyError, TypeError, RecursionError, Invalid):
        raise Integrity("lane.json is damaged") from None


def join_lane(
    home: Path, data: bytes, passphrase: bytes, *, centre: str | None = None, clock: Clock = utc_now
) -> LaneFacts:
    """Make a home the lane's of a join file: keys, certificate, settings; `lane.json` comes last.

    May be called again after a crash or a lost answer, with the same file. Raises `Refused` when the file is over or was
    used by another computer, `Invalid` when the home is something else.
    """
    file = decode_join_file(data)
    _check_home(home, file.facts)
    if clock() >= from_text(file.until):
        raise Refused("this join file is over", hint="Ask for another: wayseal lane enrol, at the centre.")
    folder = home / "lane"
    make_folder(home)
    make_folder(folder)
    host = LaneHost.open(file.facts.lane, folder, passphrase, _trust(file.facts), clock)
    try:
        key = load_tls_key(host.keeper, folder / "identity", file.facts.lane)
        text, mark = _ask_to_join(file, host, key, centre or file.facts.centre, clock)
        if from_pem(text).public_key() != key.public_key():
            raise Integrity("the centre sent a certificate for another key")
        if not host.keeper.has_key(_MARK_LABEL):
            host.keeper.create_key(_MARK_LABEL)
        write_file(folder / _MARK, host.keeper.wrap(_MARK_LABEL, mark, _MARK_CONTEXT))
        write_file(folder / _CERTIFICATE, text.encode())
    finally:
        host.close()
    if not (home / FILE_NAME).exists():
        write_file(home / FILE_NAME, file.settings.encode())
    load_settings(home)
    facts = json.dumps({"format": FORMAT, **facts_value(file.facts)}, indent=1)
    write_file(home / LANE_FILE, facts.encode())
    return file.facts


def _ask_to_join(
    file: JoinFile, host: LaneHost, key: Ed25519PrivateKey, address: str, clock: Clock
) -> tuple[str, bytes]:
    """Return certificate and mark key, asked for by the join file's own certificate."""
    facts = file.facts
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, facts.lane)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    request = builder.sign(key, None).public_bytes(Encoding.DER)
    proof = host.identity.sign(join_message(facts.site, facts.lane, request))
    ticket = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.key))
    link = CarrierLink(_ends(facts, address, from_pem(file.certificate), ticket), clock)
    try:
        return link.join(JoinRequest(request, host.identity.public, proof))
    finally:
        link.close()


def _check_home(home: Path, facts: LaneFacts) -> None:
    """Raise `Invalid` for a home that belongs to a site, or to another lane."""
    if is_lane_home(home):
        known = read_lane_facts(home)
        if (known.site, known.lane) == (facts.site, facts.lane):
            return
        raise Invalid("this is the home of another lane", hint="Choose another directory with --home.")
    begun = {"lane", FILE_NAME}
    if home.exists() and any(path.name not in begun for path in home.iterdir()):
        raise Invalid("the home directory is not empty", hint="Choose another directory with --home.")


def _trust(facts: LaneFacts) -> LaneTrust:
    charters = tuple(bytes.fromhex(text) for text in facts.charters)
    return LaneTrust(charters, facts.fingerprint, bytes.fromhex(facts.centre_public))


def _ends(facts: LaneFacts, address: str, certificate: x509.Certificate, key: Ed25519PrivateKey) -> Ends:
    host, port = parse_address(address)
    return Ends(host, port, facts.site, from_pem(facts.authority), certificate, key)

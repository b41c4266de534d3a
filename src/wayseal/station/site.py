"""One host's site: a keyroom, a centre and lanes under one home, each with its own folder and keys.

Owns the layout of a home and the order in which its parts are opened. It adds no rule of its own: what may be opened is
decided by the gate, what is kept by the centre's store, what is due by the schedule.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from wayseal.flow.archive import Archive
from wayseal.flow.encounter import Intake, receive_pass
from wayseal.flow.erase import Eraser
from wayseal.flow.gallery_key import open_site_gallery
from wayseal.flow.marking import Marker
from wayseal.flow.oversee.desk import Desk
from wayseal.flow.policy import Policy, Principal, default_rules
from wayseal.flow.release import Opener
from wayseal.flow.request import KeySource
from wayseal.ledger.checkpoint import log_keys
from wayseal.ledger.log import Ledger
from wayseal.match.gallery import Gallery
from wayseal.match.portraits import PortraitBook
from wayseal.model.border import Direction
from wayseal.model.clock import Clock, utc_now
from wayseal.model.custody import EpochKey, Receipt, SealedRecord
from wayseal.model.errors import Erased, Integrity, KeeperLocked, Refused
from wayseal.model.ids import EncounterId, EpochId, check_name, new_ulid
from wayseal.retention.schedule import Schedule, load_schedule
from wayseal.seal.suite import sha256
from wayseal.station.arming import publish_for
from wayseal.station.centre import CENTRE, CentreKeys
from wayseal.station.charters import CharterBook, check_official, embed_charter, load_founder
from wayseal.station.keyroom import Keyroom
from wayseal.station.keyroom_client import KeyroomClient, KeyroomLink
from wayseal.station.keyroom_door import SOCKET
from wayseal.station.keyroom_trust import (
    KeyroomPin,
    found_trust,
    parse_pinned,
    read_pin,
    read_trust,
    rules_entry,
    settings_entry,
    trust_entry,
    write_pin,
    write_trust,
)
from wayseal.station.lane import LaneHost, LaneTrust, RosterKeys
from wayseal.station.overseer import name_principal, open_desk
from wayseal.station.settings import FILE_NAME, SiteSettings, initial_file, load_settings
from wayseal.station.site_facts import SiteFacts, make_home, read_facts, write_facts
from wayseal.station.witnessing import open_publisher, write_policy
from wayseal.store.centre import CentreStore, open_centre


class Site:
    """An open site. Parts open when first used; `close` closes what was opened."""

    def __init__(
        self, home: Path, facts: SiteFacts, settings: SiteSettings, passphrase: bytes, clock: Clock
    ) -> None:
        self.home = home
        self.facts = facts
        self.settings = settings
        self.clock = clock
        self._passphrase = passphrase
        self.keys = CentreKeys.open(home / "centre", passphrase)
        self.ledger = Ledger(home / "ledger", clock=clock)
        self._hosts: list[LaneHost] = []
        self._announced: set[EpochId] = set()

    @cached_property
    def keyroom(self) -> Keyroom | KeyroomClient:
        """The keyroom: behind its socket where one is, else in this process. Commands that only append or list never open it.

        Raises `Unavailable` when there is a socket at which nobody answers: no command takes a keyroom's place.
        """
        folder, choice = self.home / "keyroom", self.settings.keyroom.socket
        if choice == "always" or (choice == "auto" and (folder / SOCKET).exists()):
            pin = read_pin(self.home / "centre")
            link = KeyroomLink(folder, CENTRE, self.keys.identity, pin)
            link.connect()
            check_official(self.charters.current(), pin.official, self.clock())
            return KeyroomClient(link, pin, self.clock)
        secret = keyroom_passphrase(self.settings, self._passphrase)
        keyroom = Keyroom.open(folder, secret, self.settings, self.clock)
        check_official(self.charters.current(), keyroom.official.public, self.clock())
        return keyroom

    def _key_source(self) -> KeySource:
        """Return where openers get data keys."""
        if isinstance(self.keyroom, KeyroomClient):
            return self.keyroom
        trust = read_trust(self.home / "keyroom", self.ledger)
        return self.keyroom.open_gate(self.ledger, trust, self.policy)

    @cached_property
    def store(self) -> CentreStore:
        """The centre's rows and sealed bytes."""
        return open_centre(self.home / "store", self.settings.store.database_url())

    @cached_property
    def policy(self) -> Policy:
        """The site's rules, as its file has them."""
        text = (self.home / "policy" / "site.cedar").read_text(encoding="utf-8")
        return Policy(text, zone=self.settings.time_zone)

    @cached_property
    def oversight(self) -> Desk:
        """The register of third parties and their equipment."""
        return open_desk(self)

    @cached_property
    def schedule(self) -> Schedule:
        """The record classes in force here."""
        retention = self.settings.retention
        return load_schedule(keep=self.settings.keep_periods(), hard_ends=retention.hard_end)

    @cached_property
    def opener(self) -> Opener:
        """What opens records at the centre, through this site's gate."""
        return Opener(
            ledger=self.ledger,
            store=self.store,
            keys=self._key_source(),
            log_signer=self.keys.log_signer,
            life=timedelta(seconds=self.settings.release.seconds),
            clock=self.clock,
            publish=open_publisher(self.ledger, self.keys.log_signer),
        )

    @cached_property
    def archive(self) -> Archive:
        """Where the centre's own documents go."""
        return Archive(self.ledger, self.store, self.keys.identity, self._keys_for, self._keys_of, self.clock)

    @cached_property
    def marker(self) -> Marker:
        """What writes sessions' and exports' marks into pictures."""
        return Marker(self.keys.mark_root())

    @cached_property
    def eraser(self) -> Eraser:
        """What forgets, here and in the outboxes of this host's lanes."""
        return Eraser(
            ledger=self.ledger,
            vault=self.keyroom.vault,
            store=self.store,
            schedule=self.schedule,
            clock=self.clock,
            also=(self._forget_in_lanes,),
        )

    def principal(self, name: str, role: str) -> Principal:
        """Return somebody as the register knows them. The caller has authenticated them."""
        return name_principal(self, name, role)

    def open_lane(self, lane: str) -> LaneHost:
        """Return a lane's host, made when it is new. It shares no key with the centre or the keyroom."""
        book = self.charters
        trust = LaneTrust(book.chain(), book.first_fingerprint, self.keys.identity.public)
        folder = self.home / "lanes" / check_name(lane, what="lane id")
        host = LaneHost.open(lane, folder, self._passphrase, trust, self.clock)
        self._hosts.append(host)
        return host

    def roster_keys(self, host: LaneHost) -> RosterKeys:
        """Return where a lane finds its public keys: a fresh roster each hour, while it is fit for one."""
        return RosterKeys(
            host, self.settings.retention.default_class, lambda: publish_for(self, host), self.clock
        )

    def receive(
        self, encounter: EncounterId, records: Sequence[SealedRecord], *, direction: Direction
    ) -> list[Receipt]:
        """Take a lane's delivery in; see `flow.encounter.receive_pass`."""
        roster = self.keyroom.read_roster()
        intake = Intake(
            ledger=self.ledger,
            store=self.store,
            devices={} if roster is None else roster.by_digest,
            record_class=self.settings.retention.default_class,
            signer=self.keys.identity,
            clock=self.clock,
        )
        return receive_pass(intake, encounter, records, direction=direction)

    def _keys_for(self, record_class: str) -> Sequence[EpochKey]:
        """Return the keys of a class's current hour; the ledger knows of each before anything is sealed to it."""
        keys = self.keyroom.keys_for(record_class)
        for key in keys:
            if key.epoch not in self._announced and not self.ledger.find(type="epoch", object=key.epoch):
                digest = sha256(key.public).hex()
                self.ledger.append(
                    [{"type": "epoch", "object": key.epoch, "action": "made", "key_sha256": digest}]
                )
            self._announced.add(key.epoch)
        return keys

    def _keys_of(self, epoch: EpochId) -> tuple[EpochKey, ...]:
        """Return the public key of an earlier hour that still lives. Raises `Erased` when there is none."""
        found = tuple(key for key in self.keyroom.vault.epoch_keys() if key.epoch == epoch)
        if not found:
            raise Erased("that hour's key was destroyed", epoch=epoch)
        return found

    def gallery(self, name: str) -> Gallery:
        """Open a gallery and load it. Raises `NotFound`, `SealBroken`."""
        return open_site_gallery(self.keys.keeper, self.galleries, name)

    def create_gallery(self, name: str, *, model_sha256: str, dimension: int) -> Gallery:
        """Open a gallery, made empty for templates of one model when it is new."""
        return open_site_gallery(
            self.keys.keeper, self.galleries, name, model_sha256=model_sha256, dimension=dimension
        )

    def portraits(self, name: str) -> PortraitBook:
        """Return a gallery's reference pictures."""
        folder = self.galleries / check_name(name, what="gallery name") / "portraits"
        return PortraitBook(
            folder, self.keys.gallery_cipher(name), lambda who: self.keys.index.tag("portrait", who)
        )

    @cached_property
    def charters(self) -> CharterBook:
        """Whom this site's stations believe to sign rosters."""
        return CharterBook(self.home / "centre" / "charters", self.ledger)

    @property
    def galleries(self) -> Path:
        """Where galleries lie."""
        return self.home / "gallery"

    def sign_checkpoint(self) -> str:
        """Sign the ledger as it stands and return the checkpoint, so that others can verify without a passphrase."""
        return self.ledger.sign_checkpoint(self.keys.log_signer)

    def as_of(self, moment: datetime | None) -> datetime | None:
        """Return a pretended time, which only test sites accept. Raises `Refused` elsewhere."""
        if moment is not None and not self.facts.evaluation:
            raise Refused(
                "--as-of is for evaluation sites only", hint="Make a test site: wayseal init --evaluation."
            )
        return moment

    def close(self) -> None:
        """Sign the last state of the ledger and close every file."""
        for host in self._hosts:
            host.close()
        if "keyroom" in self.__dict__:
            self.keyroom.close()
        if "store" in self.__dict__:
            self.store.close()
        self.ledger.close()

    def __enter__(self) -> Self:
        """Return the site itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the site."""
        self.close()

    def _forget_in_lanes(self, epoch: EpochId) -> None:
        """Remove an erased epoch's sealed bytes from every outbox of this host."""
        for folder in sorted((self.home / "lanes").glob("*")):
            open_here = next((host for host in self._hosts if host.lane == folder.name), None)
            if open_here is not None:
                open_here.outbox.forget_epoch(epoch)
            elif (folder / "outbox.sqlite").exists():
                forget_outbox_epoch(folder, epoch, self.clock)


def forget_outbox_epoch(folder: Path, epoch: EpochId, clock: Clock) -> None:
    """Open a lane's outbox without its keys, remove an epoch's bytes and rows, and close it."""
    from wayseal.store.outbox import Outbox  # noqa: PLC0415 - only sweeps need it here

    def refuse(receipt: Receipt) -> None:
        raise Refused("no receipts are taken here", record=receipt.object_id)

    outbox = Outbox(folder, clock=clock, verify_receipt=refuse)
    try:
        outbox.forget_epoch(epoch)
    finally:
        outbox.close()


def init_site(
    home: Path,
    passphrase: bytes,
    *,
    evaluation: bool,
    name: str = "port",
    organisation: str = "agency",
    config: str | None = None,
    witnesses: str = "",
    rules: str | None = None,
    clock: Clock = utc_now,
) -> SiteFacts:
    """Make a home: keys, ledger, schema, default policy and record classes. Raises `Invalid` where one is already.

    `config` is the text of a `wayseal.toml` to begin with, which names site and organisation and may choose a keeper;
    `witnesses` that of a witness policy (tlog-policy) for the keyroom to pin and the centre to publish to; `rules` other
    rules than the default ones.
    """
    if witnesses:
        parse_pinned(witnesses)
    with make_home(home):
        now = clock()
        (home / FILE_NAME).write_text(config or initial_file(name, organisation), encoding="utf-8")
        settings = load_settings(home)
        origin = f"{settings.organisation}/{settings.site}/{new_ulid(now).lower()}"
        facts = SiteFacts(id=new_ulid(now), created=now, evaluation=evaluation, origin=origin)
        (home / "policy").mkdir(mode=0o700)
        (home / "policy" / "site.cedar").write_text(rules or default_rules(), encoding="utf-8")
        keyroom = Keyroom.create(home / "keyroom", keyroom_passphrase(settings, passphrase), settings, clock)
        keys = CentreKeys.create(home / "centre", passphrase)
        ledger = Ledger.create(home / "ledger", origin=facts.origin, clock=clock)
        ledger.append(
            [{"type": "site", "object": facts.id.lower(), "evaluation": evaluation, "version": "1"}]
        )
        _introduce(home, keyroom, keys, ledger, clock, witnesses=witnesses)
        ledger.write_keys(keys.log_signer)
        ledger.sign_checkpoint(keys.log_signer)
        ledger.close()
        open_centre(home / "store", settings.store.database_url()).close()
        write_facts(home, facts)
    return facts


def _introduce(
    home: Path, keyroom: Keyroom, keys: CentreKeys, ledger: Ledger, clock: Clock, *, witnesses: str
) -> None:
    """Let keyroom and centre know each other's public keys, with the keyroom's list of clients on the ledger; close the keyroom."""
    text = (home / "policy" / "site.cedar").read_text(encoding="utf-8")
    trust = found_trust(log_keys(ledger.origin, keys.log_signer), (CENTRE, keys.identity.public), text)
    if witnesses:
        trust = trust.pin(witnesses)
        write_policy(ledger, trust.log, witnesses)
    ledger.append([trust_entry(trust), rules_entry(text), settings_entry(load_settings(home))])
    write_trust(home / "keyroom", trust)
    write_pin(home / "centre", KeyroomPin(keyroom.official.public, keyroom.identity.public))
    founder = load_founder(keyroom.keeper, home / "keyroom")
    charter = embed_charter(load_settings(home).site, founder, keyroom.official, clock)
    CharterBook(home / "centre" / "charters", ledger).found(charter, ledger)
    keyroom.close()


def keyroom_passphrase(settings: SiteSettings, passphrase: bytes) -> bytes:
    """Return the keyroom's own passphrase where its settings name a file, else the command's. Raises `KeeperLocked`."""
    file = settings.keyroom.passphrase_file
    if file is None:
        return passphrase
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise KeeperLocked(f"cannot read the keyroom's passphrase file: {error.strerror}") from None


def open_site(home: Path, passphrase: bytes, *, clock: Clock = utc_now) -> Site:
    """Open a home.

    Raises `NotFound` where there is none, `KeeperLocked` for a wrong passphrase, `Integrity` when the home's file and the
    first ledger entry disagree on what the site is.
    """
    facts, settings = read_facts(home), load_settings(home)
    site = Site(home, facts, settings, passphrase, clock)
    first = site.ledger.entry(0)
    if (first["object"], first["evaluation"]) != (facts.id.lower(), facts.evaluation):
        site.close()
        raise Integrity("site.json says something else than the ledger's first entry")
    return site

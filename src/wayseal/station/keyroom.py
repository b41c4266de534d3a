"""The keyroom: the one place that holds the private halves of epoch keys, and the rule under which it uses them.

Owns `HOME/keyroom`. It makes epoch pairs, signs the roster of public halves, unwraps through `flow.release.Gate`, and
destroys. It never sees a picture: what goes in are sealed records and proofs, what comes out are data keys.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from wayseal.flow.admit import Admission
from wayseal.flow.canary import CanaryBook
from wayseal.flow.follow import Follower
from wayseal.flow.guard import Guard
from wayseal.flow.meter import Meter
from wayseal.flow.notary import Notary
from wayseal.flow.policy import Policy
from wayseal.flow.release import Gate
from wayseal.flow.spent import SpentIntents, StaleProof
from wayseal.flow.standing import Standings
from wayseal.ledger.checkpoint import verify_checkpoint
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock
from wayseal.model.custody import EpochKey
from wayseal.model.errors import Erased, LedgerBroken, NotArmed
from wayseal.model.ids import EpochId, RecordId, epoch_id
from wayseal.retention.schedule import HOLD, load_schedule
from wayseal.seal.keys import (
    EpochVault,
    KeyKeeper,
    Roster,
    SigningIdentity,
    parse_roster,
    sign_roster,
)
from wayseal.seal.keys.durable import write_file
from wayseal.seal.keys.secret import load_secret
from wayseal.seal.suite import sha256
from wayseal.station.centre import CENTRE
from wayseal.station.charters import CharterBook
from wayseal.station.export_rules import read_caps, read_party
from wayseal.station.keyroom_lock import KeyroomLock
from wayseal.station.keyroom_trust import Trust, note_settings, read_trust
from wayseal.station.roster_key import load_official, roster_entry
from wayseal.station.settings import SiteSettings

ROSTER = "roster.json"
STANDING = "standing.signed"
_RETIRED = ".was-"


class Keyroom:
    """An open keyroom. `folder` is its own; nobody else writes there. `lock` says who has it open."""

    def __init__(
        self, folder: Path, keeper: KeyKeeper, settings: SiteSettings, clock: Clock, lock: KeyroomLock
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._clock = clock
        self._settings = settings
        self.keeper = keeper
        self.vault = EpochVault(keeper, folder / "epochs", clock)
        identities = folder / "identities"
        self.official = load_official(keeper, folder)
        self.identity = SigningIdentity.load_or_create("keyroom", keeper, identities)
        self.canaries = CanaryBook(folder / "canaries.sqlite", _canary_key(keeper, identities))
        self._devices: dict[str, bytes] = {}
        self._follower: Follower | None = None

    @classmethod
    def create(cls, folder: Path, passphrase: bytes, settings: SiteSettings, clock: Clock) -> "Keyroom":
        """Make a keyroom with the keeper that its settings choose. Raises `Invalid` for a short passphrase or where one is already."""
        folder.mkdir(mode=0o700, parents=True)
        lock = KeyroomLock(folder, alone=True)
        keeper = settings.keyroom.keeper.choice().create(folder / "keeper", passphrase)
        return cls(folder, keeper, settings, clock, lock)

    @classmethod
    def open(
        cls, folder: Path, passphrase: bytes, settings: SiteSettings, clock: Clock, *, alone: bool = False
    ) -> "Keyroom":
        """Open a keyroom, beside other commands or `alone`.

        Raises `KeeperLocked` for a wrong passphrase, `Unavailable` while one that is alone has it open.
        """
        lock = KeyroomLock(folder, alone=alone)
        keeper = settings.keyroom.keeper.choice().open(folder / "keeper", passphrase)
        return cls(folder, keeper, settings, clock, lock)

    def close(self) -> None:
        """Let others open it. Nothing may be asked of this object any more."""
        self.canaries.close()
        self._lock.release()

    def note_canary(self, record: RecordId) -> None:
        """Note a canary that a lane has laid. Repeating it does nothing."""
        self.canaries.add(record)

    def keys_for(self, record_class: str) -> tuple[EpochKey, ...]:
        """Return the key of a class's current hour, made now if need be: what the centre seals its own documents to."""
        return (self.vault.create_epoch(epoch_id(record_class, self._clock())),)

    def read_roster(self) -> Roster | None:
        """Return the newest roster, or None before the first. Raises `Integrity` when it was altered."""
        data = self.roster_bytes()
        return None if data is None else parse_roster(data, [self.official.public])

    def roster_bytes(self) -> bytes | None:
        """Return the newest roster as it was signed, or None before the first. It is public."""
        file = self._folder / ROSTER
        return file.read_bytes() if file.exists() else None

    def publish_roster(
        self, ledger: Ledger, *, devices: Mapping[str, bytes], refused: Collection[str] = ()
    ) -> bytes:
        """Make the coming hours' keys of the default class, sign the roster that lists them, log both, and return it.

        `devices` adds or replaces devices (name to raw Ed25519 key). The old roster's devices stay, a replaced one under a
        name that no lane has: what it sealed must still verify, and it delivers nothing more.

        `refused` names the lanes that may not be armed now: every lane that the centre's register does not call fit. The
        caller gives the whole set each time; a lane that is not named is fit. A refused lane's device stands in the new roster
        under its retired name only, so that the lane finds itself unarmed (`NotArmed`) and the centre takes no delivery from
        it; once it is fit again, a publication that names it in `devices` lists it as before. The lanes where equipment of a
        suspended organisation is registered are refused whether they are named or not, by the keyroom's own reading of the ledger.
        """
        now = self._clock()
        blocked = frozenset(refused) | self._read_standings(ledger).list_suspended_lanes()
        ahead = self._settings.retention.epochs_ahead
        name = self._settings.retention.default_class
        epochs = [epoch_id(name, now + timedelta(hours=hour)) for hour in range(ahead + 1)]
        fresh = [epoch for epoch in epochs if not self.vault.has(epoch)]
        keys = tuple(self._make_epoch(epoch) for epoch in epochs)
        old = self.read_roster()
        roster = Roster(
            version=1 if old is None else old.version + 1,
            issued_at=now.replace(microsecond=0),
            valid_until=(now + timedelta(hours=ahead + 1)).replace(minute=0, second=0, microsecond=0),
            epoch_keys=keys,
            devices=_list_devices({} if old is None else old.devices, devices, blocked),
            keyrooms={self.identity.name: self.identity.public},
        )
        data = sign_roster(roster, [self.official])
        ledger.append([*_epoch_entries(fresh, keys), roster_entry(roster, data)])
        write_file(self._folder / ROSTER, data)
        return data

    def _read_standings(self, ledger: Ledger) -> Standings:
        """Return what the ledger says of everybody, as far as it is signed; without a checkpoint what was read earlier."""
        follower = self._follow(ledger)
        follower.load()
        note = ledger.latest_checkpoint()
        if note is not None:
            checkpoint, _ = verify_checkpoint(note, read_trust(self._folder, ledger).log)
            with suppress(StaleProof):  # the gate has read further already
                follower.follow(checkpoint)
        return follower.standings

    def _follow(self, ledger: Ledger) -> Follower:
        """Return what this keyroom has read of its ledger, one for the gate and the roster."""
        if self._follower is None:
            self._follower = Follower(self._folder / STANDING, self.identity, ledger.raw_entries)
        return self._follower

    def _make_epoch(self, epoch: EpochId) -> EpochKey:
        """Return an epoch's public key. Raises `NotArmed` for one that a test site erased before its time."""
        try:
            return self.vault.create_epoch(epoch)
        except Erased:
            raise NotArmed(
                "this hour was erased before its time",
                hint="Wait for the next hour; --as-of erased this one.",
                epoch=epoch,
            ) from None

    def _open_notary(self, ledger: Ledger) -> Notary:
        """Return what verifies people's signatures, under the charters that lie beside this keyroom in its home."""
        charters = CharterBook(self._folder.parent / CENTRE / "charters", ledger)
        settings = self._settings.export
        return Notary(
            ledger.origin, read_party(settings), read_caps(settings), charters.chain, ledger.consistency
        )

    def _list_classes(self) -> frozenset[str]:
        """Return the record classes whose end this site knows, without the one that every hold varies."""
        settings = self._settings
        schedule = load_schedule(keep=settings.keep_periods(), hard_ends=settings.retention.hard_end)
        return frozenset(schedule.classes) - {HOLD}

    def find_device(self, digest: str) -> bytes | None:
        """Return the public key of a device that is or was on the roster, or None. Reads the roster anew on a miss."""
        if digest not in self._devices:
            roster = self.read_roster()
            known = {} if roster is None else roster.devices
            self._devices = {sha256(public).hex(): public for public in known.values()}
        return self._devices.get(digest)

    def open_gate(self, ledger: Ledger, trust: Trust, policy: Policy) -> Gate:
        """Return the gate that unwraps for this site, for the clients that `trust` knows.

        It reads the ledger up to each checkpoint that it is shown; alarms and canary hits are told to `ledger`.
        """
        note_settings(ledger, self._settings, policy.sha256)
        meter = Meter(self._folder / "meter.sqlite", self._settings.keyroom.pools())
        admission = Admission(
            log=trust.log,
            witnesses=trust.policy(),
            policy=policy,
            spent=SpentIntents(self._folder / "spent.sqlite"),
            follower=self._follow(ledger),
            guard=Guard(meter, self.canaries, ledger.append, self._settings.keyroom.shared_factor),
            habits=self._settings.release.habits(),
            notary=self._open_notary(ledger),
            classes=self._list_classes(),
            clock=self._clock,
        )
        with suppress(LedgerBroken):  # a request says so, to whoever asks
            self._read_standings(ledger)
            admission.note_signing()
        return Gate(
            vault=self.vault,
            find_device=self.find_device,
            keyrooms=[self.identity.public],
            admission=admission,
            clock=self._clock,
            signer=self.identity,
            caller=trust.clients[CENTRE],
        )


def _list_devices(
    old: Mapping[str, bytes], fresh: Mapping[str, bytes], refused: Collection[str]
) -> dict[str, bytes]:
    """Return the devices of both; a replaced or refused one is kept under its retired name."""
    current = {
        name: public
        for name, public in {**old, **fresh}.items()
        if name not in refused and _RETIRED not in name
    }
    in_force = set(current.values())
    kept = {
        name if _RETIRED in name else _retired_name(name, public): public
        for devices in (old, fresh)
        for name, public in devices.items()
        if public not in in_force
    }
    return kept | current


def _retired_name(name: str, public: bytes) -> str:
    """Return the name under which a device that delivers no more is kept."""
    return f"{name[:40]}{_RETIRED}{sha256(public).hex()[:16]}"


def _canary_key(keeper: KeyKeeper, folder: Path) -> bytes:
    """Return the key under which canaries are noted; never outside this process."""
    return bytes(load_secret(keeper, folder, purpose="canary", name="keyroom", size=32))


def _epoch_entries(fresh: Sequence[EpochId], keys: Sequence[EpochKey]) -> list[dict[str, object]]:
    """Return one ledger entry for each epoch key that was just made."""
    publics = {key.epoch: key.public for key in keys}
    return [
        {"type": "epoch", "object": epoch, "action": "made", "key_sha256": sha256(publics[epoch]).hex()}
        for epoch in fresh
    ]

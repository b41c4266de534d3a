"""The recipient's side: a key of their own, opening what was sealed to it, and a signed receipt. Needs no site.

Owns a recipient's folder: a file keeper under their passphrase, with the seed that opens and the key that signs receipts. It
opens exports addressed to that key and nothing else: no record of any site.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from wayseal.export.bundle import INFO, Bundle, Item, digest_bundle, open_items, read_bundle, verify_sender
from wayseal.export.manifest import digest_manifest
from wayseal.export.receipt import ExportReceipt, Outcome, sign_receipt
from wayseal.model.clock import Clock
from wayseal.model.disclosure import BundleForm
from wayseal.model.errors import Integrity, Invalid, Refused, SealBroken
from wayseal.model.ids import check_name
from wayseal.seal.keys import FileKeeper, SigningIdentity
from wayseal.seal.keys.durable import make_folder
from wayseal.seal.keys.secret import load_secret
from wayseal.seal.suite import HPKE, SEED_SIZE, derive_public, expand_seed, key_id

CARD = "wayseal-recipient/v1"


@dataclass(frozen=True, slots=True)
class RecipientCard:
    """What a recipient hands to a site on registration: names and public keys, nothing secret."""

    name: str
    organisation: str
    key: str
    receipt_key: bytes

    @property
    def form(self) -> BundleForm:
        """A card is always for a Wayseal bundle."""
        return BundleForm.WAYSEAL


class RecipientBox:
    """A recipient's open key folder."""

    def __init__(self, name: str, folder: Path, keeper: FileKeeper) -> None:
        self._name = check_name(name, what="recipient")
        self._folder = folder
        self._keeper = keeper
        self.identity = SigningIdentity.load_or_create(name, keeper, folder)

    @classmethod
    def create(cls, name: str, folder: Path, passphrase: bytes) -> "RecipientBox":
        """Make a recipient's keys in a new folder. Raises `Invalid` when some are there or the passphrase is short."""
        make_folder(folder)
        return cls(name, folder, FileKeeper.create(folder / "keeper", passphrase))

    @classmethod
    def open(cls, name: str, folder: Path, passphrase: bytes) -> "RecipientBox":
        """Open a recipient's keys. Raises `KeeperLocked` for a wrong passphrase, `Invalid` for another name."""
        keeper = FileKeeper.open(folder / "keeper", passphrase)
        if not keeper.has_key(f"recipient/{check_name(name, what='recipient')}"):
            raise Invalid(
                f"the folder has no key of {name}", hint="Give the name with which the key was made."
            )
        return cls(name, folder, keeper)

    def card(self, organisation: str) -> RecipientCard:
        """Return the card to hand to a site."""
        with self._seed() as seed:
            public = derive_public(seed)
        return RecipientCard(self._name, organisation, public.hex(), self.identity.public)

    @contextmanager
    def _seed(self) -> Iterator[bytearray]:
        """Give the private seed, zeroed afterwards."""
        seed = load_secret(self._keeper, self._folder, purpose="recipient", name=self._name, size=SEED_SIZE)
        try:
            yield seed
        finally:
            seed[:] = bytes(len(seed))

    def open_bundle(self, data: bytes, *, sender: bytes | None = None) -> tuple[Bundle, list[Item]]:
        """Return a bundle and its items, in memory. `sender` is the site's raw key, where the recipient knows it.

        Raises `Integrity` when it was altered or another sender signed it, `Refused` when it is for somebody else,
        `SealBroken` when it does not open.
        """
        bundle = read_bundle(data)
        signed_by = verify_sender(bundle)
        if sender is not None and signed_by != sender:
            raise Integrity("another site signed this export")
        with self._seed() as seed:
            if bundle.key_id != key_id(derive_public(seed)):
                raise Refused("this export is sealed to somebody else's key")
            data_key = _unwrap(seed, bundle)
        try:
            return bundle, list(open_items(bundle, data_key))
        finally:
            data_key[:] = bytes(len(data_key))

    def sign_receipt(self, data: bytes, outcome: Outcome, clock: Clock) -> bytes:
        """Return the signed word that this bundle was received, or deleted; it need not open any more."""
        bundle = read_bundle(data)
        receipt = ExportReceipt(
            export=bundle.manifest.export, manifest_sha256=digest_manifest(bundle.manifest_bytes),
            bundle_sha256=digest_bundle(data), outcome=outcome, records=len(bundle.items), at=clock(),
        )  # fmt: skip
        return sign_receipt(receipt, self.identity)


def _unwrap(seed: bytearray, bundle: Bundle) -> bytearray:
    """Return the bundle's data key. Raises `SealBroken`."""
    lattice, curve = expand_seed(seed)
    try:
        private = MLKEM768X25519PrivateKey(lattice, curve)
        return bytearray(HPKE.decrypt(bundle.wrapped, private, INFO + bundle.head_sha256))
    except (InvalidTag, ValueError):
        raise SealBroken("the export's key does not open") from None


def encode_card(card: RecipientCard) -> bytes:
    """Return a card's JSON."""
    fields = {
        "format": CARD, "name": card.name, "organisation": card.organisation, "key": card.key,
        "receipt_key": card.receipt_key.hex(),
    }  # fmt: skip
    return json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"


def decode_card(data: bytes) -> RecipientCard:
    """Return the card that a file holds. Raises `Invalid`."""
    try:
        fields = json.loads(data[:65536])
        known = fields["format"] == CARD
        card = RecipientCard(
            fields["name"], fields["organisation"], fields["key"], bytes.fromhex(fields["receipt_key"])
        )
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise Invalid("not a recipient's card", hint="They make one: wayseal export recipient make.")
    return card

"""What an opener and the gate say to each other: intents with their proofs, batches of them, and where keys come from.

Values and two protocols; nothing here opens, checks or stores.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wayseal.export.approval import Subject
from wayseal.flow.policy import Principal
from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.ids import EpochId


@dataclass(frozen=True, slots=True)
class Proven:
    """One intent entry as the ledger has it, with its inclusion proof."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class UnwrapRequest:
    """One record whose data key is wanted, and the intent that says why."""

    record: SealedRecord = field(repr=False)
    intent: Proven


@dataclass(frozen=True, slots=True)
class Word:
    """What one person signed, and the officials' appointment of the credential that they signed with; both as canonical bytes."""

    approval: bytes = field(repr=False)
    appointment: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Paper:
    """What people signed (an export's manifest, or a release's intent as the ledger has it), and what each of them gave."""

    about: Subject
    text: bytes = field(repr=False)
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class UnwrapBatch:
    """What an opener sends: one signed checkpoint, the proof that it continues the last one the gate saw, and requests.

    Without requests it is news only (`KeySource.learn`). `papers` are what people signed for these requests, where rules ask for it.
    """

    checkpoint: str
    since: int
    consistency: tuple[bytes, ...]
    requests: tuple[UnwrapRequest, ...]
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True, slots=True)
class Learned:
    """What the gate knows after news: how many entries it has read, how many of them the witnesses' quorum vouches for.

    `pinned` says whether the keyroom has a witness policy at all; without one nothing is ever witnessed.
    """

    read: int
    witnessed: int
    pinned: bool


class Caller(Protocol):
    """A client of the keyroom: its name, and the roles of the people it may speak for."""

    @property
    def name(self) -> str:
        """Its name in the keyroom's trust file."""

    @property
    def roles(self) -> frozenset[str]:
        """The roles that it may speak for."""


class KeySource(Protocol):
    """Where an opener gets data keys: the gate in this process, or the keyroom behind its socket."""

    def seen_size(self) -> int:
        """Return the size of the newest checkpoint that the gate has accepted."""

    def learn(self, news: UnwrapBatch) -> Learned:
        """Let the gate read the ledger up to a checkpoint: whoever was suspended, granted or approved there is so at once."""

    def settle(self, about: str, petition_id: str, news: UnwrapBatch) -> int:
        """Carry out a petition with the papers that `news` brings: verify what two people signed, write the entry, and return its index.

        Raises `Unapproved` while too few have signed, `Refused` for one that does not wait.
        """

    def draw(self, principal: Principal, kinds: Sequence[Kind]) -> None:
        """Draw on somebody's allowance for pictures that the keyroom does not hold. Raises `QuotaExceeded` or `Refused`."""

    def unwrap(self, principal: Principal, batch: UnwrapBatch) -> list[bytearray]:
        """Return one data key for each request. All or none."""

    def rewrap(
        self, principal: Principal, batch: UnwrapBatch, *, to_epoch: EpochId, reason: str
    ) -> list[SealedRecord]:
        """Return each record wrapped to one more epoch. All or none."""

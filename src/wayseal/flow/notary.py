"""The gate's notary: what people really signed, and whether a quorum of the site's officials appointed them.

It believes no row and no entry about who approved. A signature counts when the credential that made it was appointed under the
charter that follows from the ledger's first one, when it is over this very paper, and under a state that this very ledger had.
Owns that judgement; whether so many signatures suffice is the admission's to say. It opens nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from webauthn.helpers import base64url_to_bytes

from wayseal.export.approval import Approval, RelyingParty, Subject, decode_approval, verify_approval
from wayseal.export.manifest import decode_manifest, digest_manifest
from wayseal.flow.habits import Caps
from wayseal.flow.petition import TYPES
from wayseal.flow.request import Paper, UnwrapBatch, Word
from wayseal.flow.standing import CHARTER, Standings
from wayseal.ledger.checkpoint import Checkpoint, parse_checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.proof import verify_consistency
from wayseal.model.disclosure import CredentialForm, Manifest
from wayseal.model.errors import Integrity, Invalid, Refused, WaysealError
from wayseal.seal.keys.appointment import Appointment, verify_appointment
from wayseal.seal.keys.charter import Charter, follow_charters
from wayseal.seal.suite import sha256

BARE = 37
"""Bytes of an authenticator's data without extensions: nothing in it has to be parsed."""


@dataclass(frozen=True, slots=True)
class Signatory:
    """Somebody whose signature holds. `proof` is SHA-256 (hex) of what they gave."""

    approver: str
    role: str
    organisation: str
    proof: str


@dataclass(frozen=True, slots=True)
class Consent:
    """An export that waits on the ledger, and who has signed it."""

    manifest: Manifest
    signatories: tuple[Signatory, ...]


@dataclass(frozen=True, slots=True)
class Testimony:
    """What was heard with one batch: exports with their signatories, and signatories by SHA-256 of a release's intent, by grant, by hold and by petition."""

    consents: tuple[Consent, ...] = ()
    words: Mapping[bytes, tuple[Signatory, ...]] = field(default_factory=dict)
    grants: Mapping[str, tuple[Signatory, ...]] = field(default_factory=dict)
    holds: Mapping[str, tuple[Signatory, ...]] = field(default_factory=dict)
    petitions: Mapping[str, tuple[Signatory, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notary:
    """`site` is the ledger's origin; `read_charters` gives the home's charters, oldest first; `prove` consistency proofs."""

    site: str
    party: RelyingParty
    caps: Caps
    read_charters: Callable[[], Sequence[bytes]]
    prove: Callable[[int, int], Sequence[bytes]]

    def hear(
        self, batch: UnwrapBatch, standings: Standings, checkpoint: Checkpoint, now: datetime
    ) -> Testimony:
        """Return what people signed for a batch, every signature verified.

        Raises `Integrity` or `Refused` for an export whose paper or a signature is not what it is said to be: then the batch is
        refused.
        """
        if not batch.papers:
            return Testimony()
        room = _Hearing(self, standings, checkpoint, self._find_charter(standings, now))
        intents = {sha256(request.intent.entry): request.intent.index for request in batch.requests}
        consents, words = [], {}
        grants: dict[str, tuple[Signatory, ...]] = {}
        holds: dict[str, tuple[Signatory, ...]] = {}
        petitions: dict[str, tuple[Signatory, ...]] = {}
        for paper in batch.papers:
            if paper.about is Subject.EXPORT:
                consents.append(room.hear_export(paper, now))
            elif paper.about is Subject.GRANT:
                grants |= room.hear_grant(paper)
            elif paper.about is Subject.HOLD:
                holds |= room.hear_hold(paper)
            elif paper.about.value in TYPES:
                petitions |= room.hear_petition(paper)
            else:
                digest = sha256(paper.text)
                if paper.about is not Subject.RELEASE or digest not in intents:
                    raise Refused("something was signed for another release")
                words[digest] = room.hear_release(paper, after=intents[digest])
        return Testimony(tuple(consents), words, grants, holds, petitions)

    def _find_charter(self, standings: Standings, now: datetime) -> Charter:
        """Return the charter in force, followed from the first one that the ledger names. Raises `Integrity`."""
        charter = follow_charters(self.read_charters(), fingerprint=standings.founding)
        if charter.fingerprint != standings.rules.get(CHARTER):
            raise Integrity("the charter here is not the one that the ledger names last")
        if not charter.issued_at <= now < charter.valid_until:
            raise Refused(
                "the site's charter is not valid now, so nobody's appointment is",
                hint="The officials have to sign a new one: docs/howto/key-ceremony.md.",
            )
        return charter


@dataclass(frozen=True, slots=True)
class _Hearing:
    """One batch before the notary."""

    notary: Notary
    standings: Standings
    checkpoint: Checkpoint
    charter: Charter

    def hear_export(self, paper: Paper, now: datetime) -> Consent:
        """Return an export and who signed it. Raises `Refused` unless it waits on the ledger by this very manifest."""
        manifest = decode_manifest(paper.text)
        asked = self.standings.exports.waiting.get(manifest.export)
        if asked is None or asked.manifest_sha256 != digest_manifest(paper.text):
            raise Refused("no export of this manifest waits on the ledger", export=manifest.export)
        if manifest.site != self.notary.site or now >= min(
            asked.expires_at, manifest.expires_at, asked.asked_at + self.notary.caps.life
        ):
            raise Refused("the export is of another site, or its time is over", export=manifest.export)
        found = self._drop_revoked([self._hear_word(paper, word, asked.index) for word in paper.words])
        logged = [one for one in found if one.proof in asked.given]
        if len(logged) != len(found):
            raise Refused("an approval that is not on the ledger", export=manifest.export)
        return Consent(manifest, tuple(logged))

    def hear_release(self, paper: Paper, *, after: int) -> tuple[Signatory, ...]:
        """Return who signed a release's intent. What does not hold does not count: the release may need no second person."""
        found: list[Signatory] = []
        for word in paper.words:
            with suppress(WaysealError):
                found.append(self._hear_word(paper, word, after))
        return self._drop_revoked(found)

    def hear_grant(self, paper: Paper) -> dict[str, tuple[Signatory, ...]]:
        """Return who signed a grant that is in force, by its id; nothing for any other. What does not hold does not count."""
        entry = decode_entry(paper.text)
        held = self.standings.grants.get(entry.get("object", ""))
        if entry["type"] != "grant" or held is None or not held.is_given_by(entry):
            return {}
        return {held.id: self.hear_release(paper, after=held.index)}

    def hear_hold(self, paper: Paper) -> dict[str, tuple[Signatory, ...]]:
        """Return who signed a hold that is in force, by its id; nothing for any other."""
        entry = decode_entry(paper.text)
        name = str(entry.get("object", ""))
        held = self.standings.holds.get(name)
        if entry["type"] != "hold" or held is None or not held.is_placed_by(entry):
            return {}
        return {name: self.hear_release(paper, after=held.index)}

    def hear_petition(self, paper: Paper) -> dict[str, tuple[Signatory, ...]]:
        """Return who signed a petition that waits, by its id; nothing for any other text."""
        name = str(decode_entry(paper.text).get("object", ""))
        held = self.standings.petitions.waiting.get(name)
        if held is None or (held.about, held.digest) != (paper.about.value, sha256(paper.text).hex()):
            return {}
        return {name: self.hear_release(paper, after=held.index)}

    def _drop_revoked(self, found: Sequence[Signatory]) -> tuple[Signatory, ...]:
        return tuple(one for one in found if one.approver not in self.standings.exports.revoked)

    def _hear_word(self, paper: Paper, word: Word, after: int) -> Signatory:
        """Return who signed a paper under a state of the ledger that has entry `after`."""
        made = self._find_appointment(word.appointment)
        approval = decode_approval(word.approval, paper.about)
        if approval.approver != made.approver:
            raise Refused("the approval was given with another person's credential")
        _check_bare(approval)
        verify_approval(approval, paper.text, made.key, self.notary.party)
        self._check_state(approval.checkpoint, after)
        return Signatory(made.approver, made.role, made.organisation, sha256(word.approval).hex())

    def _find_appointment(self, document: bytes) -> Appointment:
        """Return an appointment that today's officials have signed and that the ledger has."""
        if sha256(document).hex() not in self.standings.exports.appointed:
            raise Refused("an appointment that is not on the ledger", hint="wayseal export approver appoint.")
        return verify_appointment(document, charter=self.charter, site=self.notary.site)

    def _check_state(self, text: str, after: int) -> None:
        """Raise unless a checkpoint is a state of this ledger that has entry `after` in it."""
        try:
            state = parse_checkpoint(text)
        except Invalid:
            raise Refused("the approval was given under no checkpoint") from None
        now = self.checkpoint
        if state.origin != self.notary.site or not after < state.size <= now.size:
            raise Refused(
                "the approval was given under a checkpoint from before the request, or another ledger's"
            )
        proof = self.notary.prove(state.size, now.size)
        verify_consistency(state.size, now.size, state.root, now.root, proof)


def _check_bare(approval: Approval) -> None:
    """Raise `Refused` for an authenticator's answer with extensions: the keyroom parses none."""
    if approval.form is not CredentialForm.WEBAUTHN:
        return
    try:
        size = len(base64url_to_bytes(approval.proof["authenticator_data"]))
    except ValueError:
        size = 0
    if size != BARE:
        raise Refused("the authenticator's answer has extensions", hint="Use an authenticator without them.")

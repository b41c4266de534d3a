"""Approvals: a signature over SHA-256(paper | checkpoint), by an authenticator with its user verified or by an approver's key.

The paper is an export's manifest, or the ledger's entry of a release (`open-intent`), a session grant (`grant`), a hold (`hold`), or a petition (`reinstatement`, `lift-request`); for a no,
`decline_paper`. Owns the format and the verification of one
signature. Whose approval counts, and how many are needed, is decided in `flow.consent` and, again, at the gate
(`flow.notary`). `docs/spec/export.md` is the norm.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from webauthn import verify_authentication_response
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException

from wayseal.model.disclosure import ApproverKey, CredentialForm
from wayseal.model.errors import Integrity, Invalid, Refused

_FORMAT: Final = "wayseal-{}-approval/v1"
"""Of the file. With a line feed it also precedes the digest in what an Ed25519 key signs; an authenticator signs the digest alone."""
LARGEST: Final = 16 * 1024
LOCALHOST: Final = "localhost"
_LOCAL = re.compile(r"http://localhost(:[0-9]{1,5})?")
_ASSERTION = frozenset(("authenticator_data", "client_data", "credential", "signature"))


class Subject(StrEnum):
    """What an approval is about. It names the format and the field that holds the id."""

    EXPORT = "export"
    RELEASE = "release"
    GRANT = "grant"
    HOLD = "hold"
    REINSTATEMENT = "reinstatement"
    LIFT = "lift"
    DECLINE = "decline"


class Signer(Protocol):
    """What signs for an approver on the command line."""

    @property
    def public(self) -> bytes:
        """The raw Ed25519 public key."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For which addresses an authenticator's word counts: the domain it was enrolled for, and the origins of our pages.

    The domain `localhost` stands for a console on this very machine, at whatever port.
    """

    id: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approver gave: for which export, under which checkpoint (its three lines), by which credential, and the proof.

    About anything else, `export` is its id and `manifest_sha256` the digest of its entry on the ledger. `proof` is {"signature"} (hex) for an Ed25519 key; {"authenticator_data", "client_data", "credential", "signature"}
    (base64url) for an authenticator.
    """

    export: str
    approver: str
    manifest_sha256: str
    checkpoint: str
    form: CredentialForm
    key: str
    proof: Mapping[str, str]
    about: Subject = Subject.EXPORT


def digest_ballot(manifest: bytes, checkpoint: str) -> bytes:
    """Return SHA-256(manifest | checkpoint): what is signed. `checkpoint` is the three lines without signatures."""
    return hashlib.sha256(manifest + checkpoint.encode()).digest()


def decline_paper(about: Subject, entry: bytes, reason: str) -> bytes:
    """Return what somebody signs who declines: RFC 8785 JSON that holds the ledger's entry and the reason's code. It is no entry, so a no is never a yes."""
    return b'{"about":"%s","declined":%s,"reason":"%s"}' % (about.value.encode(), entry, reason.encode())


def encode_approval(approval: Approval) -> bytes:
    """Return the approval as RFC 8785 JSON."""
    return rfc8785.dumps(
        {
            "approver": approval.approver,
            "checkpoint": approval.checkpoint,
            approval.about.value: approval.export,
            "form": approval.form.value,
            "format": _FORMAT.format(approval.about),
            "key": approval.key,
            "manifest_sha256": approval.manifest_sha256,
            "proof": dict(approval.proof),
        }
    )


def decode_approval(raw: bytes, about: Subject = Subject.EXPORT) -> Approval:
    """Return the approval that `raw` spells. Raises `Invalid` for any other spelling, or one about something else."""
    try:
        fields: dict[str, Any] = json.loads(raw[: LARGEST + 1])
        approval = Approval(
            export=fields[about.value], approver=fields["approver"], manifest_sha256=fields["manifest_sha256"],
            checkpoint=fields["checkpoint"], form=CredentialForm(fields["form"]), key=fields["key"],
            proof=fields["proof"], about=about,
        )  # fmt: skip
        same = encode_approval(approval) == raw
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        same = False
    if not same or not _is_text(approval):
        raise Invalid(f"not an approval of version 1 of {about}", hint=f"Make one: wayseal {about} sign.")
    return approval


def _is_text(approval: Approval) -> bool:
    """Say whether every field is text and the proof has exactly its form's fields."""
    wanted = {"signature"} if approval.form is CredentialForm.ED25519 else _ASSERTION
    texts = (
        approval.export, approval.approver, approval.manifest_sha256, approval.checkpoint, approval.key,
        *approval.proof.values(),
    )  # fmt: skip
    return set(approval.proof) == wanted and all(isinstance(text, str) for text in texts)


def sign_approval(
    export: str,
    approver: str,
    *,
    manifest: bytes,
    checkpoint: str,
    signer: Signer,
    about: Subject = Subject.EXPORT,
) -> Approval:
    """Return an approval by a key of the approver's own. The caller has shown them the manifest, or the intent."""
    digest = digest_ballot(manifest, checkpoint)
    return Approval(
        export=export,
        approver=approver,
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        checkpoint=checkpoint,
        form=CredentialForm.ED25519,
        key=hashlib.sha256(signer.public).hexdigest(),
        proof={"signature": signer.sign(_domain(about) + digest).hex()},
        about=about,
    )


def _domain(about: Subject) -> bytes:
    """Return what precedes the digest in the message that an Ed25519 key signs."""
    return _FORMAT.format(about).encode() + b"\n"


def verify_approval(
    approval: Approval, manifest: bytes, key: ApproverKey, party: RelyingParty, *, count: int | None = None
) -> int:
    """Return the authenticator's new counter (0 for a key) when the approval is `key`'s signature over this manifest.

    1. It names this manifest and this credential. 2. The signature is over SHA-256(manifest | checkpoint). For an
    authenticator also: 3. domain and origin are `party`'s; 4. its user was present and verified; 5. its counter has grown
    beyond `count` (without one, as when an approval is verified again, the counter is not looked at).

    Raises `Refused` for another manifest or credential or an unverified user, `Integrity` for a bad signature. The caller
    checks that the key is the approver's, and the checkpoint.
    """
    if approval.manifest_sha256 != hashlib.sha256(manifest).hexdigest():
        raise Refused("the approval is for another manifest", hint="Approve this one: the two differ.")
    if approval.key != key.id or approval.form is not key.form:
        raise Refused("the approval was given with another credential")
    digest = digest_ballot(manifest, approval.checkpoint)
    if approval.form is CredentialForm.ED25519:
        _verify_signature(key.public, approval.proof["signature"], _domain(approval.about) + digest)
        return 0
    return _verify_assertion(approval, digest, key, party, count=count)


def _verify_signature(public: bytes, signature: str, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        raise Integrity("the approval's signature does not hold") from None


def _verify_assertion(
    approval: Approval, digest: bytes, key: ApproverKey, party: RelyingParty, *, count: int | None
) -> int:
    """Verify an authenticator's assertion with the webauthn library and return its counter."""
    proof = approval.proof
    credential = {
        "id": proof["credential"],
        "rawId": proof["credential"],
        "type": "public-key",
        "response": {
            "authenticatorData": proof["authenticator_data"],
            "clientDataJSON": proof["client_data"],
            "signature": proof["signature"],
        },
    }
    try:
        if base64url_to_bytes(proof["credential"]) != key.credential:
            raise Refused("the approval was given with another credential")
        found = verify_authentication_response(
            credential=credential,
            expected_challenge=digest,
            expected_rp_id=party.id,
            expected_origin=list_origins(party, base64url_to_bytes(proof["client_data"])),
            credential_public_key=key.public,
            credential_current_sign_count=0 if count is None else count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise _explain(error) from None
    return found.new_sign_count


def list_origins(party: RelyingParty, client_data: bytes) -> list[str]:
    """Return the origins from which these client data may come; on localhost whatever port they name."""
    if party.id != LOCALHOST:
        return list(party.origins)
    origin = str(json.loads(client_data)["origin"])
    return [origin] if _LOCAL.fullmatch(origin) else []


def _explain(error: Exception) -> Refused | Integrity:
    """Return our error for the library's, which speaks of what it expected."""
    text = str(error)
    if "verification is required" in text or "not present" in text:
        return Refused("the authenticator did not verify its user", hint="Use one with a PIN or fingerprint.")
    if "challenge" in text:
        return Refused(
            "the authenticator signed something else", hint="Open the export again and approve it."
        )
    if "origin" in text or "RP ID" in text:
        return Refused("the authenticator was asked by another site", hint="Use the console's own address.")
    if "sign count" in text:
        return Refused(
            "the authenticator's counter did not grow",
            hint="It may have been copied: revoke that credential.",
        )
    return Integrity("the authenticator's signature does not hold")


def list_problems(approvals: Sequence[tuple[str, str]], *, requester: str, needed: int) -> tuple[str, ...]:
    """Return what is missing from approvals, as (staff id, organisation) each; nothing when they suffice.

    The rule: `needed` different people of as many different organisations, none of them the requester.
    """
    problems = []
    if any(person == requester for person, _ in approvals):
        problems.append("the requester has approved")
    if len({person for person, _ in approvals}) != len(approvals):
        problems.append("somebody has approved twice")
    if len({organisation for _, organisation in approvals}) != len(approvals):
        problems.append("one organisation has approved twice")
    if len(approvals) < needed:
        problems.append(f"{len(approvals)} of {needed} approvals")
    return tuple(problems)

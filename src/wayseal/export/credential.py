"""Authenticators of approvers: enrolling one, and knowing its holder again at sign-in. Both demand a verified user.

Owns what is asked of the webauthn library. Keeps nothing: the caller remembers each challenge, and lets it be answered once.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from wayseal.export.approval import RelyingParty, list_origins
from wayseal.model.disclosure import ApproverKey, CredentialForm
from wayseal.model.errors import Refused

_FAILED = (WebAuthnException, ValueError, TypeError, KeyError)
_REQUIRED = UserVerificationRequirement.REQUIRED


def ask_enrolment(
    party: RelyingParty, site: str, approver: str, challenge: bytes, known: Sequence[ApproverKey]
) -> dict[str, Any]:
    """Return the options for `navigator.credentials.create`: a new credential of this approver, user verified."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=f"Wayseal {site}",
        user_name=approver,
        user_id=hashlib.sha256(approver.encode()).digest(),
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=_REQUIRED
        ),
        exclude_credentials=_describe(known),
    )
    return dict(json.loads(options_to_json(options)))


def verify_enrolment(
    party: RelyingParty, approver: str, challenge: bytes, answer: dict[str, Any], now: datetime
) -> ApproverKey:
    """Return the credential that an authenticator made for this challenge. Raises `Refused` when it does not verify."""
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=_origins(party, answer),
            require_user_verification=True,
        )
    except _FAILED:
        raise Refused(
            "the authenticator was not enrolled", hint="Use one that checks a PIN or a fingerprint."
        ) from None
    public = bytes(made.credential_public_key)
    return ApproverKey(
        id=hashlib.sha256(public).hexdigest(),
        approver=approver,
        form=CredentialForm.WEBAUTHN,
        public=public,
        enrolled_at=now,
        credential=bytes(made.credential_id),
        sign_count=made.sign_count,
    )


def ask_assertion(party: RelyingParty, challenge: bytes, known: Sequence[ApproverKey]) -> dict[str, Any]:
    """Return the options for `navigator.credentials.get`: a signature by one of these credentials, user verified."""
    options = generate_authentication_options(
        rp_id=party.id, challenge=challenge, allow_credentials=_describe(known), user_verification=_REQUIRED
    )
    return dict(json.loads(options_to_json(options)))


def verify_sign_in(
    party: RelyingParty, challenge: bytes, answer: dict[str, Any], known: Sequence[ApproverKey]
) -> tuple[ApproverKey, int]:
    """Return whose credential signed the challenge, and its counter. Raises `Refused` when none of `known` did."""
    try:
        key = find_credential(answer, known)
        found = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=_origins(party, answer),
            credential_public_key=key.public,
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    except _FAILED:
        raise Refused("that authenticator did not sign in", hint="Use the one that was enrolled.") from None
    return key, found.new_sign_count


def find_credential(answer: dict[str, Any], known: Sequence[ApproverKey]) -> ApproverKey:
    """Return the enrolled credential that an authenticator's answer names. Raises `Refused`."""
    try:
        wanted = base64url_to_bytes(str(answer["id"]))
    except (ValueError, KeyError, TypeError):
        wanted = b""
    for key in known:
        if key.credential and key.credential == wanted:
            return key
    raise Refused("that authenticator is not enrolled", hint="Use the one that was enrolled.")


def read_proof(answer: dict[str, Any]) -> dict[str, str]:
    """Return an assertion's parts as an approval's proof has them. Raises `Refused` for another shape."""
    try:
        response = answer["response"]
        return {
            "authenticator_data": str(response["authenticatorData"]),
            "client_data": str(response["clientDataJSON"]),
            "credential": str(answer["id"]),
            "signature": str(response["signature"]),
        }
    except (KeyError, TypeError):
        raise Refused("that is no authenticator's answer") from None


def _origins(party: RelyingParty, answer: dict[str, Any]) -> list[str]:
    return list_origins(party, base64url_to_bytes(answer["response"]["clientDataJSON"]))


def _describe(known: Sequence[ApproverKey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=key.credential) for key in known if key.credential]

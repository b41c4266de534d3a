"""A maintenance ticket as a token: a Biscuit that names one work order, one lane, one technician, a few verbs and an end.

Owns minting and reading the token. No verb shows a picture, and no ticket can be made to: what a holder adds to a token can
only take away. Nothing here reads a clock, a ledger or a register; `ticket_office` asks those.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from biscuit_auth import (
    Algorithm,
    AuthorizationError,
    Authorizer,
    AuthorizerBuilder,
    Biscuit,
    BiscuitBuilder,
    BiscuitSerializationError,
    BiscuitValidationError,
    DataLogError,
    Fact,
    KeyPair,
    PrivateKey,
    PublicKey,
    Rule,
)

from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import check_name, check_staff, check_ulid

LONGEST: Final = timedelta(hours=4)
SKEW: Final = timedelta(seconds=60)
"""How far a lane's clock may be behind the centre's when a fresh ticket is used."""
TOKEN_LIMIT: Final = 8192
BLOCKS_LIMIT: Final = 8
_LIMIT_TIME: Final = timedelta(seconds=5)
"""The library's own limit is a millisecond of the clock, which a busy machine takes for a pause; facts and rounds stay bounded."""
_HINTS: Final = {
    "image-verb": "No ticket shows a picture, and none can be made to.",
    "clock-set-back": "This lane's clock is behind what it knows of the time: set it.",
    "not-yet": "This computer's clock is behind the site's: set it.",
    "other-lane": "Use it at the lane that it names, or ask the site for one of this lane.",
    "other-technician": "A ticket is one person's: ask the site for your own.",
    "suspended": "The register lets this technician do nothing; the site can say why.",
    "training-expired": "The technician's training has run out: renew it first.",
    "malformed": "Give the token as it was printed, whole and without line breaks.",
}  # fmt: skip
_ASK: Final = "Ask the site for a ticket that permits it."


class Verb(StrEnum):
    """What a technician may do under a ticket. All of it is numbers, or pictures of nobody."""

    HEALTH = "health"
    METRICS = "metrics"
    FOCUS = "focus"
    EXPOSURE = "exposure"
    CHART = "chart"


IMAGE_VERBS: Final = frozenset(
    (
        "image",
        "images",
        "list",
        "open",
        "view",
        "show",
        "export",
        "record",
        "stream",
        "video",
        "download",
        "copy",
    )
)
"""Words for looking at travellers, which no ticket can hold; an attempt is on the ledger under its own reason."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token says, by its first block alone."""

    id: str
    work_order: str
    lane: str
    technician: str
    organisation: str
    verbs: tuple[Verb, ...]
    issued_at: datetime
    expires_at: datetime


def load_root(secret: bytes | bytearray) -> KeyPair:
    """Return the key pair that tickets are signed with, from its 32 secret bytes."""
    return KeyPair.from_private_key(PrivateKey.from_bytes(bytes(secret), Algorithm.Ed25519))  # type: ignore[call-arg, attr-defined]  # stubs are older


def check_ticket(ticket: Ticket) -> Ticket:
    """Return a ticket that may be made. Raises `Invalid` for a malformed name, no verb, or a life that is no life or over 4 hours."""
    check_ulid(ticket.id)
    for what in ("work_order", "lane", "organisation"):
        check_name(getattr(ticket, what), what=what.replace("_", " "))
    check_staff(ticket.technician)
    if not ticket.verbs or len(set(ticket.verbs)) != len(ticket.verbs):
        raise Invalid("a ticket needs verbs, each once", hint="Verbs: " + ", ".join(Verb))
    if not timedelta(0) < ticket.expires_at - ticket.issued_at <= LONGEST:
        raise Invalid("a ticket lives at most four hours", hint="Issue another one when it has ended.")
    return ticket


def mint_token(root: KeyPair, ticket: Ticket) -> str:
    """Return the token of a ticket, signed. Raises `Invalid` for one that may not be made."""
    check_ticket(ticket)
    builder = BiscuitBuilder(
        "ticket({id}); work_order({order}); lane({lane}); technician({who}); organisation({org}); "
        "issued({start}); expires({end}); check if time($now), $now < {end};",
        {
            "id": ticket.id, "order": ticket.work_order, "lane": ticket.lane, "who": ticket.technician,
            "org": ticket.organisation, "start": ticket.issued_at, "end": ticket.expires_at,
        },
    )  # fmt: skip
    for verb in ticket.verbs:
        builder.add_fact(Fact("verb({verb})", {"verb": verb.value}))
    return str(builder.build(root.private_key).to_base64())


def load_public(data: bytes) -> PublicKey:
    """Return the public half of a site's ticket key from its 32 bytes. Raises `Invalid`."""
    try:
        return PublicKey.from_bytes(data, Algorithm.Ed25519)  # type: ignore[call-arg, attr-defined]  # stubs are older
    except ValueError:
        raise Invalid("not a site's ticket key") from None


def parse_token(root: PublicKey, text: str) -> Biscuit:
    """Return a token whose signatures are the root's. Raises `Refused` for anything else."""
    if len(text) > TOKEN_LIMIT:
        raise refuse_ticket("malformed")
    try:
        token = Biscuit.from_base64(text, root)
    except (BiscuitValidationError, BiscuitSerializationError):
        raise refuse_ticket("bad-signature") from None
    if token.block_count() > BLOCKS_LIMIT:
        raise refuse_ticket("malformed")
    return token


def token_digest(token: Biscuit) -> str:
    """Return the SHA-256 of the first block's revocation id: the same for a token and all that was derived from it."""
    return hashlib.sha256(bytes.fromhex(token.revocation_ids[0])).hexdigest()


def read_ticket(token: Biscuit) -> Ticket:
    """Return what the first block says. Raises `Refused` when it is no ticket, or lives longer than any may."""
    facts = _with_patience(AuthorizerBuilder("allow if true")).build(token)

    def find(name: str) -> list[Any]:
        try:
            return [fact.terms[0] for fact in facts.query(Rule(f"found($it) <- {name}($it)"))]
        except (AuthorizationError, DataLogError):
            raise refuse_ticket("malformed") from None

    def one(name: str) -> str:
        found = find(name)
        if len(found) != 1:
            raise refuse_ticket("malformed")
        return found[0]  # type: ignore[no-any-return]

    def when(name: str) -> datetime:
        moment = one(name)
        if not isinstance(moment, datetime):
            raise refuse_ticket("malformed")
        return moment

    verbs = find("verb")
    try:
        return check_ticket(
            Ticket(
                one("ticket"), one("work_order"), one("lane"), one("technician"), one("organisation"),
                tuple(sorted(Verb(verb) for verb in verbs)), when("issued"), when("expires"),
            )
        )  # fmt: skip
    except (Invalid, ValueError, TypeError, AttributeError):
        raise refuse_ticket("malformed") from None


def authorise(token: Biscuit, *, verb: str, lane: str, technician: str, now: datetime) -> None:
    """Raise `Refused` unless the token, with everything its holders took away, permits this verb there, to them, now."""
    builder = AuthorizerBuilder(
        "time({now}); asked({verb}, {lane}, {who}); "
        "allow if asked($verb, $lane, $who), verb($verb), lane($lane), technician($who), "
        "issued($start), expires($end), time($now), $now < $end, {now_late} >= $start;",
        {"now": now, "now_late": now + SKEW, "verb": verb, "lane": lane, "who": technician},
    )
    try:
        built: Authorizer = _with_patience(builder).build(token)
        built.authorize()
    except (AuthorizationError, DataLogError):
        raise refuse_ticket("not-permitted") from None


def _with_patience(builder: AuthorizerBuilder) -> AuthorizerBuilder:
    """Return the builder with time enough on a machine that is busy with vehicles."""
    limits = builder.limits()  # type: ignore[attr-defined]  # stubs are older
    limits.max_time = _LIMIT_TIME
    builder.set_limits(limits)  # type: ignore[attr-defined]
    return builder


def explain_refusal(ticket: Ticket, *, verb: str, lane: str, technician: str, now: datetime) -> str:
    """Return the code of why a ticket does not permit something, the weightiest first."""
    reasons = (
        (verb in IMAGE_VERBS, "image-verb"), (verb not in set(Verb), "unknown-verb"), (now >= ticket.expires_at, "expired"),
        (now + SKEW < ticket.issued_at, "not-yet"), (lane != ticket.lane, "other-lane"),
        (technician != ticket.technician, "other-technician"), (verb not in ticket.verbs, "verb-not-in-ticket"),
    )  # fmt: skip
    return next((code for holds, code in reasons if holds), "narrowed")


def choose_verbs(words: Sequence[str]) -> tuple[Verb, ...]:
    """Return verbs by their words. Raises `Refused` for a word for looking at travellers, `Invalid` for any other."""
    if set(words) & IMAGE_VERBS:
        raise Refused("no ticket lets anybody look at travellers", hint="Verbs: " + ", ".join(Verb))
    try:
        return tuple(sorted({Verb(word) for word in words}))
    except ValueError:
        raise Invalid("not a ticket's verb", hint="Verbs: " + ", ".join(Verb)) from None


def name_verb(verb: str) -> dict[str, str]:
    """Return the verb as an entry may name it: words that nobody knows are not written down."""
    return {"verb": verb} if verb in IMAGE_VERBS or verb in set(Verb) else {}


def refuse_ticket(reason: str) -> Refused:
    """Return the refusal for a reason code."""
    return Refused("the ticket does not permit this", hint=_HINTS.get(reason, _ASK), reason=reason)

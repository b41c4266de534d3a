"""Trust policies: which logs and witnesses count, and how many witnesses make a quorum (C2SP tlog-policy).

Owns the file format and its evaluation. It must never fetch a key or a URL itself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from wayseal.ledger.checkpoint import Checkpoint, GoodSignature, parse_checkpoint, verify_signatures
from wayseal.ledger.note import KeyKind, VerifierKey, parse_note, parse_vkey
from wayseal.model.errors import Invalid, LedgerBroken, Refused

MAX_POLICY = 256 * 1024
MAX_LINES = 1000
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_LOG_KINDS = (KeyKind.ED25519, KeyKind.MLDSA44_COSIGNATURE)
_WITNESS_KINDS = (KeyKind.ED25519_COSIGNATURE, KeyKind.MLDSA44_COSIGNATURE)
NONE = "none"


@dataclass(frozen=True, slots=True)
class Party:
    """A log or a witness: its key and, where it can be reached, its URL."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """At least `threshold` of `members` (witnesses or groups, by name) must have cosigned."""

    threshold: int
    members: tuple[str, ...]


@dataclass(slots=True)
class Policy:
    """Logs, witnesses by name, groups by name, and the name whose word is needed (`none`: nobody's)."""

    logs: list[Party] = field(default_factory=list)
    witnesses: dict[str, Party] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = ""

    def keys(self) -> tuple[VerifierKey, ...]:
        """Return every key the policy trusts."""
        return tuple(party.key for party in (*self.logs, *self.witnesses.values()))

    def is_quorum(self, signed: Iterable[VerifierKey]) -> bool:
        """Say whether cosignatures of these keys are enough."""
        keys = set(signed)
        votes = {name: party.key in keys for name, party in self.witnesses.items()}
        for name, group in self.groups.items():  # members are defined before their group
            votes[name] = sum(votes[member] for member in group.members) >= group.threshold
        return self.quorum == NONE or votes[self.quorum]

    def verify(self, note: str | bytes) -> tuple[Checkpoint, list[GoodSignature]]:
        """Return the checkpoint and its good signatures, when a listed log signed it and the quorum cosigned it.

        Raises `LedgerBroken` for a wrong or missing log signature, `Refused` when only the quorum is missing.
        """
        parsed = parse_note(note)
        checkpoint = parse_checkpoint(parsed.text)
        good = verify_signatures(parsed, self.keys())
        signed = {signature.key for signature in good}
        if not any(log.key in signed and log.key.name == checkpoint.origin for log in self.logs):
            raise LedgerBroken("no log of the policy signed this checkpoint", origin=checkpoint.origin)
        if not self.is_quorum(signed):
            raise Refused(
                "too few witnesses of the policy cosigned this checkpoint",
                hint="Publish it to the witnesses again, or wait for one that is down.",
                size=checkpoint.size, cosigned=len(signed - {log.key for log in self.logs}),
            )  # fmt: skip
        return checkpoint, good


def parse_policy(data: bytes | str) -> Policy:
    """Return the policy a file spells. Raises `Invalid`, naming the line, for anything the specification forbids."""
    octets = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if len(octets) > MAX_POLICY or octets.count(b"\n") > MAX_LINES:
        raise Invalid("a policy that is too long")
    policy = Policy()
    taken: set[str] = set()
    # Latin-1 keeps every octet one character: names above 0x7F are opaque, as the specification wants.
    for number, line in enumerate(octets.split(b"\n"), start=1):
        if _FORBIDDEN.search(line):
            raise Invalid(f"line {number} of the policy has a control character")
        words = re.split("[ \t]+", line.decode("latin-1").strip(" \t"))
        if words == [""] or words[0].startswith("#"):
            continue
        try:
            _read_line(policy, taken, words)
        except Invalid as error:
            raise Invalid(f"line {number} of the policy: {error}", hint=error.hint) from None
    if not policy.quorum:
        raise Invalid("a policy needs one quorum line", hint="Write 'quorum none' to need no witness.")
    return policy


def _read_line(policy: Policy, taken: set[str], words: list[str]) -> None:
    match words:
        case ["log", vkey, *url] if len(url) <= 1:
            key = _read_key(vkey, _LOG_KINDS, (party.key for party in policy.logs))
            policy.logs.append(Party(key, _read_url(url)))
        case ["witness", name, vkey, *url] if len(url) <= 1:
            _check_new(policy, name)
            known = (party.key for party in policy.witnesses.values())
            policy.witnesses[name] = Party(_read_key(vkey, _WITNESS_KINDS, known), _read_url(url))
        case ["group", name, threshold, *members] if members:
            _check_new(policy, name)
            policy.groups[name] = _read_group(policy, taken, threshold, members)
        case ["quorum", name]:
            if policy.quorum:
                raise Invalid("a second quorum")
            if name != NONE and name not in policy.witnesses and name not in policy.groups:
                raise Invalid("the quorum is not defined before it is named")
            policy.quorum = name
        case _:
            raise Invalid("not a line of a policy", hint="Lines begin with log, witness, group or quorum.")


def _read_key(vkey: str, kinds: tuple[KeyKind, ...], known: Iterable[VerifierKey]) -> VerifierKey:
    key = parse_vkey(vkey.encode("latin-1").decode("utf-8", "replace"))
    if key.kind not in kinds:
        raise Invalid("a key of a type that does not fit its role")
    if key.public in {other.public for other in known}:
        raise Invalid("a key that is there already")
    return key


def _read_url(words: list[str]) -> str | None:
    if words and not re.match(r"https?://", words[0]):
        raise Invalid("a URL that is not http or https")
    return words[0] if words else None


def _check_new(policy: Policy, name: str) -> None:
    if name == NONE or name in policy.witnesses or name in policy.groups:
        raise Invalid("a name that is there already")


def _read_group(policy: Policy, taken: set[str], threshold: str, members: list[str]) -> Group:
    for member in members:
        if member not in policy.witnesses and member not in policy.groups:
            raise Invalid("a group member that is not defined before it is named")
        if member in taken:
            raise Invalid("a group member that is a member already")
        taken.add(member)
    named = {"any": 1, "all": len(members)}.get(threshold)
    if named is None and not re.fullmatch("[1-9][0-9]{0,3}", threshold, re.ASCII):
        raise Invalid("a threshold that is neither any, all nor a number")
    count = int(threshold) if named is None else named
    if count > len(members):
        raise Invalid("a threshold above the number of members")
    return Group(count, tuple(members))

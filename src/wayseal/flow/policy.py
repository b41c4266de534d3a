"""Who may open what, and why: Cedar policies, parsed once, validated against a schema, denied by default.

An answer names the rule that decided, so that screens and errors can show it. Nothing here opens, logs or stores.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import cedarpy

from wayseal.model.custody import Kind, Purpose, SealHeader
from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import RecordId, epoch_id

_RULE_ID = re.compile(r'^@id\("([a-z0-9-]+)"\)', re.MULTILINE)
_RULE = re.compile(r"^(permit|forbid)\b", re.MULTILINE)
_RULE_TEXT = re.compile(r'^@id\("([a-z0-9-]+)"\)\s*((?:permit|forbid)\b[^;]*;)', re.MULTILINE)
DEFAULT_RULE = "deny-by-default"
_NONE = "0" * 64
_CLASS = "citizen"
DEFAULT_TEXT = "Nothing is permitted that no rule permits."


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, or a process, that asks. `id` is a staff or service id, never a traveller."""

    id: str
    role: str
    organisation: str
    suspended: bool = False
    training_valid: bool = True


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How something is asked, as far as the gate has found out by itself. The defaults are those of an ordinary request.

    `bulk`: many pictures at once or in an hour. `out_of_lane`: they work under a grant, and it does not cover this lane.
    `granted`: a grant of theirs in force covers it. `witnesses`: the keyroom has a witness policy. `witnessed`: its quorum
    has cosigned a checkpoint over this intent. `approvals`: of other people of other roles.
    """

    bulk: bool = False
    after_hours: bool = False
    out_of_lane: bool = False
    granted: bool = False
    witnesses: bool = False
    witnessed: bool = False
    approvals: int = 0

    def facts(self) -> dict[str, bool | int]:
        """Return them by the names that the rules use."""
        return {
            "bulk": self.bulk, "after_hours": self.after_hours, "out_of_lane": self.out_of_lane, "granted": self.granted,
            "witnesses": self.witnesses, "witnessed": self.witnessed, "approvals": self.approvals,
        }  # fmt: skip


USUAL = Circumstances()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy said: yes or no, by which rule and its text, under which version of the rules (SHA-256)."""

    allowed: bool
    rule: str
    policy_sha256: str
    text: str


class Policy:
    """A site's rules, ready to be asked thousands of times a second."""

    def __init__(self, text: str, *, zone: str = "UTC") -> None:
        """Parse and validate rules. Raises `Invalid` for a rule without @id, a syntax error or a misspelt attribute."""
        schema = files("wayseal.flow").joinpath("rules/schema.cedarschema").read_text(encoding="utf-8")
        self._names: list[str] = _RULE_ID.findall(text)
        if len(self._names) != len(_RULE.findall(text)) or len(set(self._names)) != len(self._names):
            raise Invalid(
                "each policy rule needs an @id of its own", hint="Write @id(...) before permit or forbid."
            )
        verdict = cedarpy.validate_policies(text, schema)
        if not verdict.validation_passed:
            raise Invalid(
                f"the policy does not fit its schema: {verdict.errors[0]}", hint="Mend the rule it names."
            )
        self._schema = cedarpy.Schema.from_str(schema)
        self._rules = cedarpy.PolicySet.from_str(text)
        self._zone = ZoneInfo(zone)
        self._texts = {name: re.sub(r"\s+", " ", rule) for name, rule in _RULE_TEXT.findall(text)}
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()

    def local_hour(self, now: datetime) -> int:
        """Return the hour that the site's clocks show, 0 to 23."""
        return now.astimezone(self._zone).hour

    def ask(
        self,
        who: Principal,
        action: str,
        header: SealHeader,
        purpose: Purpose,
        now: datetime,
        *,
        how: Circumstances = USUAL,
    ) -> Ruling:
        """Return whether `who` may do `action` to the record for `purpose`, and by which rule."""
        request = {
            "principal": {"type": "Principal", "id": who.id},
            "action": {"type": "Action", "id": action},
            "resource": {"type": "Record", "id": header.object_id},
            "context": {"purpose": purpose.value, "local_hour": self.local_hour(now), **how.facts()},
        }
        answer = cedarpy.is_authorized(request, self._rules, _entities(who, header), self._schema)
        rule = self._name_rule(answer)
        return Ruling(answer.allowed, rule, self.sha256, self._texts.get(rule, DEFAULT_TEXT))

    def verify(
        self,
        who: Principal,
        action: str,
        header: SealHeader,
        purpose: Purpose,
        now: datetime,
        *,
        how: Circumstances = USUAL,
    ) -> Ruling:
        """Return the ruling when it allows. Raises `Refused` naming the rule, and saying its text, otherwise."""
        ruling = self.ask(who, action, header, purpose, now, how=how)
        if not ruling.allowed:
            raise Refused(
                f"{who.role} may not {action} a {header.kind.value} for {purpose.value}",
                rule=ruling.rule,
                text=ruling.text,
                record=header.object_id,
            )
        return ruling

    def _name_rule(self, answer: cedarpy.AuthzResult) -> str:
        """Return the @id of the first rule that decided; Cedar itself reports positions in the file."""
        deciding = sorted(answer.diagnostics.reasons)
        if not deciding:
            return DEFAULT_RULE
        return self._names[int(deciding[0].removeprefix("policy"))]


def default_rules() -> str:
    """Return the text of the rules that a new site starts with."""
    return files("wayseal.flow").joinpath("rules/default.cedar").read_text(encoding="utf-8")


def _entities(who: Principal, header: SealHeader) -> str:
    """Return the two entities of one request as Cedar JSON."""
    return json.dumps([
        {
            "uid": {"type": "Principal", "id": who.id},
            "attrs": {
                "organisation": who.organisation, "suspended": who.suspended, "training_valid": who.training_valid,
            },
            "parents": [{"type": "Role", "id": who.role}],
        },
        {
            "uid": {"type": "Record", "id": header.object_id},
            "attrs": {
                "kind": header.kind.value, "record_class": header.record_class, "lane": header.lane, "opted_out": False,
            },
            "parents": [],
        },
    ])  # fmt: skip


def describe_picture(object_id: str, lane: str, now: datetime) -> SealHeader:
    """Return the header of a face that a lane might take now: what the rules are asked about where there is no record yet."""
    return SealHeader(
        RecordId(object_id), lane, _NONE, epoch_id(_CLASS, now), _CLASS, Kind.FACE, 0, _NONE, now
    )

"""The site's rules: deny by default, vendors never, and an answer that names its rule."""

from datetime import UTC, datetime

import pytest

from wayseal.flow.policy import DEFAULT_RULE, Policy, Principal, default_rules
from wayseal.model.custody import Kind, Purpose, SealHeader
from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import EpochId, RecordId

NOW = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)


def header(kind: Kind = Kind.FACE) -> SealHeader:
    """A sealed record's header of some kind."""
    return SealHeader(
        RecordId("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"), "lane1", "0" * 64, EpochId("citizen/2026-11-22T07Z"), "citizen", kind, 4096,
        "0" * 64, NOW,
    )  # fmt: skip


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The rules that a new site starts with."""
    return Policy(default_rules())


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("action", ["open", "rewrap", "decide", "hold"])
def test_vendor_never(policy: Policy, kind: Kind, purpose: Purpose, action: str) -> None:
    """A vendor's role is forbidden every verb on every kind for every purpose."""
    ruling = policy.ask(Principal("v1", "vendor", "prime"), action, header(kind), purpose, NOW)
    assert (ruling.allowed, ruling.rule) == (False, "vendors-never-see-records")


def test_unknown_role_is_denied(policy: Policy) -> None:
    """Whoever no rule names gets nothing, and is told that no rule permits it."""
    ruling = policy.ask(
        Principal("x", "stranger", "agency"), "open", header(), Purpose.PRIMARY_INSPECTION, NOW
    )
    assert (ruling.allowed, ruling.rule) == (False, DEFAULT_RULE)


def test_officer_opens_face_not_template(policy: Policy) -> None:
    """An officer sees pictures for an inspection, and never a template."""
    officer = Principal("o1", "officer", "agency")
    assert policy.verify(officer, "open", header(), Purpose.PRIMARY_INSPECTION, NOW).allowed
    with pytest.raises(Refused) as refusal:
        policy.verify(officer, "open", header(Kind.TEMPLATE), Purpose.PRIMARY_INSPECTION, NOW)
    assert refusal.value.facts["rule"] == DEFAULT_RULE


def test_matcher_opens_template_not_face(policy: Policy) -> None:
    """The matcher reads templates and never pictures."""
    matcher = Principal("matcher", "matcher", "agency")
    assert policy.verify(matcher, "open", header(Kind.TEMPLATE), Purpose.MATCHING, NOW).allowed
    with pytest.raises(Refused):
        policy.verify(matcher, "open", header(Kind.FACE), Purpose.MATCHING, NOW)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"suspended": True}, "suspended-organisations-do-nothing"),
        ({"training_valid": False}, "expired-training-closes-access"),
    ],
)
def test_standing_closes_access(policy: Policy, change: dict[str, bool], rule: str) -> None:
    """A suspended organisation or expired training closes what the role would allow."""
    officer = Principal("o1", "officer", "agency", **change)
    ruling = policy.ask(officer, "open", header(), Purpose.PRIMARY_INSPECTION, NOW)
    assert (ruling.allowed, ruling.rule) == (False, rule)


@pytest.mark.parametrize(
    "text",
    [
        "permit (principal, action, resource);",
        '@id("a") permit (principal, action, resource) when { resource.kidn == "face" };',
        '@id("a") permit (principal, action',
        '@id("a")\npermit (principal, action, resource);\n@id("a")\npermit (principal, action, resource);',
    ],
    ids=["no-id", "misspelt-attribute", "syntax", "same-id-twice"],
)
def test_bad_rules_refuse_to_start(text: str) -> None:
    """Rules that cannot be named, parsed or type-checked are refused when the site starts, not at the booth."""
    with pytest.raises(Invalid):
        Policy(text)

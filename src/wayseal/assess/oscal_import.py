"""Read a vendor's component-definition: what its model claims to meet, by control and probe.

A claim is only a claim: nothing here passes a probe. Links of the document are never followed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from wayseal.assess.catalogue import ProbeSpec
from wayseal.assess.oscal_parts import Json, control_id
from wayseal.assess.oscal_read import UUID, list_of, list_things, parse_document, read_prop, text_of
from wayseal.model.errors import Invalid

COMPONENT_LIMIT: Final = 1024 * 1024
COMPONENTS_LIMIT: Final = 200
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ +/-]{0,62}")
_CONTROL_ID = re.compile(r"[a-z]{2}-\d{1,2}(\.\d{1,2})?")


@dataclass(frozen=True, slots=True)
class Component:
    """What one model claims: the controls, and the probes by which each is to be tested. `other` are controls without a probe of ours."""

    model: str
    uuid: str
    controls: tuple[str, ...]
    probes: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComponentFile:
    """A vendor's document: its models, and its exact bytes by digest."""

    uuid: str
    components: tuple[Component, ...]
    sha256: str
    data: bytes = field(repr=False)


def read_component_file(data: bytes, probes: tuple[ProbeSpec, ...]) -> ComponentFile:
    """Return what a component-definition says.

    Raises `Invalid` for more than 1 MB, anything that is not a strict OSCAL component-definition, a repeated or malformed UUID,
    no component or more than 200, two of one model, a malformed control, a probe that the catalogue does not have or that does
    not test the control it stands under, or a document that builds on others.
    """
    if len(data) > COMPONENT_LIMIT:
        raise Invalid("the component-definition is larger than 1 MB")
    root, body = parse_document(data)
    if root != "component-definition":
        raise Invalid(
            f"a {root} is not a component-definition", hint="Ask the vendor for its component-definition."
        )
    if "import-component-definitions" in body:
        raise Invalid("the component-definition builds on others", hint="Ask for one that stands alone.")
    _check_uuids(body, root)
    found = tuple(_read_component(one, probes) for one in list_of(body, "components"))
    if not 1 <= len(found) <= COMPONENTS_LIMIT or len({one.model for one in found}) != len(found):
        raise Invalid("the component-definition has no component, too many, or two of one model")
    return ComponentFile(text_of(body, "uuid"), found, sha256(data).hexdigest(), data)


def _check_uuids(body: Json, root: str) -> None:
    """Raise `Invalid` unless the document and each of its things have a UUID of their own."""
    uuids = [thing.uuid for thing in list_things("", root, body)]
    if text_of(body, "uuid") not in uuids or len(set(uuids)) != len(uuids):
        raise Invalid("the component-definition has no UUID, or one that stands for two things")
    if not all(UUID.fullmatch(one) for one in uuids):
        raise Invalid("the component-definition has a malformed UUID")


def _read_component(one: Json, probes: tuple[ProbeSpec, ...]) -> Component:
    """Return one component."""
    model = text_of(one, "title")
    if not _MODEL.fullmatch(model) or not UUID.fullmatch(text_of(one, "uuid")) or not text_of(one, "type"):
        raise Invalid(
            "a component needs a UUID, a type, and its model as title",
            hint="A model has up to 63 plain characters.",
        )
    claims = list(_list_claims(one, {probe.id: probe for probe in probes}))
    return Component(
        model=model,
        uuid=text_of(one, "uuid"),
        controls=tuple(sorted({control for control, _ in claims})),
        probes=tuple(sorted({probe for _, probe in claims if probe is not None})),
        other=tuple(sorted({control for control, probe in claims if probe is None})),
    )  # fmt: skip


def _list_claims(one: Json, known: dict[str, ProbeSpec]) -> Iterator[tuple[str, str | None]]:
    """Give (control, probe or None) of each implemented requirement of a component."""
    for implementation in list_of(one, "control-implementations"):
        for requirement in list_of(implementation, "implemented-requirements"):
            control, probe = text_of(requirement, "control-id"), read_prop(requirement, "probe-id")
            if not _CONTROL_ID.fullmatch(control):
                raise Invalid("a control id is not of SP 800-53 r5", hint="Ids look like mp-7 or ac-20.2.")
            if probe is not None and (
                probe not in known or control not in map(control_id, known[probe].controls)
            ):
                raise Invalid("a probe that does not test the control it stands under")
            yield control, probe

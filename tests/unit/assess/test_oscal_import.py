"""A vendor's component-definition: read strictly, never believed beyond a claim, and never able to break the reader."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oscalparts import make_dossier

from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.oscal_import import COMPONENT_LIMIT, read_component_file
from wayseal.assess.oscal_read import parse_document
from wayseal.assess.oscal_rules import make_component_definition
from wayseal.model.errors import Invalid

PROBES = load_catalogue()


def vendor_document() -> Any:
    """A vendor's own document: one of ours, with a claim about a control that no probe of ours tests."""
    document = make_component_definition(make_dossier(), "edge-box-2")
    component = document["component-definition"]["components"][0]
    component["control-implementations"][0]["implemented-requirements"].append({
        "uuid": "22222222-2222-4222-8222-222222222222", "control-id": "pe-20", "description": "Asset tracking.",
    })  # fmt: skip
    return document


def read(document: object) -> Any:
    """Read a document."""
    return read_component_file(json.dumps(document).encode(), PROBES)


def test_read_component() -> None:
    """The model, its controls and its probes are read; a control without a probe of ours is told apart."""
    found = read(vendor_document())
    (component,) = found.components
    assert component.model == "edge-box-2"
    assert "p03" in component.probes
    assert "ac-20.2" in component.controls
    assert component.other == ("pe-20",)


def _change(document: Any, path: str, value: object) -> Any:
    holder = document["component-definition"]
    *steps, last = path.split(".")
    for step in steps:
        holder = holder[int(step) if step.isdigit() else step]
    holder[int(last) if last.isdigit() else last] = value
    return document


REQUIREMENT = "components.0.control-implementations.0.implemented-requirements.0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("components", []),
        ("components.0.title", "x" * 80),
        ("components.0.title", "name\nforged: line"),
        ("components.0.uuid", "not-a-uuid"),
        ("uuid", None),
        (f"{REQUIREMENT}.control-id", "mp-7; drop"),
        (f"{REQUIREMENT}.control-id", "sc-8"),
        (f"{REQUIREMENT}.uuid", "22222222-2222-4222-8222-222222222222"),
        ("import-component-definitions", [{"href": "https://vendor.example/more.json"}]),
        ("metadata.oscal-version", "3.0.0"),
    ],
)
def test_refuse_component(path: str, value: object) -> None:
    """Each thing that a component-definition may not be is refused."""
    with pytest.raises(Invalid):
        read(_change(vendor_document(), path, value))


def test_two_models() -> None:
    """One document may not speak twice for one model."""
    document = vendor_document()
    document["component-definition"]["components"] *= 2
    with pytest.raises(Invalid):
        read(document)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"catalog": {}}', b'{"component-definition": []}', b"\xff\xfe", b'{"a": NaN}',
        b'{"component-definition": {"uuid": "1", "uuid": "2"}}', b'{"x":' * 60 + b"1" + b"}" * 60,
        b" " * (COMPONENT_LIMIT + 1), b"[" * 100_000,
    ],
)  # fmt: skip
def test_refuse_bytes(data: bytes) -> None:
    """Bytes that are no strict component-definition are refused before anything else looks at them."""
    with pytest.raises(Invalid):
        read_component_file(data, PROBES)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_NAMES = st.sampled_from(
    [
        "uuid",
        "metadata",
        "components",
        "title",
        "type",
        "props",
        "control-implementations",
        "implemented-requirements",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_NAMES, _JSON, max_size=6), _NAMES, _JSON)
def test_fuzz_component(body: dict[str, object], name: str, junk: object) -> None:
    """Any JSON in any place is refused, or read as it says; the reader never breaks."""
    whole = vendor_document()
    whole["component-definition"]["components"][0][name] = junk
    made = {"component-definition": {"metadata": {"oscal-version": "1.2.1"}, **body}}
    for document in (whole, made):
        try:
            found = read(document)
        except Invalid:
            continue
        assert json.loads(found.data) == document
        listed = document["component-definition"]["components"]
        assert [(one.model, one.uuid) for one in found.components] == [
            (one["title"], one["uuid"]) for one in listed
        ]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_fuzz_bytes(data: bytes) -> None:
    """No bytes break the reader of documents."""
    with pytest.raises(Invalid):
        parse_document(data)

"""Read somebody's OSCAL: strictly, within limits, and as an index of everything that has a UUID.

Owns parsing only: it decides nothing, and it never follows a path or address that a document names.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from wayseal.assess.oscal_parts import NAMESPACE, Json
from wayseal.model.errors import Invalid

DOCUMENT_LIMIT: Final = 16 * 1024 * 1024
DEPTH_LIMIT: Final = 40
ROOTS: Final = (
    "catalog", "profile", "component-definition", "system-security-plan", "assessment-plan", "assessment-results",
    "plan-of-action-and-milestones",
)  # fmt: skip
UUID: Final = re.compile(
    r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[45][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}"
)
_SUPPORTED = re.compile(r"1\.[0-2](\.\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Thing:
    """One object with a UUID: where it stands, and what it is by the list that holds it (`observations`, `parties`, ...)."""

    document: str
    kind: str
    uuid: str
    body: Json = field(repr=False)


def parse_document(data: bytes) -> tuple[str, Json]:
    """Return (root name, the object under it) of one OSCAL document in JSON.

    Raises `Invalid` for bytes beyond 16 MB, text that is not UTF-8 or JSON, a repeated member, numbers that are not finite,
    nesting beyond 40, more than one root, an unknown root, or a version of OSCAL other than 1.0 to 1.2.
    """
    value = parse_json(data)
    if len(value) != 1:
        raise Invalid("an OSCAL document has one root")
    root, body = next(iter(value.items()))
    if root not in ROOTS or not isinstance(body, dict):
        raise Invalid("not an OSCAL document", hint="Its root is one of: " + ", ".join(ROOTS))
    about = body.get("metadata")
    version = about.get("oscal-version") if isinstance(about, dict) else None
    if not isinstance(version, str) or not _SUPPORTED.fullmatch(version):
        raise Invalid("the document is of another OSCAL version", hint="Versions 1.0 to 1.2 are read.")
    return root, body


def parse_json(data: bytes) -> Json:
    """Return a JSON object, strictly. Raises `Invalid`."""
    if len(data) > DOCUMENT_LIMIT:
        raise Invalid("the document is larger than 16 MB")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_no_repeats, parse_constant=_no_constant)
        _check_depth(value)
    except (ValueError, RecursionError):
        raise Invalid("the document is not strict JSON", hint="Check it with any JSON tool.") from None
    if not isinstance(value, dict):
        raise Invalid("the document is not a JSON object")
    return value


def _no_repeats(pairs: list[tuple[str, Any]]) -> Json:
    """Return an object, or raise `ValueError` when a member is named twice."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


def _no_constant(_: str) -> None:
    """Raise `ValueError`: NaN and Infinity are not JSON."""
    raise ValueError


def _check_depth(value: object, depth: int = 0) -> None:
    """Raise `ValueError` beyond the limit."""
    if depth > DEPTH_LIMIT:
        raise ValueError
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for member in members:
        _check_depth(member, depth + 1)


def walk(value: object, kind: str = "") -> Iterator[tuple[str, Json]]:
    """Give every object below a value with the name of the member or list that holds it, the outer ones first."""
    if isinstance(value, dict):
        yield kind, value
        for name, member in value.items():
            yield from walk(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from walk(member, kind)


def list_things(document: str, root: str, body: Json) -> Iterator[Thing]:
    """Give every object of a document that has a UUID."""
    for kind, one in walk(body, root):
        if isinstance(one.get("uuid"), str):
            yield Thing(document, kind, one["uuid"], one)


def list_of(holder: object, name: str) -> list[Json]:
    """Return the objects in a list member, and nothing when it is absent or something else."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text_of(holder: object, name: str) -> str:
    """Return a text member, or an empty text."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, str) else ""


def read_prop(holder: object, name: str) -> str | None:
    """Return the value of one property of ours, or None."""
    for one in list_of(holder, "props"):
        if one.get("name") == name and one.get("ns") == NAMESPACE:
            return text_of(one, "value") or None
    return None

"""What is declared of a device before anybody looks: facts, the plan of its network, its quoting key, signed documents, signers' keys.

Kept as definitions in the register, each with its digest on the ledger. Owns their names and how they are read; judges nothing.
"""

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection

from wayseal.assess.document.view import Document
from wayseal.assess.host.facts import HostFacts
from wayseal.assess.outside.view import (
    Account,
    Camera,
    CloudPlan,
    EgressPlan,
    InboundPlan,
    LanePlan,
    Managed,
    Peer,
    TimePlan,
)
from wayseal.flow.oversee.register import add_component
from wayseal.model.clock import to_text
from wayseal.model.errors import Integrity, Invalid, NotFound
from wayseal.model.ids import check_name
from wayseal.seal.suite import sha256
from wayseal.store.engine import read
from wayseal.store.oversight.equipment import get_component, list_components

if TYPE_CHECKING:
    from wayseal.station.site import Site

KINDS = ("facts", "plan", "quote", "document", "key", "accounts")
_STRICT = ConfigDict(extra="forbid", frozen=True)
"""The dataclasses inside a paper take it over: a misspelt field of a declaration is an error."""


class _FactsPaper(BaseModel):
    model_config = _STRICT
    facts: HostFacts


class _PlanPaper(BaseModel):
    model_config = _STRICT
    cameras: tuple[Camera, ...] | None = None
    managed: tuple[Managed, ...] | None = None
    peer: Peer | None = None
    lane: LanePlan | None = None
    inbound: InboundPlan | None = None
    cloud: CloudPlan | None = None
    time: TimePlan | None = None
    egress: EgressPlan | None = None
    inserted_at: AwareDatetime | None = None


class _AccountsPaper(BaseModel):
    model_config = _STRICT
    accounts: tuple[Account, ...]
    exported_at: AwareDatetime


class _DocumentPaper(BaseModel):
    model_config = _STRICT
    data: Base64Bytes
    signature: Base64Bytes
    filed_at: AwareDatetime


Paper = TypeVar("Paper", bound=BaseModel)


def paper_name(kind: str, of: str, part: str = "") -> str:
    """Return under which name a paper is kept: `facts.host-1`, `document.host-1.sbom`."""
    if kind not in KINDS:
        raise Invalid("there is no such kind of paper", hint=f"One of {', '.join(KINDS)}.")
    return check_name(".".join(part_ for part_ in (kind, of, part) if part_), what="paper")


def file_paper(site: "Site", name: str, body: bytes, *, actor: str) -> str:
    """Keep a paper after reading it once, and return its digest, which is on the ledger. Raises `Invalid` for one that cannot be read."""
    kind = name.split(".", 1)[0]
    if kind == "facts":
        body = _read_facts(body).encode()
    elif kind == "plan":
        decode_plan(body)
    elif kind == "accounts":
        decode_accounts(body)
    elif kind == "key":
        decode_keys(body)
    return add_component(site.oversight, name, body, actor=actor)


def sign_paper(data: bytes, signature: bytes, filed_at: datetime) -> bytes:
    """Return a document with its detached signature as one paper."""
    fields_ = {"data": data, "signature": signature}
    texts = {name: base64.b64encode(value).decode() for name, value in fields_.items()}
    return json.dumps({**texts, "filed_at": to_text(filed_at)}).encode()


def read_paper(site: "Site", name: str) -> bytes | None:
    """Return a paper, or None when there is none. Raises `Integrity` when it is not the one whose digest the ledger has."""
    with read(site.store.engine) as rows:
        try:
            return _get_paper(site, rows, name)
        except NotFound:
            return None


def _get_paper(site: "Site", rows: Connection, name: str) -> bytes:
    """Return a paper that is there. The database alone cannot say what a host must show, or whose signature counts."""
    body = get_component(rows, name)
    entries = (site.ledger.entry(index) for index in reversed(site.ledger.find(type="register", object=name)))
    newest = next((one["component_sha256"] for one in entries if one["register"] == "component"), None)
    if newest != sha256(body).hex():
        raise Integrity(
            "a paper is not the one on the ledger", hint="Somebody wrote in the database. File it again.", paper=name
        )  # fmt: skip
    return body


def read_facts(site: "Site", device: str) -> HostFacts:
    """Return what is declared of a host; the defaults where nothing is."""
    body = read_paper(site, paper_name("facts", device))
    return HostFacts() if body is None else _read_facts(body)


def read_documents(site: "Site", device: str) -> dict[str, Document]:
    """Return the documents filed for a device, by name."""
    prefix = paper_name("document", device) + "."
    with read(site.store.engine) as rows:
        bodies = {
            name.removeprefix(prefix): _get_paper(site, rows, name)
            for name in list_components(rows)
            if name.startswith(prefix)
        }
    return {name: _read_document(body) for name, body in bodies.items()}


def read_signers(site: "Site") -> dict[str, tuple[bytes, ...]]:
    """Return the registered public keys of each organisation."""
    with read(site.store.engine) as rows:
        return {
            name.removeprefix("key."): decode_keys(_get_paper(site, rows, name))
            for name in list_components(rows)
            if name.startswith("key.")
        }


def decode_keys(body: bytes) -> tuple[bytes, ...]:
    """Return raw Ed25519 public keys, one in hexadecimal a line. Raises `Invalid`."""
    try:
        keys = tuple(bytes.fromhex(line) for line in body.decode("ascii").split())
    except ValueError:
        keys = ()
    if not keys or any(len(key) != 32 for key in keys):
        raise Invalid("not a list of Ed25519 public keys", hint="64 hexadecimal digits a line.")
    return keys


def decode_accounts(body: bytes) -> tuple[tuple[Account, ...], datetime]:
    """Return the identity provider's accounts and when they were exported. Raises `Invalid`."""
    paper = _read(_AccountsPaper, body)
    return paper.accounts, paper.exported_at


def decode_plan(body: bytes) -> dict[str, Any]:
    """Return the parts of an outside view that a plan file names (`cameras`, `managed`, `peer`, `lane`, `inbound`, `cloud`, `time`, `egress`, `inserted_at`). Raises `Invalid`."""
    paper = _read(_PlanPaper, body)
    return {name: getattr(paper, name) for name in paper.model_fields_set}


def outside_parts(site: "Site", device: str) -> dict[str, Any]:
    """Return what a device's plan says, ready for `OutsideView`."""
    body = read_paper(site, paper_name("plan", device))
    return {} if body is None else decode_plan(body)


def _read_facts(body: bytes) -> HostFacts:
    return _read(_FactsPaper, b'{"facts":' + body + b"}").facts


def _read_document(body: bytes) -> Document:
    paper = _read(_DocumentPaper, body)
    return Document(paper.data, paper.signature, paper.filed_at)


def _read(kind: type[Paper], body: bytes) -> Paper:
    """Return a paper from its JSON. Raises `Invalid` naming the place, never the value."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"a paper that cannot be read: {first['msg']}", place=place[:200]) from None

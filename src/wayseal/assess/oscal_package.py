"""Read a package's folder back: its manifest, its documents and its evidence (rules 1 to 3 of `oscal_check`).

Never follows a link and never reads a path that the manifest does not name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from wayseal.assess.oscal import FORMAT, MANIFEST
from wayseal.assess.oscal_parts import Json
from wayseal.assess.oscal_read import DOCUMENT_LIMIT, UUID, Thing, list_things, parse_document, parse_json
from wayseal.model.clock import from_text
from wayseal.model.errors import Integrity, Invalid

FILES_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong: by which rule, in which document, and what."""

    rule: int
    document: str
    what: str


@dataclass(frozen=True, slots=True)
class Package:
    """What a folder holds. `documents` are (root, body) by path; `evidence` are the digests that have a file."""

    site: str
    made: datetime
    manifest_sha256: str
    files: dict[str, str]
    documents: dict[str, tuple[str, Json]] = field(repr=False)
    things: tuple[Thing, ...] = field(repr=False)
    evidence: frozenset[str] = field(repr=False)

    def bodies(self, root: str) -> list[tuple[str, Json]]:
        """Return (path, body) of every document of one kind."""
        return [(path, body) for path, (kind, body) in self.documents.items() if kind == root]


def read_package(folder: Path) -> tuple[Package, list[Fault]]:
    """Return a folder's package and what is wrong by rules 1 to 3. Raises `Integrity` without a readable manifest."""
    try:
        raw = _read_file(folder / MANIFEST)
        manifest = parse_json(raw)
        files = manifest["files"]
        site, made = str(manifest["site"]), from_text(str(manifest["made"]))
        named = manifest["format"] == FORMAT and all(isinstance(one, str) for one in files.values())
    except (Invalid, OSError, KeyError, AttributeError):
        raise Integrity("there is no readable package.json here") from None
    if not named:
        raise Integrity("package.json is of another format")
    faults, data = _read_files(folder, files)
    documents: dict[str, tuple[str, Json]] = {}
    for path, content in data.items():
        if path.endswith(".json"):
            try:
                documents[path] = parse_document(content)
            except Invalid as error:
                faults.append(Fault(2, path, str(error)))
    things = tuple(thing for path, found in documents.items() for thing in list_things(path, *found))
    evidence = frozenset(files[path] for path in data if path.startswith("evidence/"))
    package = Package(site, made, sha256(raw).hexdigest(), files, documents, things, evidence)
    return package, [*faults, *_check_required(package), *_check_identity(things)]


def _read_file(path: Path) -> bytes:
    """Return a file's bytes. Raises `Invalid` for a link, anything that is no file, or one beyond the limit."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > DOCUMENT_LIMIT:
        raise Invalid("not a plain file within the limit")
    return path.read_bytes()


def _read_files(folder: Path, files: dict[str, str]) -> tuple[list[Fault], dict[str, bytes]]:
    """Return what is wrong by rule 1, and the bytes of every file that is as the manifest says."""
    faults, data = [], {}
    present = [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    ]
    if len(present) > FILES_LIMIT:
        raise Integrity("the package has too many files", files=len(present))
    faults += [
        Fault(1, path, "a file that the manifest does not list")
        for path in present
        if path not in files and path != MANIFEST and not path.startswith(MANIFEST + ".")
    ]
    for path, digest in files.items():
        try:
            content = _read_file(folder / path) if path in present else None
        except Invalid:
            content = None
        if content is None:
            faults.append(Fault(1, path, "a file that the manifest lists is not there"))
        elif sha256(content).hexdigest() != digest:
            faults.append(Fault(1, path, "a file has another digest than the manifest says"))
        else:
            data[path] = content
    return faults, data


def _check_required(package: Package) -> Iterator[Fault]:
    """Give what is missing by rule 2."""
    for root in ("catalog", "profile", "system-security-plan", "assessment-plan"):
        if len(package.bodies(root)) != 1:
            yield Fault(2, "", f"there is not exactly one {root}")


def _check_identity(things: tuple[Thing, ...]) -> Iterator[Fault]:
    """Give what is wrong by rule 3."""
    first: dict[str, Thing] = {}
    for thing in things:
        if not UUID.fullmatch(thing.uuid):
            yield Fault(3, thing.document, f"a malformed UUID among the {thing.kind}")
        known = first.setdefault(thing.uuid, thing)
        if known is thing:
            continue
        if known.document == thing.document or known.kind != thing.kind or not _same(known.body, thing.body):
            yield Fault(3, thing.document, f"two things share the UUID {thing.uuid}")


def _same(one: Json, other: Json) -> bool:
    """Return whether one thing is a copy of the other; where its evidence lies is told from each document's own place."""
    return {**one, "rlinks": None} == {**other, "rlinks": None}

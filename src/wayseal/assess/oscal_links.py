"""Whether everything that a package names is there: things by UUID, controls, objectives, files (rules 4 to 6)."""

import posixpath
from collections.abc import Iterator

from wayseal.assess.oscal_package import Fault, Package
from wayseal.assess.oscal_parts import Json
from wayseal.assess.oscal_read import list_of, text_of, walk

_KINDS = {
    "observation-uuid": "observations", "finding-uuid": "findings", "risk-uuid": "risks", "activity-uuid": "activities",
    "task-uuid": "tasks", "component-uuid": "components", "party-uuid": "parties", "party-uuids": "parties",
}  # fmt: skip
_TYPED = {
    "inventory-item": "inventory-items",
    "component": "components",
    "party": "parties",
    "user": "users",
    "resource": "resources",
}
_OWN_DOCUMENT = ("observation-uuid", "finding-uuid", "risk-uuid")
_IMPORTS = {
    "import-ssp": "system-security-plan", "import-ap": "assessment-plan", "import-profile": "profile",
}  # fmt: skip


def check_references(package: Package) -> Iterator[Fault]:
    """Give each reference by UUID that names nothing, or a thing of another kind (rule 4).

    Observations, findings and risks must be in the document that refers to them; other things anywhere in the package.
    """
    known = {(thing.kind, thing.uuid) for thing in package.things}
    here = {(thing.kind, thing.uuid, thing.document) for thing in package.things}
    for path, (root, body) in package.documents.items():
        for _, one in walk(body, root):
            for name, kind, uuid in _references(one):
                found = (kind, uuid, path) in here if name in _OWN_DOCUMENT else (kind, uuid) in known
                if not found:
                    yield Fault(4, path, f"a {name} that names none of the {kind or 'things'} there are")


def _references(one: Json) -> Iterator[tuple[str, str, str]]:
    """Give (member, kind of thing that it must name, UUID) of each reference of one object."""
    for name, value in one.items():
        if not name.endswith(("-uuid", "-uuids")):
            continue
        kind = (
            _TYPED.get(text_of(one, "type"), "")
            if name in ("subject-uuid", "actor-uuid")
            else _KINDS.get(name, "")
        )
        for uuid in value if isinstance(value, list) else [value]:
            yield name, kind, uuid if isinstance(uuid, str) else ""


def check_controls(package: Package) -> Iterator[Fault]:
    """Give each control, statement or objective that the catalog does not have (rule 5)."""
    everything = [pair for _, body in package.bodies("catalog") for pair in walk(body)]
    controls = {text_of(one, "id") for kind, one in everything if kind == "controls"}
    parts = {text_of(one, "id") for kind, one in everything if kind == "parts"}
    for path, (root, body) in package.documents.items():
        for kind, one in walk(body, root):
            wanted = {text_of(one, "control-id")} - {""}
            if kind == "include-controls":
                chosen = one.get("with-ids")
                wanted |= {str(text) for text in chosen} if isinstance(chosen, list) else set()
            if wanted - controls:
                yield Fault(5, path, "a control that the catalog does not have")
            named = {text_of(one, "objective-id"), text_of(one, "target-id")} - {""}
            if named - parts:
                yield Fault(5, path, "an objective that the catalog does not have")


def check_hrefs(package: Package) -> Iterator[Fault]:
    """Give each link that leads out of the package, to nothing, or to another kind of document than it must (rule 6)."""
    for path, (root, body) in package.documents.items():
        resources = {text_of(one, "uuid") for one in list_of(body.get("back-matter"), "resources")}
        for kind, one in walk(body, root):
            for name in ("href", "source"):
                link = one.get(name)
                if isinstance(link, str) and not _leads(package, path, kind, link, resources):
                    yield Fault(6, path, f"a link under {kind} that leads to nothing in the package")


def _leads(package: Package, path: str, kind: str, link: str, resources: set[str]) -> bool:
    """Return whether a link leads where it must."""
    if link.startswith("#"):
        return link[1:] in resources
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    wanted = _IMPORTS.get(kind)
    if wanted is not None:
        return package.documents.get(target, ("", {}))[0] == wanted
    return target in package.files

"""Rows of equipment, of the component definitions of its models, and of the agency's own removable media."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection, RowMapping, or_, select

from wayseal.model.errors import Integrity, Invalid, NotFound
from wayseal.model.oversight import Equipment, EquipmentKind, Medium
from wayseal.store.rows import put_row
from wayseal.store.schema_oversight import components, equipment, media

MAX_COMPONENT = 1_000_000
"""Bytes of a component definition."""


def put_equipment(connection: Connection, device: Equipment) -> None:
    """Write one piece of equipment."""
    values = {
        "id": device.id, "kind": device.kind.value, "model": device.model, "serial": device.serial,
        "organisation": device.organisation, "site": device.site, "lane": device.lane,
        "device_sha256": device.device_sha256, "enrolled_at": device.enrolled_at, "changed_at": device.changed_at,
        "retired_at": device.retired_at,
    }  # fmt: skip
    put_row(connection, equipment, values)


def find_equipment(connection: Connection, device: str) -> Equipment | None:
    """Return one piece of equipment, or None."""
    row = connection.execute(select(equipment).where(equipment.c.id == device)).mappings().first()
    return None if row is None else _equipment(row)


def get_equipment(connection: Connection, device: str) -> Equipment:
    """Return one piece of equipment. Raises `NotFound`."""
    found = find_equipment(connection, device)
    if found is None:
        raise NotFound(
            "no such equipment is enrolled",
            hint="Enrol it first: wayseal equipment enrol; those there are: wayseal equipment list.",
            equipment=device,
        )
    return found


def find_serial(connection: Connection, serial: str) -> Equipment | None:
    """Return the equipment with this serial number, in use or retired, or None."""
    row = connection.execute(select(equipment).where(equipment.c.serial == serial)).mappings().first()
    return None if row is None else _equipment(row)


def list_equipment(
    connection: Connection,
    *,
    lane: str | None = None,
    site: str | None = None,
    organisation: str | None = None,
    retired: bool = False,
) -> list[Equipment]:
    """Return equipment in order of id, of one lane, site or organisation where named; retired pieces only when asked for."""
    chosen = select(equipment).order_by(equipment.c.id)
    for column, wanted in (("lane", lane), ("site", site), ("organisation", organisation)):
        if wanted is not None:
            chosen = chosen.where(equipment.c[column] == wanted)
    if not retired:
        chosen = chosen.where(equipment.c.retired_at.is_(None))
    return [_equipment(row) for row in connection.execute(chosen).mappings()]


def put_component(connection: Connection, model: str, body: bytes, *, when: datetime) -> str:
    """Keep a model's component definition and return its SHA-256. Raises `Invalid` above `MAX_COMPONENT`."""
    if len(body) > MAX_COMPONENT:
        raise Invalid("the component definition is too large", size=len(body), limit=MAX_COMPONENT)
    digest = hashlib.sha256(body).hexdigest()
    put_row(connection, components, {"model": model, "sha256": digest, "body": body, "registered_at": when})
    return digest


def get_component(connection: Connection, model: str) -> bytes:
    """Return a model's component definition. Raises `NotFound`, or `Integrity` when the bytes are not those that were kept."""
    row = connection.execute(select(components).where(components.c.model == model)).mappings().first()
    if row is None:
        raise NotFound("no component definition is registered for this model", model=model)
    body = bytes(row["body"])
    if hashlib.sha256(body).hexdigest() != row["sha256"]:
        raise Integrity("the component definition was altered in the store", model=model)
    return body


def list_components(connection: Connection) -> dict[str, str]:
    """Return the SHA-256 of every component definition by model."""
    rows = connection.execute(select(components.c.model, components.c.sha256).order_by(components.c.model))
    return {row.model: row.sha256 for row in rows}


def put_medium(connection: Connection, medium: Medium) -> None:
    """Write one removable medium."""
    values = {name: getattr(medium, name) for name in Medium.__slots__}
    put_row(connection, media, values)


def get_medium(connection: Connection, medium: str) -> Medium:
    """Return one removable medium. Raises `NotFound`."""
    row = connection.execute(select(media).where(media.c.id == medium)).mappings().first()
    if row is None:
        raise NotFound("no such medium is registered", medium=medium)
    return Medium(**row)


def list_media(connection: Connection, *, active_at: datetime | None = None) -> list[Medium]:
    """Return media in order of id; with `active_at` only those that are allowed then."""
    chosen = select(media).order_by(media.c.id)
    if active_at is not None:
        there = or_(media.c.removed_at.is_(None), media.c.removed_at > active_at)
        chosen = chosen.where(media.c.registered_at <= active_at, media.c.until > active_at, there)
    return [Medium(**row) for row in connection.execute(chosen).mappings()]


def _equipment(row: RowMapping) -> Equipment:
    return Equipment(**{**row, "kind": EquipmentKind(row["kind"])})

"""Whose mark is it: the mark ids that the ledger ties to an opening or an export, for one record or for erased ones.

Reads the ledger and nothing else. Mark ids are ULIDs; a recipient is a staff id or an organisation's name, never a traveller.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wayseal.export.markcode import Channel, Recipe, find_recipe
from wayseal.ledger.log import Ledger
from wayseal.model.ids import RecordId

_TYPES = {Channel.SESSION: "render", Channel.EXPORT: "export-release"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One copy of a record that was given to somebody: its mark's id, the channel and the recipient."""

    mark: str
    channel: Channel
    recipient: str
    record: RecordId
    recipe: Recipe
    """By which its mark was written."""


def list_candidates(ledger: Ledger, record: RecordId) -> list[Candidate]:
    """Return the marked copies of a record that were shown or exported, oldest first.

    Only these can carry a mark of this record: a code is made for one opening or export and one record. Fewer candidates
    are fewer chances to accuse an innocent.
    """
    return [
        one
        for channel, kind in _TYPES.items()
        for index in ledger.find(type=kind, object=record)
        for one in _read(ledger.entry(index), channel)
        if one.record == record
    ]


def list_all_candidates(ledger: Ledger, *, newest: int) -> list[Candidate]:
    """Return the newest marked copies of any record, for leaks whose original is not known."""
    found = [
        one
        for channel, kind in _TYPES.items()
        for index in ledger.find(type=kind)[-newest:]
        for one in _read(ledger.entry(index), channel)
    ]
    return sorted(found, key=lambda one: one.mark)[-newest:]


def _read(entry: dict[str, Any], channel: Channel) -> Iterator[Candidate]:
    """Yield the copies that one ledger entry tells of; an entry without a mark tells of none, one without a recipe of the first."""
    if "mark" not in entry:
        return
    recipe = find_recipe(entry.get("recipe", 1))
    if channel is Channel.SESSION:
        yield Candidate(entry["mark"], channel, entry["actor"], RecordId(entry["object"]), recipe)
        return
    for record in entry["records"]:
        yield Candidate(entry["mark"], channel, entry["recipient"], RecordId(record), recipe)

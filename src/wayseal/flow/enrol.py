"""From pictures of known travellers to a gallery: read, judge, embed, enrol. Joins `vision` and `match`.

One bad picture is one rejected row with a reason; the others go in. Pictures are read and let go: only templates remain,
sealed. What a row says of a traveller (identity, path) reaches the caller's report and no log.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.second import SecondBook
from wayseal.match.gallery import Gallery
from wayseal.match.portraits import PortraitBook
from wayseal.model.border import Pixels, Template
from wayseal.model.errors import Invalid, NotFound, WaysealError, WrongModel
from wayseal.model.ids import check_name
from wayseal.vision.picture import encode_picture, read_picture
from wayseal.vision.portrait import Portrait, PortraitReader, cut_around

HEADER = ("path", "identity")
_FLUSH = 64  # pictures a sync


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an enrolment list: the picture as the list writes it, whose it is, and the class it names, if any.

    `fault` is why the line cannot be used, as a code; its `path` then names the line where it names no picture.
    """

    path: str = field(repr=False)
    identity: str = field(repr=False)
    record_class: str | None
    fault: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What became of one row: a portrait and its picture, or the reason why there is none. In memory only."""

    row: Row = field(repr=False)
    portrait: Portrait | None = field(default=None, repr=False)
    bgr: Pixels | None = field(default=None, repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not enrolled, and why, as a code."""

    path: str = field(repr=False)
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `travellers` counts distinct travellers in the gallery afterwards."""

    gallery: str
    images: int
    enrolled: int
    rejected: tuple[Rejected, ...]
    travellers: int

    def as_json(self) -> dict[str, Any]:
        """Return the contract's document."""
        rejected = [{"path": one.path, "reason": one.reason} for one in self.rejected]
        return {
            "gallery": self.gallery,
            "images": self.images,
            "enrolled": self.enrolled,
            "rejected": rejected,
            "travellers": self.travellers,
        }


def read_list(path: Path, *, keep_faulty: bool = False) -> list[Row]:
    """Return the rows of a CSV `path,identity[,class]`. Raises `NotFound`, or `Invalid` with the line that is wrong.

    With `keep_faulty` a wrong line is a row with its fault, and only a file that is no such list raises.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = tuple(reader.fieldnames or ())
            if not set(HEADER) <= set(header):
                raise Invalid("the list has another header", hint="Its header is path,identity[,class].")
            return [_read_line(row, reader.line_num, keep_faulty=keep_faulty) for row in reader]
    except OSError as error:
        raise NotFound(f"cannot read the list: {error.strerror}", hint="Give a CSV path,identity.") from None
    except UnicodeDecodeError:
        raise Invalid(
            "the list is not in UTF-8", hint="Save it as a UTF-8 CSV path,identity[,class]."
        ) from None
    except csv.Error:
        raise Invalid("the list is not a CSV", hint="Give a UTF-8 CSV path,identity[,class].") from None


def read_rows(
    rows: Sequence[Row],
    folder: Path,
    reader: PortraitReader,
    *,
    strict: bool = True,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Reading]:
    """Yield a reading for each row, in order. Paths are relative to `folder`.

    `strict` asks for a picture that may stand in a gallery (one clear, recognisable face); otherwise the main face is
    taken however poor, as a lane would have to. Raises `WrongModel` when the networks are not the pinned ones.
    """
    for row in rows:
        if row.fault:
            advance(1)
            yield Reading(row, reason=row.fault)
            continue
        try:
            bgr = read_picture(folder / row.path)
            portrait = reader.read_enrolment(bgr) if strict else reader.read_main(bgr)
            yield Reading(row, portrait=portrait, bgr=bgr)
        except WrongModel:
            raise
        except WaysealError as error:
            yield Reading(row, reason=str(error.facts.get("reason", "unreadable")))
        finally:
            advance(1)


def import_gallery(
    path: Path,
    gallery: Gallery,
    reader: PortraitReader,
    *,
    portraits: PortraitBook | None = None,
    seconds: SecondBook | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Enrol the pictures that a CSV lists into a gallery, and return what was done. Durable when it returns.

    A picture whose template its traveller already has counts as enrolled and is not stored twice, so a list can be
    imported again. `portraits` keeps the first picture of each new traveller, cut to the face, for the officer's eyes; `seconds` what
    a second network makes of each picture, where the reader has one.
    Stopped half-way, what was read in groups of 64 is enrolled. Raises `WrongModel`, having enrolled nothing, when the
    gallery is of another model than the reader.
    """
    if reader.model.manifest.sha256 != gallery.model_sha256:
        raise WrongModel(
            "the gallery is of another model",
            hint="Import into a gallery of another name, or install its model.",
        )
    rows = read_list(path, keep_faulty=True)
    rejected: list[Rejected] = []
    waiting: list[tuple[str, Template]] = []
    enrolled = 0
    for reading in read_rows(rows, path.parent, reader, advance=advance):
        if reading.portrait is None or reading.bgr is None:
            rejected.append(Rejected(reading.row.path, reading.reason))
            continue
        enrolled += 1
        who, template = reading.row.identity, reading.portrait.template
        if portraits is not None and who not in gallery.loaded and who not in dict(waiting):
            picture, _, _ = cut_around(reading.bgr, reading.portrait.found.box)
            portraits.put(who, encode_picture(picture))
        if seconds is not None and reading.portrait.second is not None:
            seconds.add(who, reading.portrait.second)
        if not gallery.holds(who, template.vector):
            waiting.append((who, template))
        if len(waiting) >= _FLUSH:
            _enrol(gallery, waiting)
    _enrol(gallery, waiting)
    return ImportReport(gallery.name, len(rows), enrolled, tuple(rejected), len(gallery.travellers()))


def _read_line(row: dict[str | None, Any], line: int, *, keep_faulty: bool) -> Row:
    """Return one CSV row; a wrong one raises, or becomes a row with its fault."""
    try:
        return _parse_row(row, line)
    except Invalid as error:
        if not keep_faulty:
            raise
        return Row(row["path"] or f"line {line}", "", None, str(error.facts["reason"]))


def _parse_row(row: dict[str | None, Any], line: int) -> Row:
    """Return one CSV row. Raises `Invalid` naming the line; it does not repeat what stands there."""
    if None in row or not row["path"] or not row["identity"]:
        raise Invalid(
            f"line {line} of the list is not a row",
            hint="Each line has a path and an identity, and may have a class.",
            reason="too_many_cells" if None in row else "no_path" if not row["path"] else "no_identity",
        )
    named = row.get("class") or None
    try:
        return Row(row["path"], row["identity"], None if named is None else check_name(named, what="class"))
    except Invalid as error:
        raise Invalid(
            f"line {line} of the list: not a class", hint=error.hint, reason="not_a_class"
        ) from None


def _enrol(gallery: Gallery, waiting: list[tuple[str, Template]]) -> None:
    """Enrol what waits, and empty the list."""
    if waiting:
        vectors = np.stack([template.vector for _, template in waiting])
        gallery.add_many([traveller for traveller, _ in waiting], vectors)
        waiting.clear()

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

from wayseal.match.gallery import Gallery
from wayseal.match.loaded import LoadedGallery
from wayseal.model.border import Template
from wayseal.model.errors import Invalid, NotFound, WaysealError, WrongModel
from wayseal.model.ids import check_name
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import PortraitReader

HEADER = ("path", "identity")
_FLUSH = 64  # pictures a sync
_SAME = 0.99999


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an enrolment list: the picture as the list writes it, whose it is, and the class it names, if any."""

    path: str = field(repr=False)
    identity: str = field(repr=False)
    record_class: str | None


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


def read_list(path: Path) -> list[Row]:
    """Return the rows of a CSV `path,identity[,class]`. Raises `NotFound`, or `Invalid` with the line that is wrong."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = tuple(reader.fieldnames or ())
            if not set(HEADER) <= set(header):
                raise Invalid("the list has another header", hint="Its header is path,identity[,class].")
            return [_parse_row(row, reader.line_num) for row in reader]
    except OSError as error:
        raise NotFound(f"cannot read the list: {error.strerror}", hint="Give a CSV path,identity.") from None
    except (UnicodeDecodeError, csv.Error):
        raise Invalid("the list is not a CSV", hint="Give a UTF-8 CSV path,identity[,class].") from None


def read_templates(
    rows: Sequence[Row],
    folder: Path,
    reader: PortraitReader,
    *,
    strict: bool = True,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Row, Template | str]]:
    """Yield each row with its template, or with the reason why there is none, in order.

    `strict` asks for a picture that may stand in a gallery (one clear, recognisable face); otherwise the main face is
    taken however poor, as a lane would have to. Paths are relative to `folder`.
    """
    for row in rows:
        try:
            bgr = read_picture(folder / row.path)
            portrait = reader.read_enrolment(bgr) if strict else reader.read_main(bgr)
            yield row, portrait.template
        except WaysealError as error:
            if isinstance(error, WrongModel):
                raise
            yield row, str(error.facts.get("reason", "unreadable"))
        finally:
            advance(1)


def import_gallery(
    path: Path,
    gallery: Gallery,
    reader: PortraitReader,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> ImportReport:
    """Enrol the pictures that a CSV lists into a gallery, and return what was done. Durable when it returns.

    A picture whose template its traveller already has counts as enrolled and is not stored twice, so a list can be
    imported again. Stopped half-way, what was read in groups of 64 is enrolled. Raises `WrongModel`, having enrolled
    nothing, when the gallery is of another model than the reader.
    """
    if reader.model.manifest.sha256 != gallery.model_sha256:
        raise WrongModel(
            "the gallery is of another model",
            hint="Import into a gallery of another name, or install its model.",
        )
    rows = read_list(path)
    rejected: list[Rejected] = []
    waiting: list[tuple[str, Template]] = []
    enrolled = 0
    for row, result in read_templates(rows, path.parent, reader, advance=advance):
        if isinstance(result, str):
            rejected.append(Rejected(row.path, result))
            continue
        enrolled += 1
        if not _has_template(gallery.loaded, row.identity, result):
            waiting.append((row.identity, result))
        if len(waiting) >= _FLUSH:
            _enrol(gallery, waiting)
    _enrol(gallery, waiting)
    return ImportReport(gallery.name, len(rows), enrolled, tuple(rejected), len(gallery.travellers()))


def _parse_row(row: dict[str | None, Any], line: int) -> Row:
    """Return one CSV row. Raises `Invalid` naming the line; it does not repeat what stands there."""
    if None in row or not row["path"] or not row["identity"]:
        raise Invalid(
            f"line {line} of the list is not a row",
            hint="Each line has a path and an identity, and may have a class.",
        )
    named = row.get("class") or None
    return Row(row["path"], row["identity"], None if named is None else check_name(named, what="class"))


def _has_template(gallery: LoadedGallery, traveller: str, template: Template) -> bool:
    """Say whether a traveller is enrolled with this very template."""
    if traveller not in gallery:
        return False
    scores = gallery.find_among(template, [traveller], 1).scores
    return bool(scores.size and scores[0] > _SAME)


def _enrol(gallery: Gallery, waiting: list[tuple[str, Template]]) -> None:
    """Enrol what waits, and empty the list."""
    if waiting:
        vectors = np.stack([template.vector for _, template in waiting])
        gallery.add_many([traveller for traveller, _ in waiting], vectors)
        waiting.clear()

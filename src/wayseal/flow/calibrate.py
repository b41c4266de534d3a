"""From pictures of a site's own cameras to its calibration, searched as its lanes search. Joins `vision` and `match`.

Templates stay in memory. A report counts pictures and people and names nobody.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow.enrol import Row, read_rows
from wayseal.flow.measure.rates import wilson_interval
from wayseal.match.calibrate import FEWEST_PEOPLE, Calibration, fit_calibration
from wayseal.match.strangers import Looks
from wayseal.model.border import Pixels, Template
from wayseal.model.errors import Invalid
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.quality import is_recognisable

LIGHTS = ("colour", "infrared")
CHECKED = 0.01
"""The rate at which a calibration is checked on people it did not see: a stricter one would hardly occur among so few."""
_GREY = 2.0  # mean spread of the three colours, in grey levels, under which a picture is an infrared camera's
_SPLITS = 10


@dataclass(frozen=True, slots=True, eq=False)
class SiteLooks:
    """What a site's pictures give: enrolment templates, and probes as a lane makes them, by light; and what was left out."""

    enrolled: Looks
    probes: dict[str, Looks] = field(repr=False)
    left_out: dict[str, int]


def read_looks(
    rows: Sequence[Row],
    folder: Path,
    reader: PortraitReader,
    *,
    lane_rows: Sequence[Row] = (),
    lane_folder: Path | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> SiteLooks:
    """Return the templates of `rows` as a gallery holds them, and of `lane_rows` as a lane makes them.

    Without `lane_rows` each picture of `rows` is also taken as a lane would: its main face, not averaged with its grey twin,
    and only when a lane would search it. Raises `Invalid` when nothing of a list can be used.
    """
    enrolled: list[tuple[str, Template]] = []
    seen: list[tuple[str, str, Template]] = []
    left_out: Counter[str] = Counter()
    for reading in read_rows(rows, folder, reader, advance=advance):
        if reading.portrait is None or reading.bgr is None:
            left_out[reading.reason] += 1
            continue
        enrolled.append((reading.row.identity, reading.portrait.template))
        if not lane_rows:
            look = reader.read_at(reading.bgr, reading.portrait.found)
            seen.append((tell_light(reading.bgr), reading.row.identity, look.template))
    for reading in read_rows(lane_rows, lane_folder or folder, reader, strict=False, advance=advance):
        portrait = reading.portrait
        if portrait is None or reading.bgr is None or not is_recognisable(portrait.quality):
            left_out[reading.reason or "unrecognisable"] += 1
        else:
            seen.append((tell_light(reading.bgr), reading.row.identity, portrait.template))
    if not enrolled or not seen:
        raise Invalid("no picture of a list can be used", hint="List pictures of 100 people or more.")
    by_light = {light: [one[1:] for one in seen if one[0] == light] for light in LIGHTS}
    probes = {light: _gather(found) for light, found in by_light.items() if found}
    return SiteLooks(_gather(enrolled), _join_few(probes), dict(left_out))


def tell_light(bgr: Pixels) -> str:
    """Return `infrared` for a picture without colours, else `colour`."""
    spread = bgr.max(axis=2).astype(np.int16) - bgr.min(axis=2)
    return "infrared" if float(spread.mean()) < _GREY else "colour"


def _gather(found: Sequence[tuple[str, Template]]) -> Looks:
    """Return templates with their people, in order."""
    return Looks(np.stack([template.vector for _, template in found]), [who for who, _ in found])


def _join_few(probes: dict[str, Looks]) -> dict[str, Looks]:
    """Return probes by light, or all as `mixed` when one light has too few people for a fit of its own."""
    if len(probes) < 2 or min(one.persons for one in probes.values()) >= FEWEST_PEOPLE:
        return probes
    every = list(probes.values())
    people = [name for one in every for name in one.people]
    return {"mixed": Looks(np.concatenate([one.vectors for one in every]), people)}


def fit_looks(
    looks: SiteLooks, *, model_sha256: str, source: str, cameras: Sequence[str] = ()
) -> Calibration:
    """Return the calibration of a site's looks. Raises `Invalid` for fewer than 100 people."""
    return fit_calibration(
        looks.enrolled.vectors, looks.enrolled.people, model_sha256=model_sha256, source=source, cameras=cameras,
        probes=list(looks.probes.values()),
    )  # fmt: skip


def check_promise(looks: SiteLooks) -> dict[str, Any] | None:
    """Return what half of the people promise at a rate of 0.01, and what the other half then gave; None for under 200 people.

    Ten random halves. `fpir` is over all their searches, `fpir_ci95` Wilson's interval over the other half's people, since
    one person's searches and the same person in another split are not independent.
    """
    names = sorted(set(looks.enrolled.people))
    if len(names) < 2 * FEWEST_PEOPLE:
        return None
    random = np.random.default_rng(len(names))
    runs: list[tuple[int, int, float, float]] = []
    for _ in range(_SPLITS):
        half = set(random.permutation(names)[: len(names) // 2].tolist())
        part = _keep(looks, half)
        if min(one.persons for one in part.probes.values()) < FEWEST_PEOPLE:
            return None
        made = fit_looks(part, model_sha256="", source="")
        runs.append(_search_rest(made, looks, half))
    alarms, searches = sum(run[0] for run in runs), sum(run[1] for run in runs)
    people = len(names) - len(names) // 2
    return {
        "people": people, "rate": CHECKED, "stated": [float(np.mean([run[2] for run in runs])), float(np.mean([run[3] for run in runs]))],
        "searches": searches, "fpir": alarms / searches,
        "fpir_ci95": list(wilson_interval(round(alarms / searches * people), people)),
    }  # fmt: skip


def _keep(looks: SiteLooks, names: set[str]) -> SiteLooks:
    """Return the looks of some people."""
    kept = {light: _choose(one, names) for light, one in looks.probes.items()}
    return SiteLooks(_choose(looks.enrolled, names), kept, {})


def _choose(looks: Looks, names: set[str]) -> Looks:
    """Return one set's templates of some people."""
    places = [place for place, name in enumerate(looks.people) if name in names]
    return Looks(looks.vectors[places], [looks.people[place] for place in places])


def _search_rest(made: Calibration, looks: SiteLooks, half: set[str]) -> tuple[int, int, float, float]:
    """Return (false positives, searches, stated low, stated high) among the people that a calibration did not see.

    Each searches the gallery of the others, one template each, at the threshold for that size.
    """
    rest = _keep(looks, set(looks.enrolled.people) - half)
    names, first = np.unique(np.asarray(rest.enrolled.people), return_index=True)
    gallery = made.prepare(rest.enrolled.vectors[first])
    level = made.threshold(len(names) - 1, CHECKED)
    alarms = searches = 0
    for one in rest.probes.values():
        scores = made.prepare(one.vectors) @ gallery.T
        scores[np.asarray(one.people)[:, None] == names[None, :]] = -1.0
        alarms += int((scores.max(axis=1) >= level).sum())
        searches += len(one.people)
    return alarms, searches, *made.interval(len(names) - 1, level)

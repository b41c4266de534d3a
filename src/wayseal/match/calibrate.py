"""Thresholds that follow the gallery's size: hold the rate of false positives, and say how well that is known.

A calibration belongs to one model and to the pictures it was fitted on. Thresholds do not travel: a site fits its own on
its own cameras (`wayseal gallery calibrate`). Where a gallery is larger than a calibration supports, nothing is matched
automatically. It holds summary figures only: no template, no score of a person. It must never look at mated scores.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wayseal.match.strangers import Looks, draw_lights, search_strangers
from wayseal.match.tail import Tail, exceed_all, fit_tail, scale_chance
from wayseal.model.errors import Invalid, WrongModel

Vectors = NDArray[np.float32]

FORMAT = "calibration-1"
FEWEST_PEOPLE = 100
"""People below which nothing is fitted."""
_ANCHORS = (1, 10, 100)  # gallery sizes that are fitted beside the largest one
_DRAWS = 500  # with 100, the largest gallery that is supported was anything from 2,900 to 13,700
_SLACK = (
    3.0  # a gallery is supported while the upper bound of its false positive rate is this near to the target
)
_LARGEST = 1 << 30
_SURE = 1.96  # standard deviations either side that hold 95 % of a normal law


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known about strangers' scores under one model.

    `tails` are fitted at rising gallery sizes, `draws[i]` repeat `tails[i]` over random draws of persons. `centre` is the
    mean template of many people: taking it away before comparing lowers misses at the same rate of false positives
    (docs/explanation/thresholds.md); empty for none. `cameras` names the lanes whose cameras it was fitted on, and holds
    for no other; empty for one that is of none in particular.
    """

    model_sha256: str
    source: str
    people: int
    templates: int
    tails: tuple[Tail, ...]
    draws: tuple[tuple[Tail, ...], ...] = field(repr=False)
    centre: tuple[float, ...] = field(default=(), repr=False)
    cameras: tuple[str, ...] = ()

    def threshold(self, gallery_size: int, fpir: float) -> float:
        """Return the score at which a non-mated search among `gallery_size` templates is wrong with chance `fpir`.

        For N templates that is one comparison in 1 / (1 - (1 - fpir)^(1/N)). Never falls as the gallery grows.
        """
        _check_target(gallery_size, fpir)
        scores: list[float] = []
        for tail, next_size in zip(
            self.tails, [*(tail.gallery_size for tail in self.tails[1:]), _LARGEST], strict=True
        ):
            reach = min(max(gallery_size, 1), next_size)  # a fit speaks up to the next one's size
            scores.append(tail.score_at(scale_chance(fpir, fitted=reach, wanted=tail.gallery_size)))
            if tail.gallery_size > gallery_size:
                break  # the first fit beyond the gallery still counts, scaled down
        return max(scores)

    def fpir(self, gallery_size: int, score: float) -> float:
        """Return the expected rate of false positives at a threshold, by the fit whose size is nearest in proportion."""
        tail = self.tails[self._place(gallery_size)]
        return scale_chance(tail.exceedance(score), fitted=tail.gallery_size, wanted=gallery_size)

    def interval(self, gallery_size: int, score: float) -> tuple[float, float]:
        """Return the 95 % interval of the rate of false positives at a threshold, over draws of persons.

        On the scale of square roots, where rates of few events spread evenly (M. S. Bartlett, "The square root transformation
        in analysis of variance", Supplement to the Journal of the Royal Statistical Society 3, 1936): the draws' own quantiles
        leave out the true rate of made worlds in 8 to 18 of 100.
        """
        place = self._place(gallery_size)
        tail = self.tails[place]
        middle = float(np.sqrt(tail.exceedance(score)))
        away = _SURE * float(np.std(np.sqrt(exceed_all(self.draws[place], score))))
        low, high = (max(0.0, edge) ** 2 for edge in (middle - away, middle + away))
        return (
            scale_chance(low, fitted=tail.gallery_size, wanted=gallery_size),
            scale_chance(min(1.0, high), fitted=tail.gallery_size, wanted=gallery_size),
        )

    def supports(self, gallery_size: int, fpir: float) -> bool:
        """Say whether the upper bound of the rate of false positives is within three times `fpir` at this size."""
        return self.interval(gallery_size, self.threshold(gallery_size, fpir))[1] <= _SLACK * fpir

    def largest_gallery(self, fpir: float) -> int:
        """Return the largest gallery that is supported, found by halving."""
        low, high = 1, _LARGEST
        while low < high:
            middle = (low + high + 1) // 2
            if self.supports(middle, fpir):
                low = middle
            else:
                high = middle - 1
        return low

    def prepare(self, vectors: Vectors) -> Vectors:
        """Return templates as they are compared: the mean face taken away, of unit length again. (n, d) or (d,)."""
        if not self.centre:
            return vectors
        moved = vectors - np.asarray(self.centre, dtype=np.float32)
        lengths = np.linalg.norm(moved, axis=-1, keepdims=True)
        return np.asarray(moved / np.maximum(lengths, np.float32(1e-12)), dtype=np.float32)

    def covers(self, camera: str) -> bool:
        """Say whether it holds for a camera (its lane's id): one that names no camera holds for all."""
        return not self.cameras or camera in self.cameras

    def check_model(self, model_sha256: str) -> None:
        """Raise `WrongModel` unless this calibration is for the model."""
        if model_sha256 != self.model_sha256:
            raise WrongModel(
                "the calibration is for another model",
                hint="Calibrate this model: wayseal gallery calibrate PICTURES.csv.",
            )

    def _place(self, gallery_size: int) -> int:
        """Return which fit describes a gallery: the one whose size is nearest in proportion."""
        far = [abs(np.log(tail.gallery_size / max(1, gallery_size))) for tail in self.tails]
        return int(np.argmin(far))

    def to_json(self) -> str:
        """Return the calibration as a JSON document."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))


def fit_calibration(
    vectors: Vectors,
    people: Sequence[str],
    *,
    model_sha256: str,
    source: str,
    cameras: Sequence[str] = (),
    centred: bool = True,
    seed: int = 7,
    probes: Sequence[Looks] = (),
) -> Calibration:
    """Return a calibration from templates of known people, several pictures each where there are any.

    `vectors` (n, d) are raw unit templates as a gallery holds them, `people[i]` says whose. `probes` are the same or other
    people as a lane would read them, one set for each light (colour, infrared); without any the gallery's own templates
    search. All pictures should come from the same kind of camera. `centred=False` compares templates as they are; else each pair is
    compared without the mean face of all others, since whoever is searched later is not in the calibration's mean either. Raises
    `Invalid` for fewer than 100 people, also in one set of probes: their maxima say nothing about a tail.
    """
    enrolled = Looks(vectors, list(people))
    for one in (enrolled, *probes):
        if one.persons < FEWEST_PEOPLE or len(one.vectors) != len(one.people):
            raise Invalid(
                f"{one.persons} people to calibrate on", hint="Take 100 people or more, better 1,000."
            )
    centre = tuple(round(float(value), 7) for value in vectors.mean(axis=0)) if centred else ()
    empty = Calibration(model_sha256, source, enrolled.persons, len(vectors), (), (), centre, tuple(cameras))
    lights = list(probes) or [enrolled]
    sizes = [size for size in _ANCHORS if size < enrolled.persons // 2] + [enrolled.persons - 1]
    random = np.random.default_rng(seed)
    tails, draws = [], []
    for size in sizes:
        best = search_strangers(enrolled, lights, size, random, centred=centred)
        tails.append(fit_tail(np.concatenate(best), size))
        draws.append(draw_lights(best, lights, size, rounds=_DRAWS, seed=seed))
    return replace(empty, tails=tuple(tails), draws=tuple(draws))


def read_calibration(text: str) -> Calibration:
    """Return the calibration in a JSON document. Raises `Invalid` when it is none."""
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise Invalid("not a calibration of this version", hint="Calibrate again with this version.")
        data["tails"] = _read_tails(data["tails"])
        data["draws"] = tuple(_read_tails(draws) for draws in data["draws"])
        made = Calibration(**{**data, "centre": tuple(data["centre"]), "cameras": tuple(data["cameras"])})
        sound = _is_sound(made)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("not a calibration file", hint="Make one: wayseal gallery calibrate.") from None
    if not made.tails or len(made.draws) != len(made.tails) or not all(made.draws):
        raise Invalid("a calibration without fits", hint="Make one: wayseal gallery calibrate.")
    if not sound:
        raise Invalid(
            "a calibration whose figures are no figures", hint="Make one: wayseal gallery calibrate."
        )
    return made


def _is_sound(made: Calibration) -> bool:
    """Return whether all figures are finite and describe distributions: one that is not a number would hold no rate."""
    sizes = [tail.gallery_size for tail in made.tails]
    return (
        all(tail.is_sound() for tail in (*made.tails, *(tail for draws in made.draws for tail in draws)))
        and all(earlier < later for earlier, later in pairwise(sizes))
        and bool(np.isfinite(np.asarray(made.centre, dtype=np.float64)).all())
    )


def _read_tails(data: Any) -> tuple[Tail, ...]:
    """Return fits from their JSON form."""
    return tuple(Tail(**{**tail, "body": tuple(tail["body"])}) for tail in data)


def shipped_calibration(model_sha256: str) -> Calibration | None:
    """Return the calibration that comes with the package for a model, or None: then nothing is matched automatically."""
    folder = resources.files("wayseal.match") / "calibrations"
    for entry in folder.iterdir():
        if entry.name.endswith(".json"):
            made = read_calibration(entry.read_text(encoding="utf-8"))
            if made.model_sha256 == model_sha256:
                return made
    return None


def _check_target(gallery_size: int, fpir: float) -> None:
    """Raise `Invalid` for an impossible gallery size or rate."""
    if gallery_size < 1 or not 0 < fpir < 1:
        raise Invalid("a threshold needs a gallery of 1 or more and a rate between 0 and 1")

"""Somebody partly hidden, judged by the looks that their whole track places: whether anybody is there, and which template is theirs.

Owns how wide such looks are cut. It sees one face's own looks and nobody else's, and keeps nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from wayseal.model.border import Template
from wayseal.vision.agreement import estimate_usable, is_usable
from wayseal.vision.bestshot import FusedShots, KeptShot, choose_shots, embed_enough, embed_shots, fuse_shots
from wayseal.vision.glass import GlassLook
from wayseal.vision.located import place_shots
from wayseal.vision.template import FaceModel
from wayseal.vision.track import Sighting

WIDTHS = (1.0, 1.1, 1.2)
"""Widths at which looks are cut: of a face with one eye hidden the detector finds the points too near to each other."""
_GLIMPSES = 4  # looks embedded at each width, to choose one


def take_glimpses(
    looks: Sequence[GlassLook], sightings: Sequence[Sighting], model: FaceModel
) -> list[KeptShot]:
    """Return a few placed looks at a face with their templates: whether it has an identity that its own points missed."""
    shots = choose_shots(place_shots(looks, sightings), _GLIMPSES)
    embed_shots(shots, model)
    return shots


def look_again(
    looks: Sequence[GlassLook], sightings: Sequence[Sighting], model: FaceModel
) -> FusedShots | None:
    """Return the placed looks of a face, cut at the width at which they should be most like the person; None when they cannot be recognised.

    They can when two single ones can, or all together. The width is chosen by the looks' own strength and agreement.
    """
    cuts = [choose_shots(place_shots(looks, sightings, wider=wider)) for wider in WIDTHS]
    for cut in cuts:
        embed_shots(cut[:_GLIMPSES], model)
    fused = fuse_shots(embed_enough(max(cuts, key=_promise), model))
    if fused is None or not (fused.recognisable or is_usable(*_list_made(fused.shots))):
        return None
    return replace(fused, recognisable=True)


def _promise(cut: Sequence[KeptShot]) -> float:
    """Return how like the person the first looks of a cut should be; 0 where nothing tells, so that the first width stays."""
    return estimate_usable(*_list_made(cut)) or 0.0


def _list_made(shots: Sequence[KeptShot]) -> tuple[list[Template], list[int]]:
    """Return the templates made so far, and the scores of their shots."""
    made = [(shot.template, shot.quality.score) for shot in shots if shot.template is not None]
    return [template for template, _ in made], [score for _, score in made]

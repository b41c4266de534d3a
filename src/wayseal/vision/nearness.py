"""How near to the camera something in a vehicle is, by parallax: what is nearer drops faster over the vehicle as it comes on.

A camera above the lane looks down on what comes nearer, so that things at two depths slide past each other over the pass.
Geometry of one track; it compares nothing by itself.
"""

from collections.abc import Sequence

import numpy as np

from wayseal.vision.track import Sighting

FEWEST = 8
"""Sightings that tell a nearness."""
GROWTH = 1.5
"""Factor by which the vehicle must have grown between the first and the last of them."""
_STEP_PX = 30.0  # pixels that the distance between the eyes grows by, over which the drop is told
_ROUGH = 0.15  # eye distances off the line, in the middle, beyond which nothing is told
_UNCERTAIN = (
    0.1  # standard error of the answer beyond which it is none: stickers have 0.02, far faces up to 0.5
)


def measure_nearness(sightings: Sequence[Sighting], eyes: float) -> float | None:
    """Return how far something drops over the vehicle, in eye distances, while eyes grow by 30 px; None when it cannot be told.

    `eyes` is the distance between people's eyes in vehicle coordinates. Only differences between faces of one vehicle mean
    anything: on the simulator's and other lane videos the front row agreed within 0.15, and the glass was 0.25 to 0.5 nearer.
    """
    scales = np.array([one.scale for one in sightings])
    if len(sightings) < FEWEST or scales.max() < GROWTH * scales.min() or eyes <= 0:
        return None
    grown = scales * eyes
    drops = np.array([one.place[1] for one in sightings]) / eyes
    kept = np.ones(len(drops), dtype=bool)
    slope, miss = 0.0, np.zeros(len(drops))
    for _ in range(4):
        slope, level = (float(value) for value in np.polyfit(grown[kept], drops[kept], 1))
        miss = np.abs(slope * grown + level - drops)
        kept = miss <= 3.0 * float(np.median(miss[kept])) + 1e-9
    apart = grown[kept] - grown[kept].mean()
    error = float(np.sqrt(np.sum(miss[kept] ** 2) / (max(kept.sum() - 2, 1) * (apart @ apart) + 1e-12)))
    rough = float(np.median(miss)) > _ROUGH or error * _STEP_PX > _UNCERTAIN
    return None if rough else slope * _STEP_PX

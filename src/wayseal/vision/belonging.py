"""Whether a face is in the vehicle that it is followed in, by how it slides over it as both come nearer.

A camera above the lane looks down, so that what is farther away comes down the picture more slowly: a face in the next
vehicle climbs over the one before it. Geometry of one track; who somebody is it never asks.
"""

from collections.abc import Sequence

import numpy as np

from wayseal.vision.track import Sighting

_MOST = 2.0
"""Eye distances a face may slide while its vehicle grows e-fold: front rows stay under 1.0, rear ones under 1.4, other vehicles' from 2.7."""
_GROWN, _FEWEST = 0.05, 4
"""Growth of the vehicle, as a logarithm, and sightings, below which nothing is told."""
_DOUBT = 3.0  # standard errors by which a slide must be beyond it


def is_elsewhere(sightings: Sequence[Sighting]) -> bool:
    """Return whether a face surely slides over the vehicle as none of its people does: it is in another one, or on none.

    For vehicles that come nearer; of one that stands or passes across, and of a few looks, it tells nothing.
    """
    if len(sightings) < _FEWEST:
        return False
    grown = np.log([one.scale for one in sightings])
    if np.ptp(grown) < _GROWN:
        return False
    drops = np.array([one.place[1] for one in sightings]) / float(np.median([one.size for one in sightings]))
    apart = grown - grown.mean()
    spread = float(apart @ apart)
    slide = float(apart @ drops) / spread
    miss = drops - drops.mean() - slide * apart
    error = float(np.sqrt(miss @ miss / (len(drops) - 2) / spread))
    return abs(slide) - _DOUBT * error > _MOST

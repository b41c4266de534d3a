"""Made-up faces for the search benchmark: crowds of known structure, and probes as like their mates as a lane's are.

Three worlds, because the recall of an inexact search depends on them: `wide` (directions nearly equal), `clustered` (64
groups of very different size, as demographic groups are), `narrow` (about 18 directions carry almost everything).
"""

from dataclasses import dataclass

import numpy as np

Rows = np.ndarray


@dataclass(frozen=True)
class World:
    """How a crowd is drawn: decay of the directions' strength, groups, and the mates' likeness (mean, deviation)."""

    name: str
    decay: float
    groups: int
    likeness: tuple[float, float]


WORLDS = (
    World("wide", 0.0, 1, (0.55, 0.13)),
    World("clustered", 0.25, 64, (0.55, 0.13)),
    World("narrow", 0.5, 16, (0.70, 0.10)),
)


def to_unit(rows: Rows) -> Rows:
    """Return rows of length 1, in place."""
    for start in range(0, len(rows), 65536):
        part = rows[start : start + 65536]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def draw_crowd(world: World, count: int, dimension: int, seed: int) -> Rows:
    """Return (count, dimension) unit vectors of a world."""
    random = np.random.default_rng(seed)
    strength = ((1 + np.arange(dimension)) ** -world.decay).astype(np.float32)
    rows = random.standard_normal((count, dimension), dtype=np.float32)
    rows *= strength
    if world.groups > 1:
        share = 1 / (1 + np.arange(world.groups))
        centres = 0.4 * random.standard_normal((world.groups, dimension), dtype=np.float32) * strength
        which = random.choice(world.groups, count, p=share / share.sum())
        for start in range(0, count, 65536):
            rows[start : start + 65536] += centres[which[start : start + 65536]]
    return to_unit(rows)


def draw_probes(world: World, crowd: Rows, count: int, seed: int) -> Rows:
    """Return probes of the first `count` of a crowd: as like as `likeness` says, the rest noise of the world's own shape."""
    random = np.random.default_rng(seed)
    mates = crowd[:count]
    noise = draw_crowd(world, count, crowd.shape[1], seed + 1)
    noise -= (noise * mates).sum(axis=1, keepdims=True) * mates
    noise = to_unit(noise)
    like = np.clip(random.normal(*world.likeness, count), 0.15, 0.97).astype(np.float32)[:, None]
    return to_unit(like * mates + np.sqrt(1 - like**2) * noise)

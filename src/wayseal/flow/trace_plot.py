"""The decoys of each leak drawn beside the best candidate: what a second analyst and a court look at first."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wayseal.export.markscore import NAMED
from wayseal.flow.trace import Reading

PANELS = 12
"""Readings that are drawn at most."""


def draw_decoys(readings: Sequence[Reading], file: Path) -> int:
    """Write a PNG or SVG with one panel for each of the first twelve readings that have decoys; return how many there are.

    Grey: scores of random keys, in their own standard deviations, with the normal law for comparison. Line: the best candidate.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - drawing is the only use of the plotting library here

    shown = [reading for reading in readings if len(reading.decoys)][:PANELS]
    columns = min(3, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(5 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, reading in zip(axes, shown, strict=False):
        bins = np.linspace(-6, 6, 49)
        panel.hist(reading.decoys, bins=bins, color="0.7", label=f"{len(reading.decoys)} decoys")
        law = np.exp(-0.5 * bins**2) / np.sqrt(2 * np.pi) * len(reading.decoys) * (bins[1] - bins[0])
        panel.plot(bins, law, color="0.3", linewidth=1, label="normal law")
        panel.axvline(NAMED, linestyle="--", color="tab:orange", label=f"named from {NAMED:g}")
        if reading.z is not None:
            panel.axvline(reading.z, color="tab:red", label=f"best candidate {reading.z:.1f}")
        panel.set(yscale="log", ylim=(0.5, None), xlabel="z", title=reading.reason.replace("_", " "))
        panel.legend(fontsize=7)
    for panel in axes[len(shown) :]:
        panel.set_axis_off()
    figure.savefig(file)
    return len(shown)

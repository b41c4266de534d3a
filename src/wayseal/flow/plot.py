"""Where a drawn figure goes: one file, in the form that its name says. Draws nothing itself."""

from pathlib import Path
from typing import Any

from wayseal.model.errors import Invalid


def save_figure(figure: Any, path: Path) -> None:
    """Write a matplotlib figure into a .png or .svg. Raises `Invalid` where it cannot be written."""
    try:
        figure.savefig(path)
    except (OSError, ValueError):
        raise Invalid(
            "cannot write the plot", hint="Name a .png or .svg file in a folder that is there."
        ) from None

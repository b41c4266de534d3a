"""What the camera's verbs of a ticket answer with: measures of whole pictures, at a site or at a lane's own computer.

Owns which numbers a verb gives. None is about a person, and no picture is kept or returned.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from wayseal.flow.ticket import Verb
from wayseal.model.border import Pixels
from wayseal.model.clock import Clock
from wayseal.model.errors import Invalid
from wayseal.vision.camera import measure_camera
from wayseal.vision.frames import open_source

Chart = Callable[[], Iterator[Pixels]]
"""Gives brightness planes of a rendered scene of nobody."""
CAMERA_VERBS: Final = frozenset((Verb.FOCUS, Verb.EXPOSURE, Verb.CHART))
_FRAMES: Final = 10


def measure_verb(verb: Verb, source: str | None, chart: Chart, clock: Clock) -> dict[str, Any]:
    """Return the numbers of a camera's verb. `source` is the camera, which `CHART` does without. Raises `Invalid` for none."""
    if verb is Verb.CHART:
        return asdict(measure_camera(chart(), frames=_FRAMES))
    if source is None:
        raise Invalid("focus and exposure need the camera", hint="Give --source rtsp://…")
    with open_source(source, clock=clock) as frames:
        numbers = asdict(measure_camera((frame.luma for frame in frames), frames=_FRAMES))
    left_out = (
        ("brightness", "dark", "saturated") if verb is Verb.FOCUS else ("sharpness", "sharpness_middle")
    )
    return {name: value for name, value in numbers.items() if name not in left_out}

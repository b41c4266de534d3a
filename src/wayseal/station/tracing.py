"""A trace put together from a site: its originals in scope, the root of its mark keys, and the networks that find faces."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wayseal.flow.trace import Reading, Tracing, trace_file
from wayseal.flow.trace_lookup import Originals, Scope
from wayseal.flow.trace_verdict import combine_readings, log_trace
from wayseal.model.border import Pixels
from wayseal.model.errors import WaysealError
from wayseal.seal.suite import sha256
from wayseal.station.site import Site
from wayseal.vision.detect import FaceDetector
from wayseal.vision.picture import faces_in
from wayseal.vision.portrait import Portrait, PortraitReader
from wayseal.vision.template import OnnxFaceModel

ROLE = "tracer"
_MOST = 3


def open_tracing(site: Site, name: str, role: str, scope: Scope) -> Tracing:
    """Return what somebody traces with. Policy judges their role at every opening (`tracer` in the default rules)."""
    centre = sha256(site.keys.identity.public).hex()
    originals = Originals(site.opener, site.principal(name, role), scope, centre=centre)
    return Tracing(originals, site.ledger, site.keys.mark_root(), _open_faces(site.settings.match.model))


def trace_leaks(
    site: Site,
    name: str,
    files: Iterable[Path],
    *,
    role: str = ROLE,
    scope: Scope | None = None,
    keep_decoys: int = 0,
    incident: str | None = None,
    on_reading: Callable[[Reading], object] = lambda _: None,
) -> list[Reading]:
    """Trace files one by one, weigh them together, write what was found on the ledger, and return the readings in order.

    `incident` is the one that the trace serves, if any. `on_reading` gets each file's own reading as it is done. The first `keep_decoys` readings keep their decoys whole, to be
    drawn; the others' are kept at half precision, so that ten thousand files fit in memory.
    """
    work = open_tracing(site, name, role, scope or Scope())
    readings: list[Reading] = []
    for file in files:
        reading = trace_file(work, file)
        if len(readings) >= keep_decoys:
            reading = replace(reading, decoys=reading.decoys.astype(np.float16))
        on_reading(reading)
        readings.append(reading)
    readings = combine_readings(readings)
    log_trace(site.ledger, name, readings, site.clock, incident=incident)
    site.sign_checkpoint()
    return readings


def _open_faces(model: str) -> Callable[[Pixels], Sequence[Portrait]]:
    """Return what finds faces and their templates; without installed models it finds none, and hashes and features do."""
    try:
        reader = PortraitReader(FaceDetector(), OnnxFaceModel(model or None))
    except WaysealError:
        return lambda _: ()

    def find(bgr: Pixels) -> list[Portrait]:
        faces = faces_in(bgr, reader.detector)[:_MOST]
        return [reader.read_at(bgr, face) for face in faces]

    return find

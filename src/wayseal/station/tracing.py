"""A trace put together from a site: its originals in scope, the root of its mark keys, and the networks that find faces."""

from collections.abc import Callable, Sequence

from wayseal.flow.trace import Tracing
from wayseal.flow.trace_lookup import Originals, Scope
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

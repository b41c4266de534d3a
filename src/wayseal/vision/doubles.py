"""One face in two places: on two seats, or in two vehicles that passed within seconds of each other.

Marks both, so that an officer looks, and decides nothing. It keeps the templates of a lane's last vehicles, in memory and
for ten seconds only, and never compares them with a gallery.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from wayseal.model.border import Occupant, Template
from wayseal.vision.bestshot import embed_shots
from wayseal.vision.cabin import gather_faces
from wayseal.vision.notpeople import SAME_FACE
from wayseal.vision.template import FaceModel, cosine
from wayseal.vision.watch import VehicleWatch

IN_TWO_VEHICLES = "same_face_in_two_vehicles"
"""Reason on an occupant whose face another vehicle showed within seconds: one of the two may be given the other's people."""
KEPT_S = 10.0
"""Seconds for which the templates of a vehicle that has left are compared with those of the next."""


@dataclass(slots=True)
class RecentFaces:
    """The templates of the vehicles that left a lane lately."""

    _left: list[tuple[float, Template]] = field(default_factory=list, repr=False)

    def mark(
        self, occupants: Sequence[Occupant], others: Iterable[VehicleWatch], model: FaceModel, seconds: float
    ) -> tuple[Occupant, ...]:
        """Return a vehicle's occupants at a stream time, those marked who were in a vehicle before or are in one of `others`."""
        self._left = [(left, face) for left, face in self._left if 0 <= seconds - left <= KEPT_S]
        own = [person.template for person in occupants if person.template is not None]
        known = [face for _, face in self._left] + (look_into(others, model) if own else [])
        self._left += [(seconds, face) for face in own]
        return tuple(mark_double(person, known, IN_TWO_VEHICLES) for person in occupants)

    def forget(self) -> None:
        """Forget all of them: the stream has ended."""
        self._left.clear()


def look_into(watches: Iterable[VehicleWatch], model: FaceModel) -> list[Template]:
    """Return one template of each clear face in vehicles that are still in the picture, by its best shot so far."""
    faces = [face for watch in watches for face in gather_faces(watch) if face.clear and face.shots]
    best = [max(face.shots, key=lambda shot: shot.quality.score) for face in faces]
    embed_shots(best, model)
    return [shot.template for shot in best if shot.template is not None]


def mark_double(person: Occupant, faces: Iterable[Template], reason: str) -> Occupant:
    """Return an occupant, with the reason in front when one of the faces is theirs. Raises `WrongModel` for another model's."""
    own = person.template
    if own is None or all(cosine(own, face) < SAME_FACE for face in faces):
        return person
    return replace(person, reasons=(reason, *person.reasons))

"""Whom to expect behind a plate: the travellers whom officers have decided on when that vehicle crossed before (R-23).

Works on keyed tags only; nothing is opened. A crossing that no officer decided on announces nobody, so that a wrong match
cannot make itself likelier. Names are held for as long as the gallery holds them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine

from wayseal.flow.review import strip_plate, tag_plate
from wayseal.match.loaded import LoadedGallery
from wayseal.seal.keys.blind_index import BlindIndex
from wayseal.store.crossings import list_plate_travellers
from wayseal.store.engine import read
from wayseal.vision.plate.confusion import list_alike

CROSSINGS = 40
"""How many of a vehicle's newest crossings announce somebody: a family's for some months, a bus driver's for a week."""


@dataclass(slots=True)
class PlateHistory:
    """Looks up plates among the crossings. `gallery` gives the gallery as it is now; `index` makes the site's tags."""

    engine: Engine
    index: BlindIndex
    gallery: Callable[[], LoadedGallery]
    _names: dict[bytes, str] = field(default_factory=dict, repr=False)

    def expect(self, plate: str | None) -> tuple[str, ...]:
        """Return the enrolled travellers who are expected in a vehicle, newest first; nobody without a plate or history."""
        tag = tag_plate(self.index, plate)
        return () if tag is None else self._look_up([tag])

    def expect_alike(self, plate: str | None) -> tuple[str, ...]:
        """Return the travellers who are expected in vehicles whose plates may have been taken for this one, or it for theirs.

        For a plate that announces nobody itself. The texts are made here and die here; only their tags are looked up.
        """
        alike = [self.index.tag("plate", text) for text in list_alike(strip_plate(plate))]
        return self._look_up(alike) if alike else ()

    def _look_up(self, plates: list[bytes]) -> tuple[str, ...]:
        """Return the enrolled travellers decided on under some plates' tags, newest first."""
        with read(self.engine) as connection:
            tags = list_plate_travellers(connection, plates, limit=CROSSINGS)
        if not tags:
            return ()
        self._follow(self.gallery())
        return tuple(self._names[one] for one in tags if one in self._names)

    def _follow(self, gallery: LoadedGallery) -> None:
        """Tag the gallery's new travellers, and let go of those whom it forgot."""
        known = set(self._names.values())
        for traveller in gallery.travellers():
            if traveller not in known:
                self._names[self.index.tag("traveller", traveller)] = traveller
        gone = [tag for tag, traveller in self._names.items() if traveller not in gallery]
        for tag in gone:
            del self._names[tag]

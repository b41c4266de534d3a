"""Marks on pictures as they are kept and shown: a sealed record's JPEG in, a marked JPEG out, in memory only.

Joins the codec and `export.mark`. The centre holds the root of all mark keys; a lane holds the one key of its own mark.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wayseal.export.mark import mark_picture
from wayseal.export.markcode import Channel, MarkKey, MarkRoot
from wayseal.model.border import PlainImage
from wayseal.model.ids import RecordId
from wayseal.vision.picture import encode_picture, read_picture

QUALITY = 92
"""JPEG quality of a marked picture: that of the lane's own, so that neither size nor quality tells that it was marked."""


@dataclass(frozen=True, slots=True)
class Marker:
    """What writes personal marks at the centre. Mark ids are ULIDs that the ledger ties to a session or an export."""

    root: MarkRoot

    def mark_for_session(self, picture: bytes, mark_id: str, record: RecordId) -> PlainImage:
        """Return a record's picture with a viewing session's mark. Raises `BadPicture` for what is no picture."""
        return mark_encoded(picture, self.root.key(Channel.SESSION, mark_id), record)

    def mark_for_export(self, picture: bytes, mark_id: str, record: RecordId) -> PlainImage:
        """Return a record's picture with the mark of one export to one recipient. Raises `BadPicture`.

        The caller writes `mark_id` and the recipient into the `export-release` entry, where a trace finds them again.
        """
        return mark_encoded(picture, self.root.key(Channel.EXPORT, mark_id), record)

    def lane_key(self, lane: str) -> MarkKey:
        """Return the one mark key that a lane gets when it is enrolled."""
        return self.root.key(Channel.LANE, lane)


def mark_encoded(data: bytes, key: MarkKey, record: RecordId) -> PlainImage:
    """Return an encoded picture with a mark, as a JPEG in memory. Raises `BadPicture`."""
    return encode_picture(mark_picture(read_picture(data), key, record), quality=QUALITY)


def mark_at_lane(key: MarkKey) -> Callable[[bytes, RecordId], bytes]:
    """Return what a lane does to each picture before it seals it (`seal_pass`, `LaneStation`).

    Faces were recognised and plates read before: marks touch no figure of accuracy.
    """

    def mark(data: bytes, record: RecordId) -> bytes:
        return mark_encoded(data, key, record).data

    return mark

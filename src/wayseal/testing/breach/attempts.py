"""What came of asking at a door, and whether the searchers' tools work: the controls without which a refusal shows nothing.

A refusal counts beside an opening that succeeds through the same door, and by the rule that should refuse. A process that is
gone, a record that is not there and a request of the wrong form refuse nothing: they are `broken`.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wayseal.flow.policy import Principal
from wayseal.flow.release import Opener
from wayseal.model.custody import Purpose
from wayseal.model.errors import Erased, Refused, WaysealError
from wayseal.model.ids import RecordId
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.testing.breach.cast import make_template, paint_person
from wayseal.testing.breach.stage import Stage
from wayseal.vision.picture import encode_picture

_PLATE = "CNTRL77"


@dataclass(frozen=True, slots=True)
class Answer:
    """What asking came to. `why` is the rule that refused or the refusal's words, the name of another error, or `opened`."""

    opened: bool
    refused: bool
    why: str

    @property
    def is_broken(self) -> bool:
        """Say whether it was neither given nor refused: then nothing was shown."""
        return not self.opened and not self.refused


def ask(call: Callable[[], object]) -> Answer:
    """Return what a request came to. Erased counts as refused: the key is destroyed, and the door says so."""
    try:
        call()
    except Erased:
        return Answer(opened=False, refused=True, why=Erased.__name__)
    except Refused as error:
        why = error.facts.get("rule") or error.facts.get("code") or error
        return Answer(opened=False, refused=True, why=str(why))
    except WaysealError as error:
        return Answer(opened=False, refused=False, why=type(error).__name__)
    return Answer(opened=True, refused=False, why="opened")


def ask_record(opener: Opener, who: Principal, record: RecordId, purpose: Purpose) -> Answer:
    """Return what comes of opening one record."""
    return ask(lambda: opener.read_now(who, [record], purpose))


def ask_as_privacy(
    stage: Stage, record: RecordId, *, opener: Opener | None = None, purpose: Purpose = Purpose.RESTORE_DRILL
) -> Answer:
    """Return what comes of opening one record with the highest authority, at the site's door or another."""
    who = stage.site.principal("privacy-1", "privacy_officer")
    return ask_record(opener or stage.site.opener, who, record, purpose)


def is_scanner_sound(stage: Stage, exact: Sequence[tuple[str, bytes]] = ()) -> bool:
    """Say whether the search for plaintext finds a picture, a plate, a template and exact bytes that were planted for it."""
    folder = stage.thief / "planted"
    folder.mkdir(parents=True, exist_ok=True)
    picture = encode_picture(paint_person((0, 0, 0)), quality=92).data
    body = b"\x00rubbish" * 9 + picture + b"rubbish " + _PLATE.encode() + b" rubbish"
    (folder / "disk").write_bytes(body + b"".join(b"\x00" + data for _, data in exact))
    (folder / "vectors").write_bytes(make_template((0, 0, 0)).vector.tobytes())
    found = {one.kind for one in scan([folder], Needles(texts=(_PLATE,), exact=tuple(exact))).findings}
    shutil.rmtree(folder)
    wanted = {"plate", "template", *(kind for kind, _ in exact)}
    return wanted <= found and len(found) > len(wanted)

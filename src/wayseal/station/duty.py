"""The duty board of one site, put together from its parts. Owns no rule: `flow.duty_board` chooses what is on it."""

from typing import TYPE_CHECKING

from wayseal.flow.duty_board import Board, Item, Weight, build_board
from wayseal.flow.followup import Duty, list_duties
from wayseal.model.errors import WaysealError
from wayseal.station.exports import open_disclosure
from wayseal.station.incidents import list_rules
from wayseal.station.shift import list_lanes

if TYPE_CHECKING:
    from wayseal.station.site import Site


def read_board(site: "Site") -> Board:
    """Return what stands now. A keyroom that does not answer is on the board and no error: the rest is worth seeing."""
    owed: list[Duty] = []
    extra: list[Item] = []
    try:
        owed = list_duties(open_disclosure(site))
    except WaysealError:
        extra = [Item("keyroom", "unreachable", site.settings.site, Weight.NOW)]
    return build_board(site.oversight, lanes=list_lanes(site), rules=list_rules(site), owed=owed, extra=extra)

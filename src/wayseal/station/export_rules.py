"""What the settings of exports mean: for the ceremony at the centre, and for the keyroom that counts again.

Apart from the fields themselves, which lanes read too: a lane loads nothing of exports.
"""

from datetime import timedelta

from wayseal.export.approval import LOCALHOST, RelyingParty
from wayseal.flow.habits import Caps
from wayseal.station.settings_export import ExportSettings


def read_party(settings: ExportSettings) -> RelyingParty:
    """Return for which addresses an authenticator's word counts: the console's, or localhost where none is set."""
    if settings.console is None:
        return RelyingParty(LOCALHOST, ())
    return RelyingParty(settings.console.removeprefix("https://").partition(":")[0], (settings.console,))


def read_caps(settings: ExportSettings) -> Caps:
    """Return what the centre and the keyroom count by."""
    return Caps(settings.ceremony_cap, settings.recipient_day_cap, timedelta(hours=settings.approval_hours))

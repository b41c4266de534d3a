"""p21 for real: whole ceremonies in a home of their own, under the site's rules; the live site is left as it was."""

from pathlib import Path

import pytest
from drillparts import make_view
from lineparts import PASSPHRASE, MovableClock

from wayseal.flow.drill.exports import drill_exports
from wayseal.flow.policy import default_rules
from wayseal.model.oversight import Result
from wayseal.station.site import Site, init_site, open_site
from wayseal.station.trial import make_trial


def test_four_ceremonies(site: Site, tmp_path: Path) -> None:
    """None, one, and two approvals of one organisation release nothing; two of different organisations do."""
    before = site.ledger.size
    seen = drill_exports(make_view(site, tmp_path, export_trial=make_trial(site)))
    assert seen.result is Result.PASS, seen.reason
    assert site.ledger.size == before
    assert not list((site.home / "exports").glob("*"))


def test_lax_consent(site: Site, tmp_path: Path) -> None:
    """A centre to which one approval is enough, with a keyroom that does not count them, is caught in the ceremony itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wayseal.flow.consent.count_needed", lambda *_args: 1)
        patch.setattr("wayseal.flow.vouch.Vouchers._count_consents", lambda *_args: 2)
        seen = drill_exports(make_view(site, tmp_path, export_trial=make_trial(site)))
    assert seen.result is Result.FAIL
    assert "released with one approval" in seen.reason


def test_rules_without_export(home: Path, clock: MovableClock, tmp_path: Path) -> None:
    """Rules under which nobody may approve exports release nothing, and a door that opens to nobody is no pass."""
    rules = default_rules().replace(
        'Action::"approve_export", resource)\nwhen', 'Action::"hold", resource)\nwhen'
    )
    init_site(home, PASSPHRASE, evaluation=True, rules=rules, clock=clock)
    with open_site(home, PASSPHRASE, clock=clock) as site:
        seen = drill_exports(make_view(site, tmp_path, export_trial=make_trial(site)))
    assert seen.result is Result.FAIL
    assert seen.reason == "refused with two approvals of different organisations"

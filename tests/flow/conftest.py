"""A whole site in a temporary folder, opened with a clock that tests can move."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from carrierparts import Centre, enrol_travellers, serve_centre
from lineparts import PASSPHRASE, Line, MovableClock

from wayseal.seal.keys import PassphraseCost
from wayseal.station.lane_home import LaneHome
from wayseal.station.site import Site, init_site, open_site


@pytest.fixture(autouse=True)
def cheap_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make one guess at a passphrase cost little: these tests open a dozen keepers and attack none."""
    monkeypatch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))


@pytest.fixture
def clock() -> MovableClock:
    """A quarter past seven, UTC."""
    return MovableClock(datetime(2026, 11, 22, 7, 15, tzinfo=UTC))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a site will be."""
    return tmp_path / "home"


@pytest.fixture
def site(home: Path, clock: MovableClock) -> Iterator[Site]:
    """An evaluation site, open."""
    init_site(home, PASSPHRASE, evaluation=True, clock=clock)
    with open_site(home, PASSPHRASE, clock=clock) as opened:
        yield opened


@pytest.fixture
def line(site: Site, clock: MovableClock) -> Line:
    """The straight line, ready."""
    return Line(site, clock)


@pytest.fixture
def centre(site: Site) -> Iterator[Centre]:
    """A centre that listens, with two travellers enrolled."""
    enrol_travellers(site)
    with serve_centre(site) as opened:
        yield opened


@pytest.fixture
def lane(centre: Centre, tmp_path: Path) -> Iterator[LaneHome]:
    """A lane in its own home, which has no ledger."""
    with centre.add_lane(tmp_path / "lane") as opened:
        yield opened

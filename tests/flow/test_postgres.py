"""The whole line on a real PostgreSQL: rows there, sealed bytes in segment files, the same promises."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from sqlalchemy import create_engine, make_url
from sqlalchemy import text as text_of

from wayseal.flow.erase import erase_due
from wayseal.flow.review import list_crossings, record_crossings
from wayseal.model.border import Outcome, Seat
from wayseal.station.settings import FILE_NAME, initial_file
from wayseal.station.site import init_site, open_site


@pytest.fixture
def on_postgres(tmp_path: Path, clock: MovableClock, postgres_url: str) -> Iterator[Line]:
    """A site whose settings name a PostgreSQL database by a file: one of its own, where no other test leaves rows."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text_of("DROP DATABASE IF EXISTS line_site WITH (FORCE)"))
        connection.execute(text_of("CREATE DATABASE line_site"))
    engine.dispose()
    secret = tmp_path / "database-url"
    own = make_url(postgres_url).set(database="line_site")
    secret.write_text(own.render_as_string(hide_password=False), encoding="utf-8")
    text = f'{initial_file("port", "agency")}\n[store]\ndatabase_url_file = "{secret}"\n'
    init_site(tmp_path / "home", PASSPHRASE, evaluation=True, config=text, clock=clock)
    with open_site(tmp_path / "home", PASSPHRASE, clock=clock) as site:
        yield Line(site, clock)


def test_line_on_postgres(on_postgres: Line, clock: MovableClock, tmp_path: Path) -> None:
    """Seen, sealed, matched, recorded, erased; no SQLite file of records exists, and the URL is not in the settings."""
    answered = on_postgres.drive(on_postgres.lane(), make_vehicle(clock, {Seat.DRIVER: 1, Seat.REAR_LEFT: 9}))
    assert [person.outcome for person in answered.occupants] == [Outcome.MATCH, Outcome.NO_MATCH]
    assert len(record_crossings(on_postgres.register, answered)) == 2
    clock.move(timedelta(hours=13))
    (gone,) = erase_due(on_postgres.site.eraser)
    assert gone.records > 0
    officer = on_postgres.site.principal("officer-7", "officer")
    assert {one.traveller for one in list_crossings(on_postgres.register, officer)} == {"traveller-1", None}
    assert not (tmp_path / "home" / "store" / "records.sqlite").exists()
    assert "postgresql" not in (tmp_path / "home" / FILE_NAME).read_text(encoding="utf-8")

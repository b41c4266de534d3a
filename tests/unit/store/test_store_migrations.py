"""Each migration leads to a schema that works, and the last one to the schema the code uses."""

from datetime import timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, inspect, select, text
from storesite import NOON

from wayseal.model.errors import Invalid, Unavailable
from wayseal.store import schema
from wayseal.store.engine import open_engine, read, write
from wayseal.store.migrate import Line, current_revision, list_revisions, migrate

TABLES = {
    ("centre", "0001"): {"records", "encounters", "crossings"},
    ("centre", "0002"): {"holds", "hold_records", "releases"},
    ("centre", "0003"): {"organisations", "equipment", "observations", "oversight_state"},
    ("centre", "0004"): {
        "recipients",
        "approvers",
        "approver_keys",
        "exports",
        "export_approvals",
        "export_ballots",
    },
    ("centre", "0005"): {"crossings"},
    ("centre", "0006"): {"lane_days", "lane_watch"},
    ("centre", "0007"): {"lane_seats"},
    ("centre", "0008"): {"appointments", "release_approvals"},
    ("centre", "0009"): {"media"},
    ("lane", "0001"): {"outbox"},
}


def test_each_migration_is_tested() -> None:
    """No migration exists that this file does not know."""
    found = {(line, revision) for line in ("centre", "lane") for revision in list_revisions(line)}  # type: ignore[arg-type]
    assert found == set(TABLES)


@pytest.mark.parametrize(("line", "revision"), sorted(TABLES))
def test_migration_makes_its_tables(database_url: str, line: Line, revision: str) -> None:
    """Migrating an empty database up to a revision makes that revision's tables, on both engines."""
    engine = open_engine(database_url)
    migrate(engine, line, to=revision)
    assert current_revision(engine) == revision
    assert set(inspect(engine).get_table_names()) >= TABLES[line, revision]
    engine.dispose()


def test_migration_0002_keeps_rows(database_url: str) -> None:
    """Rows written under the first revision are still there, unchanged, under the second."""
    engine = open_engine(database_url)
    migrate(engine, to="0001")
    with write(engine) as connection:
        values = {"id": "E" * 26, "lane": "l", "direction": "entry", "time": NOON, "occupants_seen": 2}
        values |= {"record_class": "citizen", "epoch": "citizen/2026-11-22T12Z", "status": "live"}
        connection.execute(schema.encounters.insert().values(**values))
    migrate(engine)
    with read(engine) as connection:
        row = connection.execute(schema.encounters.select()).mappings().one()
    assert row["time"] == NOON
    assert row["occupants_seen"] == 2
    engine.dispose()


def test_migration_0003_keeps_rows(database_url: str) -> None:
    """Releases written under the second revision are still there, unchanged, under the third."""
    engine = open_engine(database_url)
    migrate(engine, to="0002")
    with write(engine) as connection:
        values = {
            "id": "R" * 26,
            "record": "S" * 26,
            "purpose": "primary_inspection",
            "principal": "officer:1",
        }
        values |= {"ledger_index": 7, "requested_at": NOON, "expires_at": NOON, "approved_by": "[]"}
        connection.execute(schema.releases.insert().values(**values))
    migrate(engine, to="0003")
    with read(engine) as connection:
        row = connection.execute(select(schema.releases.c.principal, schema.releases.c.ledger_index)).one()
    assert tuple(row) == ("officer:1", 7)
    engine.dispose()


@pytest.mark.parametrize(("line", "metadata"), [("centre", schema.centre), ("lane", schema.lane)])
def test_newest_schema_is_the_code_schema(database_url: str, line: Line, metadata: MetaData) -> None:
    """Alembic's comparison of the migrated database with the tables in the code finds no difference."""
    engine = open_engine(database_url)
    migrate(engine, line)
    with read(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_newer_database_is_refused(tmp_path: Path) -> None:
    """A database that a later version migrated is not touched."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.sqlite'}")
    migrate(engine)
    with write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Invalid, match="newer version"):
        migrate(engine)
    engine.dispose()


def test_failed_migration_leaves_nothing(tmp_path: Path) -> None:
    """A migration that fails half way rolls back whole."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE crossings (in_the_way INTEGER)"))
    with pytest.raises(Unavailable):
        migrate(engine)
    assert set(inspect(engine).get_table_names()) == {"crossings"}
    engine.dispose()


def test_times_are_exact(database_url: str) -> None:
    """Microseconds survive, and times sort across zones as instants."""
    engine = open_engine(database_url)
    migrate(engine)
    moment = NOON + timedelta(microseconds=1)
    here = moment.astimezone(timezone(timedelta(hours=-6)))
    with write(engine) as connection:
        values = {"id": "H" * 26, "reason": "audit", "approver_a": "a", "approver_b": "b", "ledger_index": 0}
        connection.execute(schema.holds.insert().values(**values, placed_at=here, until=moment))
        chosen = select(schema.holds.c.placed_at).where(schema.holds.c.placed_at >= moment)
        assert connection.execute(chosen).scalar() == moment
    engine.dispose()


def test_migration_0005_keeps_crossings(database_url: str) -> None:
    """A crossing from before has no tag of its plate, and is otherwise as it was."""
    engine = open_engine(database_url)
    migrate(engine, to="0004")
    with write(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO crossings (id, encounter, seat, lane, direction, time, decided, record_class, epoch) "
                "VALUES (:id, :encounter, 'driver', 'l', 'entry', 0, :no, 'crossing', 'crossing/2026-11-22T12Z')"
            ),
            {"id": "C" * 26, "encounter": "E" * 26, "no": False},
        )
    migrate(engine)
    with read(engine) as connection:
        row = connection.execute(schema.crossings.select()).mappings().one()
    assert (row["id"], row["plate_tag"]) == ("C" * 26, None)
    engine.dispose()

"""Bring a database to the newest schema. Owns the two lines of migrations: `centre` and `lane`.

There is no way down: whoever needs an older schema restores a backup, in which erased epochs stay unreadable.
"""

from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from wayseal.model.errors import Invalid
from wayseal.store.engine import read, write

Line = Literal["centre", "lane"]


def migrate(engine: Engine, line: Line = "centre", *, to: str = "head") -> None:
    """Run what is missing of a line of migrations up to revision `to`, in one transaction; quick when nothing is.

    Raises `Invalid` when the database is newer than this program.
    """
    config = _configure(line)
    script = ScriptDirectory.from_config(config)
    current = current_revision(engine)
    known = [revision.revision for revision in script.walk_revisions()]
    if current is not None and current not in known:
        raise Invalid(
            "the database was made by a newer version", hint="Install that version again.", schema=current
        )
    if current == (script.get_current_head() if to == "head" else to):
        return
    with write(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def current_revision(engine: Engine) -> str | None:
    """Return the schema revision of a database, or None when it is empty."""
    with read(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def list_revisions(line: Line) -> list[str]:
    """Return a line's revisions, oldest first."""
    walk = ScriptDirectory.from_config(_configure(line)).walk_revisions()
    return [revision.revision for revision in walk][::-1]


def _configure(line: Line) -> Config:
    config = Config()
    folder = Path(__file__).parent / "migrations" / line
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config

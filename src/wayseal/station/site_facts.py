"""What a home is, for ever: its id, when it was made, whether it is a test site; one small file, written last.

Owns `site.json`. Holds nothing secret and needs no passphrase.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Integrity, Invalid, NotFound
from wayseal.seal.keys.durable import write_file

SITE_FILE = "site.json"
FORMAT = "wayseal-home/v1"


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What a home is, for ever: its id, when it was made, and whether it is a test site (R-10)."""

    id: str
    created: datetime
    evaluation: bool
    origin: str


def read_facts(home: Path) -> SiteFacts:
    """Return what a home is. Needs no passphrase. Raises `NotFound` or `Integrity`."""
    try:
        value = json.loads((home / SITE_FILE).read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise Integrity("the home has another format than this program's", format=value["format"])
        return SiteFacts(value["id"], from_text(value["created"]), value["evaluation"], value["origin"])
    except FileNotFoundError:
        raise NotFound(
            "there is no Wayseal home here", hint=f"Make one: wayseal --home {home} init"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Integrity("site.json is damaged") from None


def write_facts(home: Path, facts: SiteFacts) -> None:
    """Write what the home is; last, so that a home that was not finished is not taken for one."""
    value = {
        "format": FORMAT, "id": facts.id, "created": to_text(facts.created), "evaluation": facts.evaluation,
        "origin": facts.origin,
    }  # fmt: skip
    write_file(home / SITE_FILE, json.dumps(value, indent=1).encode())


@contextmanager
def make_home(home: Path) -> Iterator[None]:
    """Make an empty home for the block to fill. What the block wrote is taken away when it fails, so that it may be tried again.

    Raises `Invalid` for a directory with anything in it.
    """
    if home.exists() and any(home.iterdir()):
        raise Invalid("the home directory is not empty", hint="Choose another directory with --home.")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    try:
        yield
    except BaseException:
        for path in home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        raise

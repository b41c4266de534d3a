"""What a home is, for ever: its id, when it was made, whether it is a test site; one small file, written last.

Owns `site.json`. Holds nothing secret and needs no passphrase.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Integrity, NotFound
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

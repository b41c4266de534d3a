"""A process that releases an export and is killed on the way: `python exportchild.py HOME EXPORT BOUNDARY WHEN`.

BOUNDARY is `module:attribute`, or `ledger` for the append of the `export-release` entry; WHEN is `before` or `after`.
"""

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from lineparts import PASSPHRASE

from wayseal.flow.handover import release_export
from wayseal.ledger.log import Ledger
from wayseal.station.exports import open_disclosure
from wayseal.station.site import open_site


def plant_death(boundary: str, when: str) -> None:
    """Replace a function by one that dies before or after its first call that matters."""
    if boundary == "ledger":
        owner: Any = Ledger
        name = "append"
    else:
        module, _, name = boundary.partition(":")
        owner = importlib.import_module(module)
    original = getattr(owner, name)

    def dying(*args: Any, **kwargs: Any) -> Any:
        matters = boundary != "ledger" or any(entry["type"] == "export-release" for entry in args[1])
        if matters and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **kwargs)
        if matters:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, dying)


def main() -> None:
    """Release, and die."""
    home, export, boundary, when = sys.argv[1:]
    with open_site(Path(home), PASSPHRASE) as site:
        desk = open_disclosure(site)
        plant_death(boundary, when)
        release_export(desk, site.principal("privacy-1", "privacy_officer"), export)


if __name__ == "__main__":
    main()

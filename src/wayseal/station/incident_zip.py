"""An incident's evidence pack as one file to hand over. Owns the packing; what is in it `flow.pack` decides: no picture, nobody's name."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

from wayseal.station.incidents import pack_incident

if TYPE_CHECKING:
    from wayseal.station.site import Site


def zip_pack(site: "Site", incident: str, folder: Path) -> Path:
    """Write the pack as a .zip into `folder`, which the caller removes, and return it. Raises what `pack_incident` raises."""
    target = folder / f"incident-{incident}.zip"
    with tempfile.TemporaryDirectory(dir=folder) as place:
        pack_incident(site, incident, Path(place) / "pack")
        with ZipFile(target, "w", ZIP_DEFLATED) as archive:
            for file in sorted((Path(place) / "pack").rglob("*")):
                if file.is_file():
                    archive.write(file, f"incident-{incident}/{file.relative_to(Path(place) / 'pack')}")
    return target

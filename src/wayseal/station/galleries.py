"""A site's galleries: import, forget, facts; each change with its entry on the ledger first.

Owns no file. Reports name travellers only where the caller asked for names, and nothing here is logged but counts.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wayseal.flow.calibrate import check_promise, fit_looks, read_looks
from wayseal.flow.enrol import ImportReport, import_gallery, read_list
from wayseal.flow.gallery_key import forget_traveller, write_site_calibration
from wayseal.match.gallery import Gallery, list_galleries
from wayseal.model.errors import NotFound
from wayseal.model.ids import check_name
from wayseal.station.second import load_second, open_seconds
from wayseal.station.site import Site
from wayseal.vision.models import list_models
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.template import OnnxFaceModel


def import_list(
    site: Site, path: Path, name: str, *, advance: Callable[[int], None] = lambda _: None
) -> ImportReport:
    """Enrol a CSV's pictures into a gallery, made when it is new. See `flow.enrol.import_gallery`."""
    rows = read_list(path, keep_faulty=True)
    chosen = site.settings.match
    second = load_second(chosen.second_model)
    reader = PortraitReader(model=OnnxFaceModel(chosen.model or None), second=second)
    manifest = reader.model.manifest
    gallery = site.create_gallery(name, model_sha256=manifest.sha256, dimension=manifest.dim)
    site.ledger.append(
        [{"type": "enrol", "object": name, "images": len(rows), "model_sha256": manifest.sha256}]
    )
    seconds = open_seconds(site, name) if second else None
    report = import_gallery(
        path, gallery, reader, portraits=site.portraits(name), seconds=seconds, advance=advance
    )
    site.ledger.append(
        [{"type": "enrol", "object": name, "images": report.enrolled, "travellers": report.travellers}]
    )
    return report


def calibrate_site(
    site: Site,
    path: Path,
    *,
    probes: Path | None = None,
    cameras: Sequence[str] = (),
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Fit this site's thresholds to pictures from its own cameras, and return what they support.

    The CSV `path,identity` lists pictures of 100 people or more, best 1,000; `probes` lists pictures of them, or of others, as
    the lanes take them. Without it the pictures of `path` are searched as a lane would read them. Templates stay in memory.
    Raises `Invalid` for too few people.
    """
    reader = PortraitReader(model=OnnxFaceModel(site.settings.match.model or None))
    looks = read_looks(
        read_list(path), path.parent, reader,
        lane_rows=read_list(probes) if probes else (), lane_folder=probes.parent if probes else None, advance=advance,
    )  # fmt: skip
    made = fit_looks(
        looks,
        model_sha256=reader.model.manifest.sha256,
        source="this site's own pictures, searched by " + ("its lanes' pictures" if probes else "the same as a lane reads them"),
        cameras=[check_name(camera, what="camera") for camera in cameras],
    )  # fmt: skip
    digest = hashlib.sha256(made.to_json().encode()).hexdigest()
    site.ledger.append([{"type": "config", "object": "calibration", "config_sha256": digest}])
    write_site_calibration(site.keys.keeper, site.galleries, made)
    fpir = site.settings.match.fpir
    return {
        "people": made.people,
        "templates": made.templates,
        "searched_with": "lane pictures" if probes else "the same pictures",
        "probes": {
            light: {"pictures": len(one.people), "people": one.persons} for light, one in looks.probes.items()
        },
        "left_out": looks.left_out,
        "cameras": list(made.cameras),
        "fpir_target": fpir,
        "supported_size": made.largest_gallery(fpir),
        "thresholds": {str(size): made.threshold(size, fpir) for size in (1, 10, 100, 1000, 10000)},
        "check": check_promise(looks),
        "config_sha256": digest,
    }


def list_facts(site: Site) -> list[dict[str, Any]]:
    """Return the facts of each gallery, in order of name."""
    return [gallery_facts(site, name) for name in list_galleries(site.galleries)]


def gallery_facts(site: Site, name: str, *, named: bool = False) -> dict[str, Any]:
    """Return a gallery's size, model and threshold, and how well its rate of false positives is known.

    `named` adds the travellers' ids: personal data. Figures of the calibration are None without one.
    """
    gallery = site.gallery(name)
    fpir = site.settings.match.fpir
    facts: dict[str, Any] = {
        "gallery": name,
        "travellers": len(gallery.travellers()),
        "templates": gallery.size,
        "model_sha256": gallery.model_sha256,
        "licence_class": _licence_class(gallery.model_sha256),
        "fpir_target": fpir,
        "threshold": None,
        "fpir_ci95": None,
        "supported_size": None,
        "calibrated_on": None,
        "calibrated_cameras": [],
    }
    calibration = gallery.calibration
    if calibration is not None:
        size = max(1, gallery.size)
        facts["threshold"] = calibration.threshold(size, fpir)
        facts["fpir_ci95"] = list(calibration.interval(size, facts["threshold"]))
        facts["supported_size"] = calibration.largest_gallery(fpir)
        facts["calibrated_on"] = calibration.source
        facts["calibrated_cameras"] = list(calibration.cameras)
    if named:
        facts["names"] = gallery.travellers()
    return facts


def _licence_class(model_sha256: str) -> str | None:
    """Return what the licence of a gallery's model allows, by its manifest; None for a model that is no longer there."""
    found = (one.licence_class for one in list_models() if one.sha256 == model_sha256)
    return next(found, None)


def plan_forgetting(site: Site, name: str, traveller: str) -> dict[str, Any]:
    """Return what forgetting would do, having changed nothing. Raises `NotFound`."""
    gallery = site.gallery(name)
    return _forgotten(gallery, _count_templates(gallery, traveller), done=False)


def forget_enrolled(site: Site, name: str, traveller: str) -> dict[str, Any]:
    """Erase a traveller: templates, reference picture, and the key that older copies of the gallery would need.

    Raises `NotFound` when there is no such traveller.
    """
    gallery = site.gallery(name)
    count = _count_templates(gallery, traveller)
    site.ledger.append([{"type": "forget", "object": name, "tag": _tag(site, traveller), "images": count}])
    books = (site.portraits(name), open_seconds(site, name))
    forget_traveller(site.keys.keeper, gallery, traveller, books=books)
    return _forgotten(gallery, count, done=True)


def _count_templates(gallery: Gallery, traveller: str) -> int:
    """Return how many templates a traveller has. Raises `NotFound` for none."""
    count = gallery.loaded.count(traveller)
    if count == 0:
        raise NotFound("no such traveller in the gallery", gallery=gallery.name)
    return count


def _tag(site: Site, traveller: str) -> str:
    """Return what stands for a traveller on the ledger: a keyed tag, 64 hex digits, that says nothing without the key."""
    index = site.keys.index
    return (index.tag("forgotten", traveller) + index.tag("forgotten-too", traveller)).hex()


def _forgotten(gallery: Gallery, count: int, *, done: bool) -> dict[str, Any]:
    """Return the report of forgetting."""
    return {
        "gallery": gallery.name,
        "templates": count,
        "travellers": len(gallery.travellers()),
        "forgotten": done,
    }

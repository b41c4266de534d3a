"""What `evaluate lane` needs before the first frame: videos with their truth, the networks, a gallery in memory."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from wayseal.flow.identify import GallerySearch
from wayseal.match.calibrate import shipped_calibration
from wayseal.match.loaded import LoadedGallery
from wayseal.match.search import SearchPolicy
from wayseal.model.errors import Invalid, NotFound, WaysealError
from wayseal.vision.capture import CaptureModels
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import PortraitReader


def list_videos(video: Path | None, truth: Path | None, folder: Path | None) -> list[tuple[Path, Path]]:
    """Return (video, truth) paths: one pair, or all of a folder in order of name. Raises `Invalid` or `NotFound`."""
    if (video is None) == (folder is None):
        raise Invalid("give one video or a folder of videos", hint="Use --video FILE or --videos DIR.")
    if video is not None:
        return [(video, truth or video.with_suffix(".json"))]
    if folder is None or not folder.is_dir():
        raise NotFound("there is no such folder of videos", hint="Use --videos DIR.")
    found = [(path, path.with_suffix(".json")) for path in sorted(folder.glob("*.mp4"))]
    pairs = [(path, known) for path, known in found if known.is_file()]
    if not pairs:
        raise NotFound(
            "no .mp4 with a .json beside it in that folder", hint="See docs/reference/simulator.md."
        )
    return pairs


def read_gallery_list(path: Path) -> list[tuple[Path, str]]:
    """Return (picture, identity) rows of a CSV `path,identity`; paths are relative to it. Raises `NotFound` or `Invalid`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise NotFound(
            f"cannot read the gallery: {error.strerror}", hint="Give a CSV path,identity."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise Invalid("the gallery is not a CSV", hint="Give a UTF-8 CSV path,identity.") from None
    if rows and not {"path", "identity"} <= set(rows[0]):
        raise Invalid("the gallery has another header", hint="Its header is path,identity[,class].")
    return [(path.parent / row["path"], row["identity"]) for row in rows if row["path"] and row["identity"]]


def enrol_pictures(
    pictures: Sequence[tuple[Path, str]],
    models: CaptureModels,
    *,
    fpir: float,
    advance: Callable[[int], None] = lambda _: None,
) -> GallerySearch:
    """Return a searcher over the pictures, in memory only. Pictures that cannot be enrolled are left out."""
    reader = PortraitReader(models.detector, models.embedder)
    manifest = models.embedder.manifest
    gallery = LoadedGallery(
        "evaluation", manifest.sha256, manifest.dim, calibration=shipped_calibration(manifest.sha256)
    )
    for path, identity in pictures:
        try:
            template = reader.read_enrolment(read_picture(path)).template
        except WaysealError:
            continue
        finally:
            advance(1)
        gallery.add([identity], template.vector[None])
    return GallerySearch(gallery, SearchPolicy(fpir=fpir, possible_fpir=max(0.05, fpir)))

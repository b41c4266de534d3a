"""A site's second network: where its templates lie, and who is asked about a match.

Owns no rule; a site without `match.second_model` has none of it.
"""

from wayseal.flow.second import SecondBook, SecondCheck
from wayseal.match.portraits import SealedBook
from wayseal.model.ids import check_name
from wayseal.station.site import Site
from wayseal.vision.second_opinion import SecondOpinion, doubt_limit, find_second

_CONTEXT = b"wayseal-second/v1/"


def open_seconds(site: Site, gallery: str) -> SecondBook:
    """Return the second network's templates of a gallery's travellers."""
    folder = site.galleries / check_name(gallery, what="gallery name") / "seconds"
    book = SealedBook(
        folder,
        site.keys.gallery_cipher(gallery),
        lambda who: site.keys.index.tag("second", who),
        context=_CONTEXT,
        suffix=".second",
    )
    return SecondBook(book)


def open_check(site: Site, gallery: str) -> SecondCheck | None:
    """Return what reviews matches in a gallery, None where the site uses no second network.

    Raises `NotFound` for a model that is not installed, `Invalid` for one that cannot doubt.
    """
    name = site.settings.match.second_model
    if not name:
        return None
    manifest = find_second(name)
    return SecondCheck(open_seconds(site, gallery), doubt_limit(manifest), manifest.metric)


def load_second(name: str) -> SecondOpinion | None:
    """Return the second network of that name, None for no name. Raises `NotFound` when its file was not brought."""
    return SecondOpinion(name=name) if name else None

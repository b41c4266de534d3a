"""`wayseal evaluate`: offline accuracy measures. They read pictures and truth, and write nothing but their report."""

from wayseal.cli.lazy import LazyGroup

MEASURES = {
    "faces": "One-to-one accuracy over pairs of pictures.",
    "lane": "A lane video against its ground truth.",
    "plates": "Plate reading over single pictures.",
    "presentation": "Pictures shown to the camera instead of faces.",
    "search": "Open-set identification over a gallery and probes.",
}


command = LazyGroup(name="evaluate", help=__doc__, package="wayseal.cli.evaluate", nouns=MEASURES)

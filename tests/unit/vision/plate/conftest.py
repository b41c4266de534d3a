"""One plate reader for all tests of the room."""

import pytest

from wayseal.vision.models import PLATE_FINDER, PLATE_READER, load_session
from wayseal.vision.plate.reader import PlateReader


@pytest.fixture(scope="session")
def plate_reader() -> PlateReader:
    """Return a reader from the pinned models; loading them takes most of a second."""
    return PlateReader(load_session(PLATE_FINDER), load_session(PLATE_READER))

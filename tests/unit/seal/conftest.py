"""Sites for the seal tests."""

from pathlib import Path

import pytest
from sealsite import Site, make_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site that several tests share: they seal and open, and destroy nothing."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def fresh_site(tmp_path: Path) -> Site:
    """A site of a test's own."""
    return make_site(tmp_path)

"""Sites and devices for the seal tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sealdevices import make_token, run_tpm
from sealsite import Site, make_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site that several tests share: they seal and open, and destroy nothing."""
    return make_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def fresh_site(tmp_path: Path) -> Site:
    """A site of a test's own."""
    return make_site(tmp_path)


@pytest.fixture(scope="session")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running software TPM: its TCTI."""
    with run_tpm(tmp_path_factory.mktemp("tpm")) as tcti:
        yield tcti


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A software HSM's library, with one initialised token. Once a process: the library reads its configuration once."""
    return make_token(tmp_path_factory.mktemp("hsm"))

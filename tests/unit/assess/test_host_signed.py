"""Signed files on a host: what a maker signs with OpenSSL's own command is accepted, and nothing else."""

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from hosttree import HostTree

from wayseal.assess.host.signed import read_signed


def openssl(*arguments: str | Path) -> bytes:
    """Run openssl and return what it prints."""
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


@pytest.fixture
def signed_host(tmp_path: Path) -> HostTree:
    """A host with a bill that was signed as `docs/howto/prepare-a-lane-host.md` says."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    tree = HostTree(tmp_path / "root")
    key, bill = tmp_path / "maker.pem", tree.put("/bill", '{"bomFormat": "CycloneDX"}')
    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", bill, "-out", f"{bill}.sig")
    public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")[-32:]
    tree.facts = dataclasses.replace(tree.facts, signers=("00" * 32, public.hex()))
    return tree


def test_openssl_signature_is_accepted(signed_host: HostTree) -> None:
    """A detached signature that OpenSSL made is accepted when its key is one of those declared."""
    assert read_signed(signed_host.view(), "/bill") == (b'{"bomFormat": "CycloneDX"}', None)


def test_changed_file_is_told(signed_host: HostTree) -> None:
    """A file that was changed, not signed, or signed by nobody declared is told apart from a good one, and from one that is not there."""
    signed_host.put("/bill", "{}")
    assert read_signed(signed_host.view(), "/bill")[1] == "/bill is not signed by a declared signer"
    signed_host.remove("/bill.sig")
    assert read_signed(signed_host.view(), "/bill")[1] == "/bill is not signed"
    signed_host.remove("/bill")
    assert read_signed(signed_host.view(), "/bill") == (None, "/bill is not there")


def test_wrong_signer_is_no_error(signed_host: HostTree) -> None:
    """A declared key that is none, or a signature of another length, is no signature; nothing breaks."""
    signed_host.facts = dataclasses.replace(signed_host.facts, signers=("zz", "ab"))
    signed_host.put("/bill.sig", b"short")
    assert read_signed(signed_host.view(), "/bill")[1] == "/bill is not signed by a declared signer"

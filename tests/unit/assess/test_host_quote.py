"""The TPM's part, on a software TPM: it signs nonce, evidence and measurements, and nothing else passes."""

import dataclasses
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hosttree import DEVICE, NOW, SIGNER, HostTree
from sealdevices import run_tpm

from wayseal.assess.bundle import encode_bundle, parse_bundle
from wayseal.assess.catalogue import find_probe
from wayseal.assess.collector import assess_host
from wayseal.assess.host.facts import BOOT_PCRS, HostFacts
from wayseal.assess.host.view import run_command
from wayseal.assess.quote import Quote, parse_attest, take_quote, verify_quote
from wayseal.assess.verify import Expected, verify_bundle
from wayseal.model.errors import Integrity, Invalid, Unavailable
from wayseal.model.oversight import EquipmentKind, Observation, Result

HANDLE = "0x81010002"
NONCE = bytes(range(32))
EXTRA = bytes(range(32, 64))
SPECS = (find_probe("p13"),)


@dataclass
class Tpm:
    """A software TPM with a quoting key: how to reach it, and the key's public half in PEM."""

    tcti: str
    public: bytes

    def ask(self, *command: str) -> str:
        """Run one of the tpm2 programs and return what it prints."""
        done = subprocess.run([*command, "-T", self.tcti], check=True, capture_output=True, text=True)
        return done.stdout

    def extend(self, number: int) -> None:
        """Measure something into a PCR."""
        self.ask("tpm2_pcrextend", f"{number}:sha256={'ab' * 32}")

    def pcrs(self) -> dict[str, str]:
        """Return the values of the boot PCRs."""
        said = self.ask("tpm2_pcrread", "sha256:" + ",".join(map(str, BOOT_PCRS)))
        rows = (line.split(":") for line in said.splitlines() if ": 0x" in line)
        return {number.strip(): value.strip().removeprefix("0x").lower() for number, value in rows}


def make_key(tcti: str, folder: Path, scheme: Sequence[str]) -> Tpm:
    """Make a quoting key of some scheme at the usual handle."""
    context, public = folder / "ak.ctx", folder / "ak.pem"
    tpm = Tpm(tcti, b"")
    tpm.ask("tpm2_createek", "-c", str(folder / "ek.ctx"), "-G", "rsa")
    tpm.ask("tpm2_flushcontext", "-t")
    tpm.ask(
        "tpm2_createak",
        "-C",
        str(folder / "ek.ctx"),
        "-c",
        str(context),
        *scheme,
        "-u",
        str(public),
        "-f",
        "pem",
    )
    tpm.ask("tpm2_flushcontext", "-t")
    tpm.ask("tpm2_evictcontrol", "-c", str(context), HANDLE)
    return Tpm(tcti, public.read_bytes())


@pytest.fixture(scope="module", params=["ecc", "rsa"])
def tpm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tpm]:
    """A software TPM with an ECDSA or an RSA quoting key."""
    schemes = {
        "ecc": ["-G", "ecc", "-g", "sha256", "-s", "ecdsa"],
        "rsa": ["-G", "rsa", "-g", "sha256", "-s", "rsassa"],
    }
    folder = tmp_path_factory.mktemp("tpm")
    with run_tpm(folder) as tcti:
        yield make_key(tcti, folder, schemes[request.param])


def quote_now(tpm: Tpm, extra: bytes = EXTRA) -> Quote:
    """Return a quote over the boot PCRs."""
    return take_quote(run_command, HANDLE, BOOT_PCRS, extra, tcti=tpm.tcti)


def test_quote_is_what_the_tools_say(tpm: Tpm, tmp_path: Path) -> None:
    """A quote that tpm2_checkquote accepts is accepted here, and says the same 32 bytes and measurements."""
    quote = quote_now(tpm)
    for name, data in (("m", quote.attest), ("s", quote.signature), ("k", tpm.public)):
        (tmp_path / name).write_bytes(data)
    places = {name: str(tmp_path / name) for name in "msk"}
    check = [
        "tpm2_checkquote",
        "-u",
        places["k"],
        "-m",
        places["m"],
        "-s",
        places["s"],
        "-q",
        EXTRA.hex(),
        "-g",
        "sha256",
    ]
    subprocess.run(check, check=True, capture_output=True)
    attest = verify_quote(quote, tpm.public, EXTRA, tpm.pcrs())
    assert attest.pcrs == BOOT_PCRS
    assert attest.extra == EXTRA


def test_stale_quote_is_refused(tpm: Tpm) -> None:
    """A quote for another nonce, or from before something else was measured, is refused."""
    quote, before = quote_now(tpm), tpm.pcrs()
    with pytest.raises(Integrity, match="not for this nonce"):
        verify_quote(quote, tpm.public, NONCE, before)
    tpm.extend(11)
    with pytest.raises(Integrity, match="not those that the host told"):
        verify_quote(quote, tpm.public, EXTRA, tpm.pcrs())
    with pytest.raises(Integrity, match="not those that the host told"):
        verify_quote(quote_now(tpm), tpm.public, EXTRA, before)


def test_changed_quote_is_refused(tpm: Tpm) -> None:
    """Each byte of a quote and of its signature counts; another key, or no key at all, is told apart."""
    quote, values = quote_now(tpm), tpm.pcrs()
    for at in range(0, len(quote.attest), 7):
        changed = bytearray(quote.attest)
        changed[at] ^= 1
        with pytest.raises(Integrity):
            verify_quote(Quote(bytes(changed), quote.signature), tpm.public, EXTRA, values)
    with pytest.raises(Integrity):
        verify_quote(Quote(quote.attest, quote.signature[:-1]), tpm.public, EXTRA, values)
    with pytest.raises(Invalid, match="not a public key"):
        verify_quote(quote, b"no key", EXTRA, values)


def test_missing_handle_is_unavailable(tpm: Tpm) -> None:
    """A TPM without the quoting key gives no quote, and says so."""
    with pytest.raises(Unavailable, match="no quote"):
        take_quote(run_command, "0x81010099", BOOT_PCRS, EXTRA, tcti=tpm.tcti)


def make_host(tpm: Tpm, root: Path) -> HostTree:
    """Return a host that shows what its TPM has measured, and is declared so."""
    tree, values = HostTree(root), tpm.pcrs()
    for number, value in values.items():
        tree.put(f"/sys/class/tpm/tpm0/pcr-sha256/{number}", value.upper())
    tree.put("/proc/cmdline", "roothash=5c")
    tree.put("/sys/block/dm-0/dm/uuid", "CRYPT-VERITY-1-root")
    tree.facts = HostFacts(pcrs=values, verity_root="5c", quote_handle=HANDLE, tcti=tpm.tcti)
    return tree


def judge(tree: HostTree, tpm: Tpm, raw: bytes) -> Observation:
    """Return what the assessor makes of probe 13."""
    expected = Expected("lane1-host", NONCE, NOW, SPECS, tree.facts, SIGNER.public, tpm.public)
    return verify_bundle(raw, expected, NOW)[0]


def collect(tree: HostTree) -> bytes:
    """Return the host's bundle."""
    return assess_host(
        "lane1-host",
        EquipmentKind.LANE_HOST,
        tree.view(),
        SPECS,
        nonce=NONCE,
        signer=SIGNER,
        clock=lambda: NOW,
    )


def test_quoted_host_passes(tpm: Tpm, tmp_path: Path) -> None:
    """A host whose TPM signs nonce, evidence and the declared measurements passes probe 13."""
    tree = make_host(tpm, tmp_path)
    assert judge(tree, tpm, collect(tree)).result is Result.PASS


def test_lying_kernel_is_caught(tpm: Tpm, tmp_path: Path) -> None:
    """A host that booted something else and shows the declared values is caught by what its TPM signed."""
    tree = make_host(tpm, tmp_path)
    tpm.extend(4)
    raw = collect(tree)
    assert parse_bundle(raw).observations[0].result is Result.PASS  # the host's own word
    with pytest.raises(Integrity, match="not those that the host told"):
        judge(tree, tpm, raw)


def test_honest_kernel_fails_boot(tpm: Tpm, tmp_path: Path) -> None:
    """A host that booted something else and says so fails probe 13 with the number of the PCR."""
    tree = make_host(tpm, tmp_path)
    tpm.extend(4)
    tree.put("/sys/class/tpm/tpm0/pcr-sha256/4", tpm.pcrs()["4"])
    seen = judge(tree, tpm, collect(tree))
    assert seen.result is Result.FAIL
    assert seen.reason.endswith("PCR 4 is not as declared")


def test_edited_evidence_loses_its_quote(tpm: Tpm, tmp_path: Path) -> None:
    """Evidence edited after the quote is refused even when the host's own key signs it again."""
    tree = make_host(tpm, tmp_path)
    bundle = parse_bundle(collect(tree))
    better = dataclasses.replace(bundle.observations[0], reason="all is well")
    raw = encode_bundle(bundle.header, [better], bundle.quote, DEVICE.sign)
    with pytest.raises(Integrity, match="not for this nonce and this evidence"):
        judge(tree, tpm, raw)


def test_attest_needs_one_bank(tpm: Tpm, tmp_path: Path) -> None:
    """A quote over another bank of measurements is refused: only SHA-256 was declared."""
    attest, signature = tmp_path / "m", tmp_path / "s"
    tpm.ask(
        "tpm2_quote", "-c", HANDLE, "-l", "sha384:0,2", "-q", EXTRA.hex(), "-g", "sha256", "-m", os.fspath(attest),
        "-s", os.fspath(signature),
    )  # fmt: skip
    with pytest.raises(Integrity, match="SHA-256 measurements alone"):
        parse_attest(attest.read_bytes())

"""A software HSM and a software TPM for the tests: real programs, in folders of their own."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SOFTHSM = next(
    (
        path
        for path in map(Path, ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"))
        if path.exists()
    ),
    None,
)
PIN = b"123456"
TOKEN = "wayseal-test"


def make_token(folder: Path) -> Path:
    """Initialise a SoftHSM token and return the PKCS#11 library; skip the test where SoftHSM is not installed."""
    if SOFTHSM is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM 2 is not installed (Debian: softhsm2)")
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extra hsm)")
    (folder / "tokens").mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(config)
    subprocess.run(
        [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            TOKEN,
            "--pin",
            PIN.decode(),
            "--so-pin",
            "12345678",
        ],
        check=True,
        capture_output=True,
    )
    return SOFTHSM


@contextmanager
def run_tpm(folder: Path) -> Iterator[str]:
    """Run a software TPM and give its TCTI; skip the test where swtpm or tpm2-tools are not installed."""
    if shutil.which("swtpm") is None or shutil.which("tpm2_nvread") is None:
        pytest.skip("swtpm and tpm2-tools are not installed (Debian: swtpm tpm2-tools)")
    (folder / "state").mkdir(parents=True)
    socket = Path("/tmp") / f"wayseal-tpm-{os.getpid()}-{id(folder)}"  # noqa: S108 - socket names must be short
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder / 'state'}", "--server",
               f"type=unixio,path={socket}", "--ctrl", f"type=unixio,path={socket}.ctrl",
               "--flags", "not-need-init,startup-clear"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(socket.with_name(socket.name + ".ctrl"))
        yield f"swtpm:path={socket}"
    finally:
        process.terminate()
        process.wait(timeout=120)
        for leftover in (socket, socket.with_name(socket.name + ".ctrl")):
            leftover.unlink(missing_ok=True)


def wait_for(path: Path) -> None:
    """Return when a path is there; fail after two minutes."""
    deadline = time.monotonic() + 120
    while not path.exists():
        if time.monotonic() > deadline:
            pytest.fail("the software TPM did not start")
        os.sched_yield()

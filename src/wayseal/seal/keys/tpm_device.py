"""One small secret in a TPM 2: an NV index behind a passphrase, through the programs of tpm2-tools.

The passphrase's hash goes to those programs in an anonymous file in memory and the secret through a pipe: never as an
argument, never through a disk. The TPM itself slows guessing (dictionary-attack lockout).
"""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field

from wayseal.model.errors import Integrity, Invalid, KeeperLocked, Unavailable

SECRET_SIZE = 32
_PATIENCE = 60  # seconds: a hardware TPM answers within one


@dataclass(frozen=True)
class TpmIndex:
    """An NV index. `tcti` says how to reach the TPM as tpm2-tools know it; empty for the system's own."""

    index: int
    passphrase: bytes = field(repr=False)
    tcti: str = ""

    def define(self, secret: bytes) -> None:
        """Make the index and write the secret. Raises `Invalid` when it is taken, `Unavailable` without a TPM."""
        self._run("tpm2_nvdefine", "-C", "o", "-s", str(SECRET_SIZE), "-a", "authread|authwrite", auth="-p")
        self.write(secret)

    def write(self, secret: bytes) -> None:
        """Replace the secret: when this returns the TPM has forgotten the one before."""
        if len(secret) != SECRET_SIZE:
            raise Invalid(f"the TPM keeps {SECRET_SIZE} bytes")
        self._run("tpm2_nvwrite", "-C", hex(self.index), "-i", "-", auth="-P", stdin=secret)

    def read(self) -> bytes:
        """Return the secret. Raises `KeeperLocked` for a wrong passphrase or a TPM that refuses to be asked."""
        secret = self._run("tpm2_nvread", "-C", hex(self.index), "-s", str(SECRET_SIZE), auth="-P")
        if len(secret) != SECRET_SIZE:
            raise Integrity("the TPM's index does not hold a secret of this keeper")
        return secret

    def _run(self, program: str, *arguments: str, auth: str, stdin: bytes = b"") -> bytes:
        """Run one program on the index and return its output; its errors become ours."""
        if shutil.which(program) is None:
            raise Unavailable("tpm2-tools are not installed", hint="Install the package tpm2-tools.")
        memory = os.memfd_create("auth")
        try:
            os.write(memory, hashlib.sha256(b"wayseal-tpm/v1" + self.passphrase).hexdigest()[:32].encode())
            command = [program, hex(self.index), *arguments, auth, f"file:/dev/fd/{memory}"]
            done = subprocess.run(
                command, input=stdin, capture_output=True, pass_fds=(memory,), env=self._environment(),
                timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unavailable("the TPM does not answer") from None
        finally:
            os.close(memory)
        if done.returncode:
            raise _explain(done.stderr.decode(errors="replace"))
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TPM2TOOLS_TCTI": self.tcti} if self.tcti else dict(os.environ)


def _explain(report: str) -> Exception:
    """Return our error for what a program reported; only the TPM's own words for the kind of failure are read."""
    if any(words in report for words in ("authorization HMAC check failed", "authValue", "DA lockout")):
        return KeeperLocked(
            "the passphrase does not open the TPM's index", hint="TPMs lock after a few wrong tries."
        )
    if "already defined" in report:
        return Invalid("the TPM's index is taken", hint="Choose another NV index.")
    if "handle" in report:
        return KeeperLocked(
            "the TPM has no such index", hint="The TPM was cleared or changed: see the how-to dead-hsm."
        )
    return Unavailable("the TPM does not answer", hint="Check that /dev/tpmrm0 is there and readable.")

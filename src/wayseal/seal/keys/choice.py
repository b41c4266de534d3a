"""Which keeper a site has: named once in its configuration, made and opened through one door.

Owns the choice and nothing of how a keeper works.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wayseal.model.errors import Invalid
from wayseal.seal.keys.file_keeper import FileKeeper
from wayseal.seal.keys.hsm_keeper import HsmKeeper
from wayseal.seal.keys.keeper import KeyKeeper
from wayseal.seal.keys.tpm_keeper import DEFAULT_INDEX, TpmKeeper


@dataclass(frozen=True, slots=True)
class KeeperChoice:
    """What the configuration says of a keeper. `module` and `token` are the HSM's, `tcti` and `index` the TPM's.

    An HSM keeps nothing in the folder; its token must have been initialised with the vendor's tool. An empty `tcti` is
    the machine's own TPM.
    """

    kind: Literal["file", "hsm", "tpm"] = "file"
    module: Path | None = None
    token: str = ""
    tcti: str = ""
    index: int = DEFAULT_INDEX

    def create(self, folder: Path, passphrase: bytes) -> KeyKeeper:
        """Make the keeper and return it open. For an HSM the passphrase is the token's PIN."""
        if self.kind == "file":
            return FileKeeper.create(folder, passphrase)
        if self.kind == "tpm":
            return TpmKeeper.create(folder, passphrase, tcti=self.tcti, index=self.index)
        return self._open_token(passphrase)

    def open(self, folder: Path, passphrase: bytes) -> KeyKeeper:
        """Open the keeper. Raises `KeeperLocked` for a wrong passphrase or PIN."""
        if self.kind == "file":
            return FileKeeper.open(folder, passphrase)
        if self.kind == "tpm":
            return TpmKeeper.open(folder, passphrase, tcti=self.tcti, index=self.index)
        return self._open_token(passphrase)

    def _open_token(self, pin: bytes) -> HsmKeeper:
        if self.module is None or not self.token:
            raise Invalid("an HSM keeper needs the PKCS#11 library and the token's label")
        return HsmKeeper.open(self.module, self.token, pin)

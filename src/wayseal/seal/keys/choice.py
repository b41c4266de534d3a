"""Which keeper a site has: named once in its configuration, made and opened through one door.

Owns the choice and nothing of how a keeper works.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wayseal.model.errors import Invalid, KeeperLocked, Unavailable
from wayseal.seal.keys.file_keeper import FileKeeper
from wayseal.seal.keys.hsm_keeper import HsmKeeper
from wayseal.seal.keys.keeper import KeyKeeper
from wayseal.seal.keys.mirror_keeper import AbsentKeeper, MirrorKeeper
from wayseal.seal.keys.tpm_keeper import DEFAULT_INDEX, TpmKeeper


@dataclass(frozen=True, slots=True)
class KeeperChoice:
    """What the configuration says of a keeper. `module` and `token` are the HSM's, `tcti` and `index` the TPM's.

    An HSM keeps nothing in the folder; its token must have been initialised with the vendor's tool. An empty `tcti` is
    the machine's own TPM. `second` is the other replica, in a folder inside the first one's; one passphrase or PIN opens both.
    """

    kind: Literal["file", "hsm", "tpm"] = "file"
    module: Path | None = None
    token: str = ""
    tcti: str = ""
    index: int = DEFAULT_INDEX
    second: "KeeperChoice | None" = None

    def create(self, folder: Path, passphrase: bytes) -> KeyKeeper:
        """Make the keeper and return it open. For an HSM the passphrase is the token's PIN."""
        keeper = self._create_one(folder, passphrase)
        if self.second is None:
            return keeper
        return MirrorKeeper(keeper, self.second.create(folder / "second", passphrase))

    def open(self, folder: Path, passphrase: bytes) -> KeyKeeper:
        """Open the keeper; of two replicas one may be silent.

        Raises `KeeperLocked` for a wrong passphrase or PIN, `Unavailable` when no device answers.
        """
        if self.second is None:
            return self._open_one(folder, passphrase)
        first = _open_or_absent(lambda: self._open_one(folder, passphrase))
        second = self.second
        other = _open_or_absent(lambda: second.open(folder / "second", passphrase))
        if isinstance(first, AbsentKeeper) and isinstance(other, AbsentKeeper):
            raise Unavailable("neither replica of the key keeper answers")
        return MirrorKeeper(first, other)

    def _create_one(self, folder: Path, passphrase: bytes) -> KeyKeeper:
        if self.kind == "file":
            return FileKeeper.create(folder, passphrase)
        if self.kind == "tpm":
            return TpmKeeper.create(folder, passphrase, tcti=self.tcti, index=self.index)
        return self._open_token(passphrase)

    def _open_one(self, folder: Path, passphrase: bytes) -> KeyKeeper:
        if self.kind == "file":
            return FileKeeper.open(folder, passphrase)
        if self.kind == "tpm":
            return TpmKeeper.open(folder, passphrase, tcti=self.tcti, index=self.index)
        return self._open_token(passphrase)

    def _open_token(self, pin: bytes) -> HsmKeeper:
        if self.module is None or not self.token:
            raise Invalid("an HSM keeper needs the PKCS#11 library and the token's label")
        return HsmKeeper.open(self.module, self.token, pin)


def _open_or_absent(act: Callable[[], KeyKeeper]) -> KeyKeeper:
    """Return the keeper that `act` opens, or one that is absent when its device does not answer."""
    try:
        return act()
    except Unavailable as error:
        if isinstance(error, KeeperLocked):
            raise
        return AbsentKeeper(str(error))

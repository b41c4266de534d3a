"""The keeper in a PKCS#11 device (extra `hsm`): KEKs are made in the device, cannot be extracted, and die there.

Destruction is worth what the device makes it worth; a software token such as SoftHSM is a file and good for tests only.
Replicas of the device are the operator's declaration: each must destroy the key too. Tested against SoftHSM 2.
"""

import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from wayseal.model.errors import Invalid, KeeperLocked, Unavailable
from wayseal.seal.keys.keeper import check_label, no_key, wrong_wrap

_KEY_ID: Final = b"wayseal-kek/v1"
_NONCE: Final = 12
_TAG_BITS: Final = 128
_GONE: Final = ("DeviceError", "DeviceRemoved", "SessionClosed", "SessionHandleInvalid", "TokenNotPresent")
_PIN_WRONG: Final = ("PinIncorrect", "PinInvalid", "PinLenRange", "PinExpired", "PinLocked")


def _load_client() -> ModuleType:
    """Return the PKCS#11 client. Raises `Unavailable` when the extra is not installed."""
    try:
        import pkcs11  # noqa: PLC0415 - an extra: sites without an HSM do not have it
    except ImportError:
        raise Unavailable("the PKCS#11 client is not installed", hint="Install wayseal[hsm].") from None
    return pkcs11


class HsmKeeper:
    """A `KeyKeeper` in one token of a PKCS#11 device. Thread-safe; one process opens a token once.

    Two processes must not create the same label at once: `EpochVault` holds a lock when it creates.
    """

    def __init__(self, session: Any, token: Any) -> None:
        self._client = _load_client()
        self._session = session
        self._token = token
        self._lock = threading.Lock()

    @classmethod
    def open(cls, module: Path, token_label: str, pin: bytes) -> "HsmKeeper":
        """Log in to the token. `module` is the vendor's PKCS#11 library.

        Raises `KeeperLocked` for a wrong PIN, `Unavailable` when library or token do not answer.
        """
        client = _load_client()
        try:
            token = client.lib(str(module)).get_token(token_label=token_label)
            session = token.open(rw=True, user_pin=pin.decode())
        except client.exceptions.PKCS11Error as error:
            name = type(error).__name__
            if name in _PIN_WRONG:
                raise KeeperLocked(
                    "the PIN does not open the token", hint="Devices lock after few tries."
                ) from None
            if name == "UserAlreadyLoggedIn":
                raise KeeperLocked(
                    "this process has the token open already", hint="Close it first."
                ) from None
            raise Unavailable(f"the PKCS#11 token does not answer: {name}") from None
        return cls(session, token)

    def close(self) -> None:
        """Log out of the token."""
        self._session.close()

    def create_key(self, label: str) -> None:
        """Make an AES-256 key in the token: sensitive, private, not extractable. See `KeyKeeper`."""
        check_label(label)
        attribute, flag = self._client.Attribute, self._client.MechanismFlag
        with self._lock:
            if self._find(label):
                raise Invalid(
                    f"there is a key {label} already", hint="Destroy it first, or choose another label."
                )
            self._session.generate_key(
                self._client.KeyType.AES,
                256,
                id=_KEY_ID,
                label=label,
                store=True,
                capabilities=flag.ENCRYPT | flag.DECRYPT,
                template={attribute.EXTRACTABLE: False, attribute.SENSITIVE: True, attribute.PRIVATE: True},
            )

    def has_key(self, label: str) -> bool:
        """Return whether the token has the key. See `KeyKeeper`."""
        with self._lock:
            return bool(self._find(check_label(label)))

    def wrap(self, label: str, secret: bytes | bytearray, context: bytes) -> bytes:
        """Return nonce and AES-256-GCM of the secret, computed in the token. See `KeyKeeper`."""
        nonce = os.urandom(_NONCE)
        with self._lock:
            sealed = self._get(label).encrypt(bytes(secret), **self._gcm(nonce, context))
        return nonce + bytes(sealed)

    def unwrap(self, label: str, blob: bytes, context: bytes) -> bytearray:
        """Return the secret, opened in the token. See `KeyKeeper`."""
        nonce, sealed = blob[:_NONCE], blob[_NONCE:]
        with self._lock:
            key = self._get(label)
            try:
                return bytearray(key.decrypt(sealed, **self._gcm(nonce, context)))
            except (self._client.exceptions.PKCS11Error, ValueError) as error:
                if type(error).__name__ in _GONE:
                    raise Unavailable(f"the PKCS#11 token does not answer: {type(error).__name__}") from None
                raise wrong_wrap(label) from None

    def destroy(self, label: str) -> None:
        """Destroy the key in the token. See `KeyKeeper`."""
        with self._lock:
            for key in self._find(check_label(label)):
                key.destroy()

    def labels(self) -> tuple[str, ...]:
        """Return the labels of the keys that this keeper made in the token. See `KeyKeeper`."""
        with self._lock:
            return tuple(sorted(key.label for key in self._find(None)))

    def describe(self) -> str:
        """Say what this keeper is. See `KeyKeeper`."""
        maker, model = str(self._token.manufacturer_id).strip(), str(self._token.model).strip()
        return f"PKCS#11 token ({maker}, {model}); keys are not extractable and are destroyed in the device"

    def _gcm(self, nonce: bytes, context: bytes) -> dict[str, Any]:
        """Return the client's arguments for AES-256-GCM bound to `context`."""
        parameters = self._client.GCMParams(nonce, context, _TAG_BITS)
        return {"mechanism": self._client.Mechanism.AES_GCM, "mechanism_param": parameters}

    def _find(self, label: str | None) -> list[Any]:
        """Return our keys of that label, or all of ours."""
        attribute = self._client.Attribute
        wanted = {attribute.CLASS: self._client.ObjectClass.SECRET_KEY, attribute.ID: _KEY_ID}
        if label is not None:
            wanted[attribute.LABEL] = label
        try:
            return list(self._session.get_objects(wanted))
        except self._client.exceptions.PKCS11Error as error:
            raise Unavailable(f"the PKCS#11 token does not answer: {type(error).__name__}") from None

    def _get(self, label: str) -> Any:
        found = self._find(check_label(label))
        if not found:
            raise no_key(label)
        return found[0]

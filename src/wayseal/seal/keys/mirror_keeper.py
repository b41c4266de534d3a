"""Two keepers as one: what the first wraps the second wraps too, so that a dead device loses nothing that was alive.

These two are the declared replicas; there is no third copy and no escrow. A key is destroyed only when both have
destroyed it: while one does not answer, destruction fails and has to be called again.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from wayseal.model.errors import Integrity, Invalid, NotFound, Unavailable
from wayseal.seal.keys.keeper import KeyKeeper, check_label, no_key, wrong_wrap

Answer = TypeVar("Answer")
_MAGIC: Final = b"WMIR1"
_START: Final = len(_MAGIC) + 2


class MirrorKeeper:
    """A `KeyKeeper` over two keepers of any kind. Reading needs one of them, making and destroying need both."""

    def __init__(self, first: KeyKeeper, second: KeyKeeper) -> None:
        self._pair = (first, second)

    def create_key(self, label: str) -> None:
        """Make a KEK of that label in both; what a crash left undone in one is completed. See `KeyKeeper`."""
        missing = [keeper for keeper in self._pair if not keeper.has_key(check_label(label))]
        if not missing:
            raise Invalid(
                f"there is a key {label} already", hint="Destroy it first, or choose another label."
            )
        for keeper in missing:
            keeper.create_key(label)

    def has_key(self, label: str) -> bool:
        """Return whether either keeper has the KEK. Raises `Unavailable` when one has not and the other does not answer."""
        check_label(label)
        answers, silent = self._ask(lambda keeper: keeper.has_key(label))
        if not any(answers) and silent is not None:
            raise silent
        return any(answers)

    def wrap(self, label: str, secret: bytes | bytearray, context: bytes) -> bytes:
        """Return the secret wrapped by both; both must answer. One that lacks the KEK, being new, gets one now."""
        if not self.has_key(label):
            raise no_key(label)
        for keeper in self._pair:
            if not keeper.has_key(label):
                keeper.create_key(label)
        first, second = (keeper.wrap(label, secret, context) for keeper in self._pair)
        return b"".join((_MAGIC, len(first).to_bytes(2, "big"), first, second))

    def unwrap(self, label: str, blob: bytes, context: bytes) -> bytearray:
        """Return the secret from the first keeper that opens its part. See `KeyKeeper`."""
        if not blob.startswith(_MAGIC):
            raise no_key(label) if not self.has_key(label) else wrong_wrap(label)
        end = _START + int.from_bytes(blob[len(_MAGIC) : _START], "big")
        problems: list[NotFound | Unavailable | Integrity] = []
        for keeper, part in zip(self._pair, (blob[_START:end], blob[end:]), strict=True):
            try:
                return keeper.unwrap(label, part, context)
            except (NotFound, Unavailable, Integrity) as error:
                problems.append(error)
        raise next((problem for problem in problems if not isinstance(problem, NotFound)), problems[0])

    def destroy(self, label: str) -> None:
        """Destroy the KEK in both. Raises `Unavailable` when one did not answer; the other has destroyed it by then."""
        check_label(label)
        _, silent = self._ask(lambda keeper: keeper.destroy(label))
        if silent is not None:
            raise silent

    def labels(self) -> tuple[str, ...]:
        """Return the labels that either keeper has. Raises `Unavailable` when one does not answer."""
        answers, silent = self._ask(lambda keeper: keeper.labels())
        if silent is not None:
            raise silent
        return tuple(sorted({label for labels in answers for label in labels}))

    def describe(self) -> str:
        """Say what the two are. See `KeyKeeper`."""
        first, second = (keeper.describe() for keeper in self._pair)
        return f"two replicas, no other copy: {first}; and {second}"

    def _ask(self, question: Callable[[KeyKeeper], Answer]) -> tuple[list[Answer], Unavailable | None]:
        """Return what the keepers answer, and the error of one that does not."""
        answers, silent = [], None
        for keeper in self._pair:
            try:
                answers.append(question(keeper))
            except Unavailable as error:
                silent = error
        return answers, silent


class AbsentKeeper:
    """The replica whose device does not answer: every question is `Unavailable`. It lets a mirror open with one half."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def create_key(self, label: str) -> None:
        """Raise `Unavailable`."""
        raise self._refusal(label)

    def has_key(self, label: str) -> bool:
        """Raise `Unavailable`."""
        raise self._refusal(label)

    def wrap(self, label: str, secret: bytes | bytearray, context: bytes) -> bytes:  # noqa: ARG002 - the protocol's
        """Raise `Unavailable`."""
        raise self._refusal(label)

    def unwrap(self, label: str, blob: bytes, context: bytes) -> bytearray:  # noqa: ARG002 - the protocol's
        """Raise `Unavailable`."""
        raise self._refusal(label)

    def destroy(self, label: str) -> None:
        """Raise `Unavailable`."""
        raise self._refusal(label)

    def labels(self) -> tuple[str, ...]:
        """Raise `Unavailable`."""
        raise self._refusal("any")

    def describe(self) -> str:
        """Say that it is absent."""
        return "a replica that does not answer"

    def _refusal(self, label: str) -> Unavailable:
        return Unavailable(f"a replica of the key keeper does not answer: {self._reason}", key=label)

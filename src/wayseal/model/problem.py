"""Errors as values that cross a process boundary, and back: what `model.errors` allows in an error may be sent, nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from wayseal.model.errors import Unavailable, WaysealError


def encode_error(error: WaysealError) -> dict[str, Any]:
    """Return an error as a JSON value. Errors hold no personal data by the rule of `model.errors`."""
    facts = {name: str(value) for name, value in error.facts.items()}
    return {"kind": type(error).__name__, "message": str(error), "hint": error.hint, "facts": facts}


def decode_error(value: Any, *, who: str) -> WaysealError:
    """Return the error that a value spells; `Unavailable` for one that this program does not know. `who` answered."""
    match value:
        case {"kind": str(kind), "message": str(message), "hint": str(hint), "facts": dict(facts)}:
            found = next((one for one in _kinds(WaysealError) if one.__name__ == kind), Unavailable)
            error = found(message, hint=hint)
            error.facts.update(_texts(facts))
            return error
        case _:
            return Unavailable(f"{who} answered in another language than this program's")


def _kinds(kind: type[WaysealError]) -> Iterator[type[WaysealError]]:
    """Yield a class of errors and all below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _texts(facts: Mapping[Any, Any]) -> dict[str, str]:
    return {name: text for name, text in facts.items() if isinstance(name, str) and isinstance(text, str)}

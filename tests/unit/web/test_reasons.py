"""Each reason that an officer can be shown has words of its own."""

import re
from pathlib import Path

import pytest

from wayseal.flow import doubt, second
from wayseal.match import assign, search
from wayseal.vision import presentation, quality, restore, settle
from wayseal.web.reasons import TEXTS, say_reasons

CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+|hidden|unrecognisable")


def find_codes() -> set[str]:
    """Return every reason that capture and search define: their public text constants, and the quality's reasons."""
    modules = (assign, search, doubt, second, presentation, restore, settle)
    constants = {
        value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str) and CODE.fullmatch(value)
    }
    return constants | set(quality._REASONS.values()) | {"unrecognisable"}


def test_codes_are_found() -> None:
    """The collection sees reasons of each kind, so that the next test has something to say."""
    assert find_codes() >= {"hidden", "may_be_a_picture", "exposure_too_long", "expected_set", "too_dark"}
    assert len(find_codes()) >= 25


@pytest.mark.parametrize("code", sorted(find_codes()))
def test_each_reason_has_words(code: str) -> None:
    """A reason is said in words that are not its code, short enough for a card."""
    (text,) = say_reasons([code])
    assert text == TEXTS[code]
    assert text != code.replace("_", " ")
    assert 10 <= len(text) <= 110


def test_no_reason_is_written_elsewhere() -> None:
    """Settling names its reasons by constants only, so that none escapes the collection."""
    source = Path(settle.__file__).read_text(encoding="utf-8")
    written = set(re.findall(r"\(\"([a-z_]+)\",\)", source))
    assert written <= find_codes()
    assert "reasons=(" not in source


def test_words_for_all_texts_are_used() -> None:
    """No text is left over from a reason that is gone."""
    assert set(TEXTS) == find_codes()


def test_doubt_is_read_first() -> None:
    """What may be a picture is said before why the picture is poor; a code of a later version is shown all the same."""
    assert say_reasons(["too_dark", "may_be_a_picture", "made_tomorrow"]) == [
        TEXTS["may_be_a_picture"],
        TEXTS["too_dark"],
        "made tomorrow",
    ]

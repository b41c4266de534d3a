"""A short run of the export's fuzz target: thousands of damaged inputs, none accepted, none a crash."""

import fuzz_export
import pytest
from fuzz_export import check_input, load_corpus, mutate

from wayseal.export.bundle import read_bundle


def test_short_run() -> None:
    """3,000 damaged inputs end in our own errors only."""
    for data in mutate(load_corpus(), 3000, 7):
        check_input(data)


def test_unharmed_corpus() -> None:
    """The published parts themselves pass."""
    for data in load_corpus():
        check_input(data)


def test_target_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target reports an acceptance: it is not a check that nothing can fail."""
    corpus = load_corpus()
    sender = read_bundle(corpus[0]).evidence.sender
    monkeypatch.setattr(fuzz_export, "verify_sender", lambda _: sender)
    changed = bytearray(corpus[0])
    changed[-1] ^= 1
    with pytest.raises(AssertionError, match="changed bundle"):
        check_input(bytes(changed))

"""The short form of the evidence's fuzzing: a bundle, a quote and facts, and mutations of them, without atheris."""

import fuzz_evidence
import pytest

from wayseal.assess.bundle import parse_bundle


def test_corpus_is_read() -> None:
    """Each entry of the corpus parses, and the bundles without a registered quoting key are believed but for the boot."""
    for data in fuzz_evidence.load_corpus():
        fuzz_evidence.check_input(data)
    assert [len(parse_bundle(data).observations) for data in fuzz_evidence.SIGNED] == [2, 2]


@pytest.mark.parametrize("seed", range(4))
def test_mutations_are_refused(seed: int) -> None:
    """A thousand damaged inputs: one spelling or a plain refusal, and nothing believed that was not signed."""
    for data in fuzz_evidence.mutate(fuzz_evidence.load_corpus(), 1000, seed):
        fuzz_evidence.check_input(data)


def test_target_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target reports a forged acceptance: it is not a check that nothing can fail."""
    monkeypatch.setattr(fuzz_evidence, "SIGNED", ())
    with pytest.raises(AssertionError, match="did not sign"):
        fuzz_evidence.check_input(fuzz_evidence.make_bundle(None))

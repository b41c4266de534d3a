"""The short form of the ledger's fuzzing: the published files, and mutations of them, without atheris."""

import fuzz_ledger
import pytest

from wayseal.ledger.checkpoint import verify_checkpoint
from wayseal.ledger.offline import parse_proof


def test_corpus_is_judged_without_a_crash() -> None:
    """Every published file, valid or not, goes through every parser without an unexpected exception."""
    corpus = fuzz_ledger.load_corpus()
    for data in corpus:
        fuzz_ledger.check_input(data)
    assert len(corpus) > 30


@pytest.mark.parametrize("seed", range(4))
def test_mutations_are_never_accepted(seed: int) -> None:
    """Mutated notes, proofs, policies, requests and entries neither crash a parser nor prove what was never signed."""
    for data in fuzz_ledger.mutate(fuzz_ledger.load_corpus(), 1200, seed):
        fuzz_ledger.check_input(data)


def test_fuzzing_would_notice() -> None:
    """The checks have something to catch: the unmutated files are accepted by the very verifiers that are attacked."""
    assert len(verify_checkpoint(fuzz_ledger.CHECKPOINT, fuzz_ledger.ALL_KEYS)[1]) == 6
    assert parse_proof(fuzz_ledger.PROOF).verify(fuzz_ledger.ENTRY, fuzz_ledger.POLICY)

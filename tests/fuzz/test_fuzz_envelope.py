"""The short form of the sealed record's fuzzing: the published corpus, and mutations of it, without atheris."""

import json

import fuzz_envelope
import pytest

from wayseal.model.errors import Integrity, SealBroken
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import parse_roster


def test_corpus_is_judged_without_a_crash() -> None:
    """Every published record, valid or not, goes through every parser without an unexpected exception."""
    corpus = fuzz_envelope.load_corpus()
    assert len(corpus) > 50
    for data in corpus:
        fuzz_envelope.check_input(data)


@pytest.mark.parametrize("seed", range(4))
def test_mutations_are_refused(seed: int) -> None:
    """A thousand mutated records and rosters: no crash, and none is accepted as signed."""
    for data in fuzz_envelope.mutate(fuzz_envelope.load_corpus(), 1000, seed):
        fuzz_envelope.check_input(data)


def test_target_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target reports an acceptance: it is not a check that nothing can fail."""
    altered = fuzz_envelope.make_roster().replace(b'"signatures":{', b'"signatures":{"x":"",')
    monkeypatch.setattr(fuzz_envelope, "parse_roster", lambda data, officials: (data, officials))
    with pytest.raises(AssertionError, match="altered roster"):
        fuzz_envelope.check_input(altered)


@pytest.mark.parametrize("depth", [10, 2000, 100_000])
def test_nested_json_is_refused(depth: int) -> None:
    """Deeply nested JSON in a header or roster is refused, not a crash of the interpreter."""
    nested = b"[" * depth + b"]" * depth
    header = nested[:4096]
    with pytest.raises(SealBroken):
        parse_record(b"WAYSEAL1\x01" + len(header).to_bytes(2, "big") + header)
    with pytest.raises(Integrity):
        parse_roster(b'{"roster":' + nested + b',"signatures":{}}', [fuzz_envelope.OFFICIAL.public])
    with pytest.raises(Integrity):
        parse_roster(
            json.dumps({"roster": "", "signatures": {"a": "b" * depth}}).encode(),
            [fuzz_envelope.OFFICIAL.public],
        )

"""A short run of the petitions' fuzz target: thousands of damaged inputs, no seal and no word accepted, none a crash."""

from datetime import timedelta

import fuzz_petition
import pytest
from fuzz_petition import LAST, NOW, SEALED, check_input, load_corpus, make_petition, mutate

from wayseal.flow.petition import LIFE, LIFT, TYPES, read_petition
from wayseal.ledger.entry import encode_entry
from wayseal.model.clock import to_text


@pytest.mark.parametrize("seed", range(3))
def test_short_run(seed: int) -> None:
    """A thousand damaged inputs end in our own errors only."""
    for data in mutate(load_corpus(), 1000, seed):
        check_input(data)


def test_unharmed_corpus() -> None:
    """What the program writes itself passes, the keyroom's two seals among it."""
    for data in load_corpus():
        check_input(data)
    assert len(SEALED) == len(TYPES)


def test_longest_wait() -> None:
    """A petition waits seven days, also when its entry says more, or was written in the calendar's last second."""
    greedy = {**make_petition(LIFT), "expires": to_text(NOW + LIFE + timedelta(days=1))}
    assert read_petition(greedy, 0).expires_at == NOW + LIFE
    late = {**greedy, "time": to_text(LAST), "expires": to_text(LAST)}
    assert read_petition(late, 0).expires_at == LAST


def test_target_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target reports a false seal that is kept: it is not a check that nothing can fail."""
    monkeypatch.setattr(fuzz_petition, "drop_false_seal", lambda entry, _key: entry)
    forged = SEALED[0].replace(b'"actor":"chief-1"', b'"actor":"chief-2"')
    assert forged != SEALED[0]
    assert encode_entry(make_petition(LIFT)) != forged
    with pytest.raises(AssertionError, match="keyroom did not make"):
        check_input(forged)

"""The short form of oversight's fuzzing: a component-definition, a kernel message, a ticket and events, and mutations of them."""

import fuzz_oversight
import pytest

from wayseal.flow.ticket import mint_token
from wayseal.model.clock import to_text


def test_corpus_is_read() -> None:
    """Each entry of the corpus is accepted by its own parser."""
    component, kernel, token, events = fuzz_oversight.load_corpus()
    assert fuzz_oversight.read_component_file(component, fuzz_oversight.load_catalogue()).components
    assert fuzz_oversight.parse_uevent(kernel)
    assert [entry["time"] for entry in fuzz_oversight.decode_entries(events)] == [to_text(fuzz_oversight.NOW)]
    fuzz_oversight.check_input(token)


@pytest.mark.parametrize("seed", range(4))
def test_mutations_are_refused(seed: int) -> None:
    """A thousand damaged inputs: an event, a claim or a plain refusal, and no ticket that was not signed."""
    for data in fuzz_oversight.mutate(fuzz_oversight.load_corpus(), 1000, seed):
        fuzz_oversight.check_input(data)


def test_target_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target reports a ticket that is not the signed one: it is not a check that nothing can fail."""
    token = fuzz_oversight.base64.urlsafe_b64decode(mint_token(fuzz_oversight.ROOT, fuzz_oversight.TICKET))
    monkeypatch.setattr(fuzz_oversight, "TICKET", None)
    with pytest.raises(AssertionError, match="not signed"):
        fuzz_oversight.check_input(token)

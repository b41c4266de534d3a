"""Fuzz target of the ledger's parsers (note, checkpoint, key, cosignature, proof, policy, request, entry, bundle).

No crash, no hang, no acceptance of anything that was not signed; and what parses is written back as it came.
`python tests/fuzz/fuzz_ledger.py [libFuzzer options] [CORPUS]` runs it under atheris, coverage-guided (group `fuzz`).
`check_input` is a plain function, so that the ordinary suite runs it over a short corpus without atheris.
"""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from fuzzing import run_atheris

from wayseal.ledger.checkpoint import parse_checkpoint, verify_checkpoint
from wayseal.ledger.entry import decode_entry, encode_entry
from wayseal.ledger.note import format_signatures, parse_note, parse_signatures, parse_vkey
from wayseal.ledger.offline import parse_proof
from wayseal.ledger.policy import parse_policy
from wayseal.ledger.tiles import Tile, split_bundle
from wayseal.ledger.witness import parse_submission
from wayseal.model.errors import Invalid, LedgerBroken, Refused

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "spec" / "vectors" / "ledger"
_KEYS = json.loads((VECTORS / "keys.json").read_text(encoding="utf-8"))
LOG_KEYS = [parse_vkey(vkey) for vkey in _KEYS["vkeys"]["log"]]
ALL_KEYS = [parse_vkey(vkey) for found in _KEYS["vkeys"].values() for vkey in found]
CHECKPOINT = (VECTORS / "export" / "checkpoint").read_bytes()
PROOF = (VECTORS / "entry-258.tlog-proof").read_bytes()
ENTRY = (VECTORS / "entry-258.json").read_bytes()
_WITNESS = json.loads((VECTORS / "witness.json").read_text(encoding="utf-8"))
_POLICIES = json.loads((VECTORS / "policies.json").read_text(encoding="utf-8"))
POLICY = parse_policy(_POLICIES["accepts"]["both"])
_SIGNED = {parse_note(CHECKPOINT).text, parse_note(_WITNESS["before"]).text}
"""The note texts that the published keys have signed."""


def load_corpus() -> list[bytes]:
    """Return published files of every kind: what mutations start from."""
    policies = [text.encode() for group in _POLICIES.values() for text in group.values()]
    requests = [case["body"].encode() for case in _WITNESS["requests"]]
    entries = [case["bytes"].encode() for case in json.loads((VECTORS / "entries.json").read_text())["valid"]]
    vkeys = [vkey.encode() for found in _KEYS["vkeys"].values() for vkey in found]
    bundle = (VECTORS / "export" / "tile" / "entries" / "001.p" / "3").read_bytes()
    return [CHECKPOINT, PROOF, ENTRY, bundle, *policies, *requests, *entries, *vkeys]


def check_input(data: bytes) -> None:
    """Feed bytes to every parser. Raises AssertionError for an acceptance, and whatever a parser should not raise."""
    _check_spelling(data)
    _check_note(data)
    _check_proof(data)
    for act in (parse_policy, parse_submission, lambda raw: list(split_bundle(raw, Tile(-1, 0, 3)))):
        _try(act, data)
    entry = _try(decode_entry, data)
    assert entry is None or encode_entry(entry) == data, "an entry has two spellings"  # type: ignore[arg-type]


def _try(act: Callable[[bytes], object], data: bytes) -> object | None:
    try:
        return act(data)
    except (Invalid, LedgerBroken):
        return None


def _check_spelling(data: bytes) -> None:
    """What parses as text is written back as it came."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    for parse, write in ((parse_vkey, str), (parse_checkpoint, str), (parse_signatures, format_signatures)):
        try:
            value = parse(text)
        except Invalid:
            continue
        assert write(value) in {text, text.removesuffix("\n")}, "a text has two spellings"


def _check_note(data: bytes) -> None:
    note = _try(parse_note, data)
    assert note is None or str(note).encode() == data, "a note has two spellings"
    try:
        verify_checkpoint(data, ALL_KEYS)
    except (Invalid, LedgerBroken):
        return
    assert parse_note(data).text in _SIGNED, "a forged checkpoint is accepted"


def _check_proof(data: bytes) -> None:
    proof = _try(parse_proof, data)
    assert proof is None or str(proof).encode() == data, "a proof has two spellings"
    if proof is None:
        return
    try:
        checkpoint, _ = parse_proof(data).verify(ENTRY, POLICY)
    except (Invalid, LedgerBroken, Refused):
        return
    assert str(checkpoint) in _SIGNED, "a forged proof is accepted"
    assert parse_proof(data).index == parse_proof(PROOF).index, "an entry is proven at another place"


def mutate(corpus: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Give `count` inputs: corpus files with bits flipped, bytes or lines cut, doubled, spliced or overwritten."""
    dice = random.Random(seed)
    for _ in range(count):
        data = bytearray(dice.choice(corpus))
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data) + 1)
            act = dice.randrange(6)
            if act == 0 and at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            elif act == 1:
                del data[at : at + dice.choice((1, 2, 4, 44))]
            elif act == 2:
                data[at:at] = data[at : at + dice.choice((1, 4, 100))]
            elif act == 3:
                other = dice.choice(corpus)
                data[at:] = other[dice.randrange(len(other) + 1) :]
            elif act == 4:
                lines = bytes(data).split(b"\n")
                dice.shuffle(lines)
                data[:] = b"\n".join(lines[: dice.randint(1, len(lines))])
            else:
                data[at : at + 1] = dice.choice(
                    (b"\n", b" ", b"+", b"0", b"-", b"\r", b"\x00", b"\xff", "\N{EM DASH}".encode())
                )
        yield bytes(data)


if __name__ == "__main__":
    run_atheris(check_input)

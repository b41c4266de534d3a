"""Trust policies: the quorum is what the file says, and nothing the specification forbids is read."""

from itertools import combinations

import pytest
from ledgersite import LOG, LOG_KEYS, ORIGIN, Hands

from wayseal.ledger.checkpoint import Checkpoint, SeedSigner, cosign_checkpoint, sign_checkpoint, witness_keys
from wayseal.ledger.note import format_signatures
from wayseal.ledger.policy import parse_policy
from wayseal.model.errors import Invalid, LedgerBroken, Refused

SIGNERS = {
    name: SeedSigner(bytes([20 + number]) * 32) for number, name in enumerate(("x1", "x2", "x3", "y1", "y2"))
}
KEYS = {name: witness_keys(f"{name}.example", signer)[0] for name, signer in SIGNERS.items()}
POINT = Checkpoint(ORIGIN, 5, b"\x09" * 32)
WITNESSES = "".join(f"witness {name} {key}\n" for name, key in KEYS.items())
TWO_LEVELS = (
    f"# two organisations\nlog {LOG_KEYS[0]} https://port.example/ledger\n{WITNESSES}\tgroup X  2 x1 x2 x3 \n"
    "group Y any y1 y2\n\ngroup both all X Y\nquorum both"
)


def cosign(*names: str) -> str:
    """Return the checkpoint with cosignatures of these witnesses."""
    lines = [cosign_checkpoint(POINT, f"{name}.example", SIGNERS[name], clock=Hands()) for name in names]
    return sign_checkpoint(POINT, LOG, clock=Hands()) + "".join(map(format_signatures, lines))


def test_two_levels_need_both_organisations() -> None:
    """The specification's example: two of X and one of Y, for every subset of five witnesses."""
    policy = parse_policy(TWO_LEVELS)
    for count in range(6):
        for names in combinations(SIGNERS, count):
            enough = sum(name[0] == "x" for name in names) >= 2 and any(name[0] == "y" for name in names)
            if enough:
                checkpoint, good = policy.verify(cosign(*names))
                assert checkpoint == POINT
                assert {signature.key for signature in good} == {LOG_KEYS[0], *(KEYS[name] for name in names)}
            else:
                with pytest.raises(Refused, match="too few witnesses"):
                    policy.verify(cosign(*names))


def test_quorum_none_needs_the_log_only() -> None:
    """With `quorum none` the log's signature is enough, and still needed."""
    policy = parse_policy(f"log {LOG_KEYS[0]}\nquorum none\n")
    assert policy.verify(cosign())[0] == POINT
    other = SeedSigner(b"\x42" * 32)
    with pytest.raises(LedgerBroken, match="no log of the policy"):
        policy.verify(sign_checkpoint(POINT, other, clock=Hands()))
    with pytest.raises(LedgerBroken, match="no log of the policy"):
        policy.verify(sign_checkpoint(Checkpoint("other.example", 5, POINT.root), LOG, clock=Hands()))


def test_a_repeated_cosignature_is_one_vote() -> None:
    """The same witness signing twice does not make a quorum of two."""
    policy = parse_policy(f"log {LOG_KEYS[0]}\n{WITNESSES}group X 2 x1 x2\nquorum X\n")
    with pytest.raises(Refused):
        policy.verify(cosign("x1", "x1"))


def test_a_wrong_cosignature_is_not_overlooked() -> None:
    """A known witness's broken line rejects the checkpoint even when the quorum would stand without it."""
    policy = parse_policy(f"log {LOG_KEYS[0]}\n{WITNESSES}group X 1 x1 x2\nquorum X\n")
    other = Checkpoint(ORIGIN, 6, b"\x08" * 32)
    line = format_signatures(cosign_checkpoint(other, "x2.example", SIGNERS["x2"], clock=Hands()))
    with pytest.raises(LedgerBroken):
        policy.verify(cosign("x1") + line)


def test_names_are_opaque_octets() -> None:
    """Names above ASCII are told apart octet by octet."""
    kelvin = "\N{KELVIN SIGN}".encode()
    data = (
        b"witness K "
        + str(KEYS["x1"]).encode()
        + b"\nwitness "
        + kelvin
        + b" "
        + str(KEYS["x2"]).encode()
        + b"\nquorum "
        + kelvin
    )
    policy = parse_policy(data)
    assert policy.is_quorum([KEYS["x2"]])
    assert not policy.is_quorum([KEYS["x1"]])


@pytest.mark.parametrize("text", [
    "", "quorum", "quorum X", "quorum none\nquorum none", "quorum none none", "log\nquorum none", f"log {LOG_KEYS[0]}",
    f"log {LOG_KEYS[0]}\nlog {LOG_KEYS[0]}\nquorum none", f"log {KEYS['x1']}\nquorum none", f"witness x1 {LOG_KEYS[0]}\nquorum none",
    f"witness none {KEYS['x1']}\nquorum none", f"witness a {KEYS['x1']}\nwitness a {KEYS['x2']}\nquorum a",
    f"witness a {KEYS['x1']}\nwitness b {KEYS['x1']}\nquorum a", f"{WITNESSES}group g 3 x1 x2\nquorum g", f"{WITNESSES}group g 0 x1\nquorum g",
    f"{WITNESSES}group g 01 x1\nquorum g", f"{WITNESSES}group g some x1\nquorum g", f"{WITNESSES}group g all\nquorum g",
    f"{WITNESSES}group g any x1 x1\nquorum g", f"{WITNESSES}group g any x1\ngroup h any x1\nquorum g", f"{WITNESSES}group g any none\nquorum g",
    f"group g any x1\n{WITNESSES}quorum g", f"{WITNESSES}group g any g\nquorum g", f"quorum x1\n{WITNESSES}", f"{WITNESSES}group x1 any x2\nquorum x1",
    f"witness a {KEYS['x1']} ftp://a.example\nquorum a", f"witness a {KEYS['x1']} http://a.example more\nquorum a", "quorum none\r\n",
    "quorum\x0bnone", "witness\x00", "# fine\nnonsense here\nquorum none", "quorum none\n" + "\n" * 2000, f"Log {LOG_KEYS[0]}\nquorum none",
])  # fmt: skip
def test_forbidden_policies_are_refused(text: str) -> None:
    """Each thing that the specification forbids is refused."""
    with pytest.raises(Invalid):
        parse_policy(text)


def test_complaint_names_the_line() -> None:
    """The error says which line is wrong."""
    with pytest.raises(Invalid, match="line 3"):
        parse_policy("# a\n\nlog nonsense\nquorum none\n")

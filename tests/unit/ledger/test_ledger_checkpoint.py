"""Signed notes, verifier keys, checkpoints and cosignatures: exact spelling, strict reading, no unsigned word believed."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgersite import LOG, LOG_KEYS, ORIGIN, START, Hands, import_oracles

from wayseal.ledger.checkpoint import (
    Checkpoint,
    SeedSigner,
    cosign_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
    verify_signatures,
    witness_keys,
)
from wayseal.ledger.note import (
    KeyKind,
    Note,
    NoteSignature,
    VerifierKey,
    format_signatures,
    parse_note,
    parse_signatures,
    parse_vkey,
)
from wayseal.model.errors import Invalid, LedgerBroken

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNED = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
WITNESS = SeedSigner(b"\x03" * 32, b"\x04" * 32)
WITNESS_NAME = "auditor.example/w1"
WITNESS_KEYS = witness_keys(WITNESS_NAME, WITNESS)
POINT = Checkpoint(ORIGIN, 5, b"\x09" * 32)
NOTE = sign_checkpoint(POINT, LOG, clock=Hands())
COSIGNED = NOTE + format_signatures(cosign_checkpoint(POINT, WITNESS_NAME, WITNESS, clock=Hands()))


def test_published_note_verifies() -> None:
    """The specification's example key and note verify, and are written back byte for byte."""
    key, note = parse_vkey(VKEY), parse_note(SIGNED)
    assert (str(key), str(note)) == (VKEY, SIGNED)
    assert [signature.key for signature in verify_signatures(note, [key])] == [key]


def test_published_note_altered_is_refused() -> None:
    """One letter of the example's text changed, and its signature is wrong."""
    with pytest.raises(LedgerBroken, match="does not verify"):
        verify_signatures(
            parse_note(SIGNED.replace("example message", "EXAMPLE message")), [parse_vkey(VKEY)]
        )


def test_checkpoint_carries_every_key() -> None:
    """The log signs with Ed25519 and ML-DSA-44, the witness cosigns with both, and all four verify."""
    checkpoint, good = verify_checkpoint(COSIGNED, [*LOG_KEYS, *WITNESS_KEYS])
    assert checkpoint == POINT
    assert [signature.key for signature in good] == [*LOG_KEYS, *WITNESS_KEYS]
    stamp = int(START.timestamp())
    assert [signature.timestamp for signature in good] == [None, stamp, stamp, stamp]
    assert NOTE.startswith(f"{ORIGIN}\n5\n{base64.b64encode(POINT.root).decode()}\n\n— {ORIGIN} ")


def test_signed_messages_are_the_specified_bytes() -> None:
    """The Ed25519 cosignature covers the text with its header, the ML-DSA-44 one the subtree structure, built here by hand."""
    seen: list[bytes] = []

    class Recorder(SeedSigner):
        def sign(self, data: bytes, /) -> bytes:
            seen.append(data)
            return super().sign(data)

        def mldsa_sign(self, data: bytes, /) -> bytes:
            seen.append(data)
            return super().mldsa_sign(data)

    cosign_checkpoint(POINT, "w", Recorder(b"\x03" * 32, b"\x04" * 32), clock=Hands())
    stamp = int(START.timestamp())
    assert (
        seen[0]
        == f"cosignature/v1\ntime {stamp}\n{ORIGIN}\n5\n{base64.b64encode(POINT.root).decode()}\n".encode()
    )
    assert seen[1] == (
        b"subtree/v1\n\x00" + b"\x01w" + stamp.to_bytes(8, "big") + bytes([len(ORIGIN)]) + ORIGIN.encode()
        + bytes(8) + (5).to_bytes(8, "big") + POINT.root
    )  # fmt: skip


def test_unknown_signatures_are_ignored() -> None:
    """Lines of keys that nobody knows change nothing, even under a known name."""
    stranger = NoteSignature(ORIGIN, b"\x00\x01\x02\x03", b"nonsense")
    checkpoint, good = verify_checkpoint(NOTE + f"{stranger}\n", LOG_KEYS)
    assert (checkpoint, len(good)) == (POINT, 2)


@pytest.mark.parametrize("line", range(4))
@pytest.mark.parametrize("place", [0, 5, 12, -1])
def test_a_wrong_known_signature_rejects_the_note(line: int, place: int) -> None:
    """A bit flipped in any known key's signature or time stamp rejects the whole note."""
    note = parse_note(COSIGNED)
    broken = bytearray(note.signatures[line].signature)
    broken[place] ^= 1
    lines = list(note.signatures)
    lines[line] = NoteSignature(lines[line].name, lines[line].key_id, bytes(broken))
    with pytest.raises(LedgerBroken):
        verify_checkpoint(str(Note(note.text, tuple(lines))), [*LOG_KEYS, *WITNESS_KEYS])


@pytest.mark.parametrize("keys", [(), WITNESS_KEYS, (VerifierKey("other", KeyKind.ED25519, LOG.public),)])
def test_a_note_without_its_logs_signature_is_refused(keys: tuple[VerifierKey, ...]) -> None:
    """Without a key named after the origin that signed, there is no checkpoint: cosignatures alone are not enough."""
    with pytest.raises(LedgerBroken, match="not signed by its log"):
        verify_checkpoint(COSIGNED, keys)


def test_each_key_of_the_log_must_sign() -> None:
    """A verifier that knows both keys of the log refuses a note with only one of its signatures."""
    single = sign_checkpoint(POINT, SeedSigner(b"\x01" * 32), clock=Hands())
    verify_checkpoint(single, LOG_KEYS[:1])
    with pytest.raises(LedgerBroken):
        verify_checkpoint(single, LOG_KEYS)


def test_repeated_line_counts_once() -> None:
    """A signature given twice is one signature."""
    line = str(parse_note(COSIGNED).signatures[2]) + "\n"
    assert len(verify_checkpoint(COSIGNED + line, [*LOG_KEYS, *WITNESS_KEYS])[1]) == 4


def test_a_stamp_beyond_time_is_refused() -> None:
    """A cosignature's time above 2**63 - 1 is refused before anything is computed from it."""
    line = NoteSignature(WITNESS_NAME, WITNESS_KEYS[0].key_id, b"\xff" * 72)
    with pytest.raises(LedgerBroken, match="impossible time"):
        verify_checkpoint(NOTE + f"{line}\n", [*LOG_KEYS, *WITNESS_KEYS])


@pytest.mark.parametrize("text", [
    "", "\n", "origin\n5\n", f"{ORIGIN}\n05\n{'A' * 43}=\n", f"{ORIGIN}\n-5\n{'A' * 43}=\n", f"{ORIGIN}\n5\n{'A' * 44}\n",
    f"{ORIGIN}\n5\n{'A' * 42}B=\n", f"{ORIGIN}\n5\n{'A' * 43}=\nextension\n", f"two words\n5\n{'A' * 43}=\n", f"a+b\n5\n{'A' * 43}=\n",
    f"\n5\n{'A' * 43}=\n", f"{ORIGIN}\n{2**63}\n{'A' * 43}=\n", f"{ORIGIN}\n5\n{'A' * 43}=", f"{ORIGIN}\n0\n{'A' * 43}=\n",
    f"{ORIGIN}\n\N{ARABIC-INDIC DIGIT FIVE}\n{'A' * 43}=\n", f"{ORIGIN}\n5 \n{'A' * 43}=\n",
])  # fmt: skip
def test_malformed_checkpoint_is_refused(text: str) -> None:
    """A checkpoint has one spelling; everything near it is refused."""
    with pytest.raises(Invalid):
        parse_checkpoint(text)


@pytest.mark.parametrize("data", [
    b"", b"\n", b"text\n", b"text\n\n", b"text\n\n- name AAAAAAA=\n", "text\n\n— name AAAAAAA=".encode(), "text\n\n— name AAAAAAA\n".encode(),
    "text\n\n— name AAAAAA==\n".encode(), "text\n\n—  name AAAAAAA=\n".encode(), "text\n\n— na me AAAAAAA=\n".encode(),
    "text\n\n— na+me AAAAAAA=\n".encode(), "text\t\n\n— name AAAAAAA=\n".encode(), "text\r\n\n— name AAAAAAA=\n".encode(),
    b"\xff\n\n" + "— name AAAAAAA=\n".encode(), "text\n\n— name AAAAAAA=\n\n".encode(), ("text\n\n" + "— name AAAAAAA=\n" * 129).encode(),
    b"x" * 600_000 + "\n\n— name AAAAAAA=\n".encode(), "text\n\n— name AAAAAAB=\n".encode(), "text\n\n— n\u00a0me AAAAAAA=\n".encode(),
])  # fmt: skip
def test_malformed_note_is_refused(data: bytes) -> None:
    """Control characters, other line ends, other dashes, bad base64, missing or surplus lines are refused."""
    with pytest.raises(Invalid):
        parse_note(data)


def test_sixteen_signatures_are_accepted() -> None:
    """As many signature lines as the specification demands, and more, are read."""
    note = parse_note("text\n\n" + "— name AAAAAAA=\n" * 16)
    assert len(note.signatures) == 16


@pytest.mark.parametrize("text", [
    "", "a", "a+b", "a+530d903a+", VKEY[:-1], VKEY.replace("530d903a", "530d903b"), VKEY.replace("530d", "530D"), VKEY + "=",
    VKEY.replace("Ae", "Be"), VKEY.replace("example.com", "example com"), "+" + VKEY, VKEY + " ", VKEY.replace("+Ae", "+Ce"),
])  # fmt: skip
def test_malformed_vkey_is_refused(text: str) -> None:
    """A verifier key whose name, id, type or encoding is wrong is refused."""
    with pytest.raises(Invalid):
        parse_vkey(text)


@given(
    st.sampled_from(sorted(KeyKind)), st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=20)
)
def test_vkeys_round_trip(kind: KeyKind, seed: bytes, name: str) -> None:
    """Every key that may be made reads back from its vkey as itself."""
    public = seed if kind is not KeyKind.MLDSA44_COSIGNATURE else seed * 41
    try:
        key = VerifierKey(name, kind, public)
    except Invalid:
        assert "+" in name or any(letter.isspace() or ord(letter) < 0x20 for letter in name)
        return
    except UnicodeEncodeError:
        return
    assert parse_vkey(str(key)) == key


@given(
    st.text(),
    st.lists(
        st.tuples(st.text(min_size=1), st.binary(min_size=4, max_size=4), st.binary(min_size=1)),
        min_size=1,
        max_size=4,
    ),
)
def test_notes_round_trip(text: str, lines: list[tuple[str, bytes, bytes]]) -> None:
    """A note that reads at all reads as what was written."""
    try:
        note = Note(text + "\n", tuple(NoteSignature(*line) for line in lines))
        again = parse_note(str(note))
    except (Invalid, UnicodeError):
        return
    assert again == note
    assert parse_signatures(format_signatures(note.signatures)) == note.signatures


def test_signer_without_post_quantum_key_says_so() -> None:
    """A signer with one key signs one line, and does not pretend to have the other."""
    single = SeedSigner(b"\x05" * 32)
    assert len(parse_note(sign_checkpoint(POINT, single, clock=Hands())).signatures) == 1
    with pytest.raises(Invalid):
        single.mldsa_sign(b"")


def test_somebody_elses_verifier_accepts_our_notes() -> None:
    """An independent implementation verifies the log's Ed25519 line and the witness's cosignature on our note."""
    import_oracles()
    import aics_tlog

    result = aics_tlog.verify_checkpoint(
        aics_tlog.parse_note(COSIGNED.encode()), aics_tlog.parse_vkey(str(LOG_KEYS[0])),
        [aics_tlog.parse_vkey(str(WITNESS_KEYS[0]))], quorum=1,
    )  # fmt: skip
    assert (result.ok, result.origin, result.size, result.root) == (True, ORIGIN, 5, POINT.root)

"""Write docs/spec/vectors/ledger: keys, a small exported ledger with two witnesses, proofs, policies, and files with one defect.

Run it only when the format changes: `python tests/golden/ledger/make_ledger_vectors.py`. Seeds and times are fixed; ML-DSA-44
signatures are randomised by the cryptography library, so those lines change when the vectors are written again.
"""

import base64
import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wayseal.ledger import proof
from wayseal.ledger.checkpoint import (
    Checkpoint,
    SeedSigner,
    cosign_checkpoint,
    log_keys,
    read_checkpoint,
    sign_checkpoint,
    witness_keys,
)
from wayseal.ledger.entry import encode_entry
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import format_signatures
from wayseal.ledger.tiles import export_tiles

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "spec" / "vectors" / "ledger"
ORIGIN = "port.example/ledger"
SEEDS = {
    "log": ("01" * 32, "02" * 32),
    "w1.example": ("03" * 32, "04" * 32),
    "w2.example": ("05" * 32, "06" * 32),
}
SIGNERS = {name: SeedSigner(*map(bytes.fromhex, seeds)) for name, seeds in SEEDS.items()}
LOG_KEYS = log_keys(ORIGIN, SIGNERS["log"])
WITNESS_KEYS = {name: witness_keys(name, SIGNERS[name]) for name in ("w1.example", "w2.example")}
NOW = datetime(2026, 11, 22, 7, 9, tzinfo=UTC)
SIZE = 259
INDEX = 258
ULID = "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"
TIME = "2026-11-22T07:09:00.000Z"
CAPTURE: dict[str, Any] = {
    "type": "capture", "time": TIME, "object": ULID, "lane": "lane-1", "epoch": "citizen/2026-11-22T07Z", "kind": "face",
    "sealed_sha256": "ab" * 32,
}  # fmt: skip


def clock() -> datetime:
    """Return the vectors' time."""
    return NOW


def make_entries() -> list[dict[str, Any]]:
    """Return the entries of the exported ledger: a site, captures, and an opening with its intent."""
    people = {
        "actor": "officer:b17",
        "org": "agency",
        "purpose": "primary_inspection",
        "release": ULID[:-1] + "J",
    }
    opened = [
        {"type": "open-intent", "time": TIME, "object": ULID, **people},
        {"type": "open-done", "time": TIME, "object": ULID, "intent": SIZE - 2, "outcome": "opened", "actor": "officer:b17"},
    ]  # fmt: skip
    captures = [{**CAPTURE, "size": number} for number in range(SIZE - 3)]
    return [
        {"type": "site", "time": TIME, "object": "port", "evaluation": True, "version": "1"},
        *captures,
        *opened,
    ]


def write(name: str, content: Any) -> None:
    """Write one vector: JSON for structures, text as it is."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / name).write_text(text, encoding="utf-8")


def write_merkle() -> None:
    """Write roots and proofs of trees of short leaves."""
    leaves = [bytes([number]) * (number % 5) for number in range(9)]
    tree, nodes, roots = proof.CompactRange(), {}, []
    for leaf in leaves:
        nodes.update({(level, number): value for level, number, value in tree.append(proof.hash_leaf(leaf))})
        roots.append(tree.root().hex())

    def node(level: int, number: int) -> bytes:
        return nodes[level, number]

    write("merkle.json", {
        "leaves": [leaf.hex() for leaf in leaves], "roots_of_sizes_1_to_9": roots,
        "inclusion": [
            {"index": index, "size": size, "proof": [value.hex() for value in proof.prove_inclusion(index, size, node)]}
            for size in (1, 2, 7, 8, 9) for index in range(size)
        ],
        "consistency": [
            {"first": first, "second": second, "proof": [value.hex() for value in proof.prove_consistency(first, second, node)]}
            for second in (7, 8, 9) for first in range(1, second + 1)
        ],
    })  # fmt: skip


def write_entries() -> None:
    """Write entries with their bytes and leaf hashes, and entries with one defect each."""
    good = [
        {**CAPTURE},
        *make_entries()[-2:],
        {**CAPTURE, "type": "match", "threshold": 0.25, "fpir_target": 0.003},
    ]
    del good[3]["sealed_sha256"], good[3]["kind"]
    rows = [(encode_entry(entry).decode(), proof.hash_leaf(encode_entry(entry)).hex()) for entry in good]
    text = rows[0][0]
    write("entries.json", {
        "valid": [{"bytes": data, "leaf_hash": leaf} for data, leaf in rows],
        "invalid": {
            "unknown-type": text.replace('"capture"', '"captured"'), "unknown-field": text.replace('"lane"', '"plate"'),
            "keys-not-sorted": '{"type":"site","time":"' + TIME + '","object":"port"}', "space-after-colon": text.replace(":", ": ", 1),
            "name-twice": text.replace("{", '{"epoch":"citizen/2026-11-22T07Z",', 1), "no-lane": text.replace('"lane":"lane-1",', ""),
            "upper-case-lane": text.replace("lane-1", "LANE-1"), "time-without-milliseconds": text.replace("00.000Z", "00Z"),
            "short-digest": text.replace("ab" * 32, "ab" * 31), "line-end-after": text + "\n", "not-json": text[:-1],
        },
    })  # fmt: skip


def write_notes(checkpoint: str) -> None:
    """Write keys, the cosigned checkpoint, policies with what they say of it, and checkpoints with one defect each."""
    keys = {name: [str(key) for key in found] for name, found in {"log": LOG_KEYS, **WITNESS_KEYS}.items()}
    write("keys.json", {"origin": ORIGIN, "seeds_ed25519_mldsa44": SEEDS, "vkeys": keys})
    log, w1, w2 = (
        f"log {keys['log'][0]}\n",
        f"witness w1 {keys['w1.example'][1]}\n",
        f"witness w2 {keys['w2.example'][0]}\n",
    )
    write("policies.json", {
        "accepts": {
            "quorum-none": log + "quorum none\n", "one-witness": log + w1 + "quorum w1\n",
            "both": f"# two bodies\n{log}{w1}{w2}group both all w1 w2\nquorum both\n", "one-of-two": f"{log}{w1}{w2}group g any w1 w2\nquorum g\n",
        },
        "refuses": {
            "no-log": "quorum none\n", "another-log": f"log {log_keys(ORIGIN, SIGNERS['w2.example'])[0]}\nquorum none\n",
            "a-witness-that-did-not-sign": log + f"witness w3 {witness_keys('w3.example', SIGNERS['w2.example'])[0]}\nquorum w3\n",
        },
        "malformed": {
            "no-quorum": log, "two-quorums": log + "quorum none\nquorum none\n", "key-twice": log + log + "quorum none\n",
            "name-before-definition": log + "group g any w1\n" + w1 + "quorum g\n", "threshold-too-high": log + w1 + "group g 2 w1\nquorum g\n",
            "log-key-as-witness": f"witness w {keys['log'][0]}\nquorum w\n", "carriage-return": log + "quorum none\r\n",
        },
    })  # fmt: skip
    text, _, lines = checkpoint.partition("\n\n")
    first, *rest = lines.splitlines(keepends=True)
    data = bytearray(base64.b64decode(first.split(" ")[2]))
    data[10] ^= 1
    flipped = f"{' '.join(first.split(' ')[:2])} {base64.b64encode(data).decode()}\n"
    write("checkpoints-invalid.json", {
        "signature-bit-flipped": f"{text}\n\n{flipped}{''.join(rest)}", "size-changed": checkpoint.replace(f"\n{SIZE}\n", f"\n{SIZE - 1}\n"),
        "without-log-signature": f"{text}\n\n{''.join(rest[1:])}", "size-with-leading-zero": checkpoint.replace(f"\n{SIZE}\n", f"\n0{SIZE}\n"),
        "extension-line": checkpoint.replace("\n\n", "\nextension\n\n", 1), "hyphen-for-dash": checkpoint.replace("\N{EM DASH}", "-"),
        "no-final-newline": checkpoint[:-1], "signed-by-another-key": sign_checkpoint(read_checkpoint(checkpoint), SIGNERS["w1.example"], clock=clock),
        "carriage-returns": checkpoint.replace("\n", "\r\n"),
    })  # fmt: skip


def write_witness(ledger: Ledger, checkpoint: str) -> None:
    """Write add-checkpoint requests with the answers of a witness that cosigned 100 entries before."""
    point = read_checkpoint(checkpoint)
    own = checkpoint.split("\N{EM DASH} w1.example", maxsplit=1)[0]
    lines = [base64.b64encode(value).decode() for value in ledger.consistency(100, SIZE)]
    good = "\n".join(["old 100", *lines, "", own])
    stranger = sign_checkpoint(Checkpoint("other.example", SIZE, point.root), SIGNERS["log"], clock=clock)
    forked = sign_checkpoint(Checkpoint(ORIGIN, 100, b"\x00" * 32), SIGNERS["log"], clock=clock)
    before = sign_checkpoint(Checkpoint(ORIGIN, 100, ledger.root(100)), SIGNERS["log"], clock=clock)
    write("witness.json", {
        "before": before,
        "requests": [
            {"body": good, "status": 200}, {"body": good.replace("old 100", "old 99"), "status": 409, "answer": "100\n"},
            {"body": f"old 0\n\n{own}", "status": 409, "answer": "100\n"}, {"body": "\n".join(["old 100", *lines[1:], "", own]), "status": 422},
            {"body": f"old 100\n\n{forked}", "status": 422}, {"body": f"old 0\n\n{stranger}", "status": 404},
            {"body": good.replace(f"\n{SIZE}\n", f"\n{SIZE + 1}\n"), "status": 403}, {"body": f"old {SIZE + 1}\n\n{own}", "status": 400},
            {"body": good.replace("old 100", "old 0100"), "status": 400}, {"body": f"old 100\n\n{before}", "status": 200},
        ],
    })  # fmt: skip


def main() -> None:
    """Write every vector again."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        ledger = Ledger.create(Path(name) / "ledger", origin=ORIGIN, clock=clock)
        ledger.write_keys(SIGNERS["log"])
        ledger.append(make_entries())
        checkpoint = ledger.sign_checkpoint(SIGNERS["log"])
        for witness, keys in WITNESS_KEYS.items():
            lines = cosign_checkpoint(read_checkpoint(checkpoint), witness, SIGNERS[witness], clock=clock)
            checkpoint = ledger.add_cosignatures(checkpoint, format_signatures(lines), keys)
        export_tiles(ledger, FOLDER / "export")
        write("entry-258.tlog-proof", str(ledger.prove(INDEX)))
        write("entry-258.json", ledger.raw(INDEX).decode())
        write_merkle()
        write_entries()
        write_notes(checkpoint)
        write_witness(ledger, checkpoint)
        ledger.close()


if __name__ == "__main__":
    main()

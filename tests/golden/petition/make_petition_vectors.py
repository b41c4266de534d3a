"""Write docs/spec/vectors/petition: a ledger on which petitions are asked, signed, declined and settled, what people signed, and defects of each.

Run it only when the format changes: `python tests/golden/petition/make_petition_vectors.py`. Keys, times and ids are fixed and every signature is Ed25519, so all of it
is the same bytes whenever it is made.
"""

import json
from pathlib import Path
from typing import Any

from petition_defects import make_malformed, make_refused, make_replaced
from petition_story import (
    ASKED,
    COSE,
    CREDENTIAL,
    PARTY,
    PEOPLE,
    make_checkpoint,
    make_given,
    make_ledger,
    read_state,
)

from wayseal.export.approval import (
    digest_ballot,
    encode_approval,
)
from wayseal.seal.suite import sha256

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "spec" / "vectors" / "petition"


def make_keys() -> dict[str, Any]:
    """Return the file of seeds, and what verifies an authenticator."""
    return {
        "seeds_ed25519": {
            name: (bytes((number,)) * 32).hex() for number, name in enumerate(PEOPLE, start=0x31)
        },
        "publics_ed25519": {name: one.public.hex() for name, one in PEOPLE.items()},
        "authenticator": {
            "approver": "lab:1", "credential": CREDENTIAL.hex(), "origin": PARTY.origins[0], "party": PARTY.id,
            "public_cose": COSE.hex(),
        },
    }  # fmt: skip


def make_vectors() -> dict[str, bytes]:
    """Return the files' contents by name."""
    ledger = make_ledger()
    asked = ledger[:ASKED]
    checkpoint = make_checkpoint(asked)
    given = {
        name: {
            "about": word.about.value, "paper": paper.decode(), "ballot_digest": digest_ballot(paper, checkpoint).hex(),
            "bytes": encode_approval(word).decode(), "sha256": sha256(encode_approval(word)).hex(),
        }
        for name, (paper, word) in make_given(asked, checkpoint).items()
    }  # fmt: skip
    files: dict[str, Any] = {
        "keys.json": make_keys(),
        "ledger.json": {
            "checkpoint_of_6": checkpoint,
            "entries": [data.decode() for data in ledger],
            "states": [read_state(ledger[:size]) for size in range(len(ledger) + 1)],
        },
        "replaced.json": make_replaced(ledger),
        "malformed.json": make_malformed(ledger),
        "approvals.json": {"valid": given, "invalid": make_refused(asked, checkpoint)},
    }
    return {
        name: json.dumps(value, indent=1, sort_keys=True).encode() + b"\n" for name, value in files.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, content in make_vectors().items():
        (FOLDER / file).write_bytes(content)

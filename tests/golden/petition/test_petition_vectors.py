"""The published petitions: made again byte for byte, read alike by a reader that shares no code with Wayseal, and each defect answered as published."""

import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

sys.path.append(str(Path(__file__).resolve().parents[1] / "ledger"))

import independent_ledger_reader
import independent_petition_reader as independent
import make_petition_vectors as make
import petition_story as story

from wayseal.export.approval import Subject, decline_paper, decode_approval, digest_ballot, verify_approval
from wayseal.flow.petition import drop_false_seal
from wayseal.ledger.entry import decode_entry
from wayseal.model.disclosure import ApproverKey, CredentialForm
from wayseal.model.errors import LedgerBroken, WaysealError

FOLDER = make.FOLDER


def load(name: str) -> Any:
    """Return one vector file's content."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


KEYS, LEDGER, REPLACED, MALFORMED, APPROVALS = map(
    load, ("keys", "ledger", "replaced", "malformed", "approvals")
)
ENTRIES = [text.encode() for text in LEDGER["entries"]]
KEYROOM = bytes.fromhex(KEYS["publics_ed25519"]["keyroom"])


def verify(case: dict[str, Any]) -> None:
    """Verify what somebody gave, as the keyroom does, by the credential that they have."""
    about = Subject(case["about"])
    approval = decode_approval(case["bytes"].encode(), about)
    if approval.form is CredentialForm.ED25519:
        public, credential = bytes.fromhex(KEYS["publics_ed25519"][approval.approver]), b""
    else:
        known = KEYS["authenticator"]
        public, credential = bytes.fromhex(known["public_cose"]), bytes.fromhex(known["credential"])
    key = ApproverKey(
        independent.sha(public), approval.approver, approval.form, public, story.NOW, credential
    )
    verify_approval(approval, case["paper"].encode(), key, story.PARTY)


def test_vectors_are_made_again() -> None:
    """Every file is byte for byte what the code makes now, and there is no other."""
    made = make.make_vectors()
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(made)
    for name, content in made.items():
        assert (FOLDER / name).read_bytes() == content, name


@pytest.mark.parametrize("size", range(len(ENTRIES) + 1))
def test_states_are_as_published(size: int) -> None:
    """After each entry both readers say the same of what waits, who is suspended and what is held."""
    assert story.read_state(ENTRIES[:size]) == LEDGER["states"][size]
    assert independent.replay(ENTRIES[:size], KEYROOM) == LEDGER["states"][size]


def test_people_sign_a_state_of_this_ledger() -> None:
    """The checkpoint under which all signed is the root of the first six entries."""
    leaves = [independent_ledger_reader.sha(b"\x00" + data) for data in ENTRIES[: story.ASKED]]
    root = base64.b64encode(independent_ledger_reader.tree_hash(leaves)).decode()
    assert LEDGER["checkpoint_of_6"] == f"{story.SITE}\n6\n{root}\n"


def test_only_sealed_entries_keep_a_seal() -> None:
    """The shipped code keeps the seals of the keyroom's two entries, and they hold without our code."""
    sealed = [decode_entry(data) for data in ENTRIES if b"keyroom_seal" in data]
    assert [entry["type"] for entry in sealed] == ["org-status", "lift"]
    for entry in sealed:
        assert drop_false_seal(entry, KEYROOM) == entry
        assert independent.is_sealed(entry, KEYROOM)


@pytest.mark.parametrize("defect", REPLACED)
def test_replaced_entries(defect: str) -> None:
    """An entry with one defect in the place of a good one is read, by both readers, and changes what is published and no more."""
    case = REPLACED[defect]
    entries = [*ENTRIES[: case["place"]], case["bytes"].encode()]
    assert story.read_state(entries) == case["after"] == independent.replay(entries, KEYROOM)
    assert case["after"] != LEDGER["states"][case["place"] + 1] or defect == "petition-of-eight-days"


@pytest.mark.parametrize("defect", MALFORMED)
def test_malformed_entries_are_refused(defect: str) -> None:
    """Bytes with one defect are no entry of the ledger."""
    with pytest.raises(LedgerBroken):
        decode_entry(MALFORMED[defect].encode())


@pytest.mark.parametrize("name", APPROVALS["valid"])
def test_words_hold(name: str) -> None:
    """Each yes and no verifies here and without our code, over the published digest, and what the ledger says of it is its digest."""
    case = APPROVALS["valid"][name]
    verify(case)
    independent.verify_word(case, KEYS)
    assert digest_ballot(case["paper"].encode(), LEDGER["checkpoint_of_6"]).hex() == case["ballot_digest"]
    assert independent.sha(case["bytes"].encode()) == case["sha256"]
    told = any(case["sha256"].encode() in data for data in ENTRIES)
    assert told == (name != "reinstatement-no"), "five of six were handed in"


@pytest.mark.parametrize("name", ["lift-no", "reinstatement-no"])
def test_noes_are_no_entries(name: str) -> None:
    """The paper of a no holds the petition's very bytes, and is no entry itself."""
    paper = APPROVALS["valid"][name]["paper"]
    fields = json.loads(paper)
    entry = independent.canonical(fields["declined"])
    assert entry in ENTRIES
    assert decline_paper(Subject(fields["about"]), entry, fields["reason"]) == paper.encode()
    assert independent.canonical(fields) == paper.encode()
    with pytest.raises(LedgerBroken):
        decode_entry(paper.encode())


@pytest.mark.parametrize("defect", APPROVALS["invalid"])
def test_false_words_are_refused(defect: str) -> None:
    """What somebody gave with one defect raises exactly the published error here, and fails without our code too."""
    case = APPROVALS["invalid"][defect]
    with pytest.raises(WaysealError) as found:
        verify(case)
    assert type(found.value).__name__ == case["error"]
    with pytest.raises((AssertionError, InvalidSignature, KeyError)):
        independent.verify_word(case, KEYS)


def test_specification_names_everything() -> None:
    """The page names each field of petitions, words and settled entries, each label, and each file of vectors."""
    page = (FOLDER.parents[1] / "petition.md").read_text(encoding="utf-8")
    fields = {name for data in ENTRIES[3:] for name in decode_entry(data)} - {"type", "org"}
    for case in APPROVALS["valid"].values():
        fields |= {"about", "declined", "reason"} | {f"wayseal-{case['about']}-approval/v1"}
    fields |= {path.name for path in FOLDER.iterdir()}
    assert sorted(name for name in fields if f"`{name}`" not in page) == []
    assert "wayseal-settled/v1" in page
    assert not re.search(r"\bsrc/|\.py\b", page.split("## 7")[0]), "the norm refers to no code"

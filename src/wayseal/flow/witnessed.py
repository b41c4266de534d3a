"""Check a delivery without any key: manifest, approvals, ledger entries, sender. Each check says whether it holds.

Owns what an outsider can find out offline. It never opens an item, and believes nothing that the file says of itself: what
depends on a key that the reader did not bring is reported as not checked.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wayseal.export.approval import Approval, decode_approval, encode_approval, list_problems, verify_approval
from wayseal.export.bundle import MAGIC, read_bundle, verify_sender
from wayseal.export.delivery import read_sheet
from wayseal.export.evidence import ApproverFact, Evidence
from wayseal.export.manifest import digest_manifest
from wayseal.ledger.checkpoint import Checkpoint, parse_checkpoint, read_checkpoint, verify_checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.proof import hash_leaf, verify_inclusion
from wayseal.model.disclosure import ApproverKey, Manifest
from wayseal.model.errors import Integrity, Refused, WaysealError
from wayseal.seal.suite import sha256

Finding = Literal["holds", "fails", "not checked"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, what was found, and why when it does not hold."""

    what: str
    finding: Finding
    why: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What a delivery says and which of it holds. `records` counts its items; the sealed ones stay sealed."""

    manifest: Manifest
    manifest_sha256: str
    sender: bytes
    approvers: tuple[ApproverFact, ...]
    checkpoint: Checkpoint
    bundle_sha256: str
    """Of the sealed file: for a sheet, the age file that must lie beside it."""
    checks: tuple[Check, ...]

    @property
    def is_sound(self) -> bool:
        """Whether no check failed; one that needs a key the reader has not brought does not count."""
        return all(check.finding != "fails" for check in self.checks)


@dataclass(frozen=True, slots=True)
class _Papers:
    """The parts of a delivery that are in the clear."""

    manifest_bytes: bytes
    manifest: Manifest
    evidence: Evidence
    bundle_sha256: str


def examine_delivery(
    data: bytes, *, log: Sequence[VerifierKey] = (), sender: bytes | None = None
) -> Examination:
    """Return what a bundle, or the sheet of an age file, says, and what of it holds.

    `log` are the ledger's verifier keys and `sender` the site's raw Ed25519 key, as the reader got them from elsewhere.
    Raises `Invalid` for a file that is neither, `Integrity` when the sender's signature over it does not hold.
    """
    papers = _read_papers(data)
    evidence = papers.evidence
    checkpoint = read_checkpoint(evidence.checkpoint)
    checks = [
        Check("the sender signed the whole file", "holds"),
        _check_sender(evidence, sender),
        _check_log(evidence, log),
        _check("each ledger entry is under the checkpoint", lambda: _verify_entries(evidence, checkpoint)),
        _check("the request on the ledger is this manifest's", lambda: _verify_request(papers)),
        *_check_approvals(papers),
        _check("two people of two organisations approved, not the requester", lambda: _verify_rule(papers)),
    ]  # fmt: skip
    return Examination(
        papers.manifest, digest_manifest(papers.manifest_bytes), evidence.sender, evidence.approvers, checkpoint,
        papers.bundle_sha256, tuple(checks),
    )  # fmt: skip


def _read_papers(data: bytes) -> _Papers:
    """Return the clear parts of a bundle or sheet, whose sender's signature holds."""
    if data.startswith(MAGIC):
        bundle = read_bundle(data)
        verify_sender(bundle)
        return _Papers(bundle.manifest_bytes, bundle.manifest, bundle.evidence, sha256(data).hex())
    sheet = read_sheet(data)
    return _Papers(sheet.manifest_bytes, sheet.manifest, sheet.evidence, sheet.bundle_sha256)


def _check(what: str, verify: Callable[[], object]) -> Check:
    """Return how one verification ended."""
    try:
        verify()
    except WaysealError as error:
        return Check(what, "fails", str(error))
    return Check(what, "holds")


def _check_sender(evidence: Evidence, sender: bytes | None) -> Check:
    what = "the sender is the site that the reader expects"
    if sender is None:
        return Check(what, "not checked", "bring the site's key: --sender")
    same = evidence.sender == sender
    return Check(what, "holds" if same else "fails", "" if same else "another key signed the file")


def _check_log(evidence: Evidence, log: Sequence[VerifierKey]) -> Check:
    what = "the ledger signed the checkpoint"
    if not log:
        return Check(what, "not checked", "bring the ledger's keys: --log-key")
    return _check(what, lambda: verify_checkpoint(evidence.checkpoint, log))


def _verify_entries(evidence: Evidence, checkpoint: Checkpoint) -> None:
    for proof in evidence.entries:
        decode_entry(proof.entry)
        verify_inclusion(proof.index, checkpoint.size, hash_leaf(proof.entry), proof.path, checkpoint.root)


def _list_entries(evidence: Evidence, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the evidence's ledger entries of one type."""
    for proof in evidence.entries:
        entry = decode_entry(proof.entry)
        if entry["type"] == kind:
            yield entry


def _verify_request(papers: _Papers) -> None:
    """Raise unless one `export-request` entry names this manifest and one `recipient` entry its key."""
    digest, manifest = digest_manifest(papers.manifest_bytes), papers.manifest
    requests = [e for e in _list_entries(papers.evidence, "export-request") if e["manifest_sha256"] == digest]
    if len(requests) != 1 or requests[0]["records"] != list(manifest.records):
        raise Integrity("no request on the ledger is this manifest's")
    keys = [
        e["key_sha256"]
        for e in _list_entries(papers.evidence, "recipient")
        if e["object"] == manifest.recipient
    ]
    if keys != [manifest.key_sha256]:
        raise Integrity("the recipient's key is not the one on the ledger")


def _check_approvals(papers: _Papers) -> Iterator[Check]:
    """Yield a check of each approval."""
    facts = {one.id: one for one in papers.evidence.approvers}
    for raw in papers.evidence.approvals:
        approval = decode_approval(raw)
        fact = facts.get(approval.approver)
        said = "unknown" if fact is None else fact.organisation

        def verify(approval: Approval = approval, fact: ApproverFact | None = fact) -> None:
            _verify_approval(papers, approval, fact)

        yield _check(f"approval of {approval.approver} ({said})", verify)


def _verify_approval(papers: _Papers, approval: Approval, fact: ApproverFact | None) -> None:
    """Raise unless the approver's enrolled key signed this manifest, and the ledger has the approval."""
    if fact is None:
        raise Integrity("the file does not say who approved")
    digest = hashlib.sha256(fact.public).hexdigest()
    enrolled = [
        e for e in _list_entries(papers.evidence, "approver")
        if (e["object"], e["action"], e.get("key_sha256"), e.get("org")) == (fact.id, "enrolled", digest, fact.organisation)
    ]  # fmt: skip
    key = ApproverKey(digest, fact.id, fact.form, fact.public, papers.manifest.created_at, fact.credential)
    verify_approval(approval, papers.manifest_bytes, key, papers.evidence.party)
    parse_checkpoint(approval.checkpoint)
    signed = hashlib.sha256(encode_approval(approval)).hexdigest()
    logged = [
        e for e in _list_entries(papers.evidence, "export-approve") if e.get("approval_sha256") == signed
    ]
    if not enrolled or len(logged) != 1 or logged[0]["actor"] != fact.id:
        raise Integrity("the approval or its credential is not on the ledger")


def _verify_rule(papers: _Papers) -> None:
    """Raise unless enough different people of different organisations approved."""
    pairs = [(one.id, one.organisation) for one in papers.evidence.approvers]
    problems = list_problems(pairs, requester=papers.manifest.requester, needed=2)
    if problems or len(papers.evidence.approvals) != len(pairs):
        raise Refused(problems[0] if problems else "there are more or fewer approvals than approvers")

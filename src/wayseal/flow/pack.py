"""An incident's evidence pack: figures, records, entries and proofs in one folder that whoever gets it can count again.

Owns the folder's layout, and the recount. Holds no picture and nothing about a person; opens no record. The figures are counted
again from the entries, which the ledger's checkpoint proves; the question is what the seal (`flow.pack_seal`) holds fast.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wayseal.flow.pack_seal import verify_seal
from wayseal.flow.scope import Question, Scope, Tie, count_scope, describe_scope
from wayseal.flow.scope_facts import PAGE, Facts, gather_facts
from wayseal.ledger.checkpoint import verify_checkpoint
from wayseal.ledger.note import VerifierKey, parse_vkey
from wayseal.ledger.offline import OfflineProof, parse_proof
from wayseal.ledger.reader import LedgerReader
from wayseal.ledger.span import SpanProof
from wayseal.model.clock import from_text
from wayseal.model.errors import Integrity, Invalid
from wayseal.model.oversight import SubjectKind

FORMAT = "wayseal-incident-pack/v2"
COLUMNS = ("record", "kind", "lane", "day", "record_class", "opened", "exported", "status", "ledger_index")
_GUIDE = """# Evidence pack of an incident

`incident.json` says what happened, whom it is about and what it concerns. Nothing in this folder shows a person: records appear
by id, people by staff id. `report.html` (and `.pdf`) is the same to print. `records.csv` lists every picture that was or could have been seen.

Believe none of it; count again:

1. `wayseal incident verify THIS-FOLDER` needs no key of the site. It checks the signatures on `ledger/checkpoint`, that
   `ledger/entries.jsonl` is exactly what that checkpoint covers, and that every figure follows from the entries. Give
   `--trust FILE.vkey` with keys that you had before the incident; else it uses those beside the ledger and says so.
2. Without this program: each line of `entries.jsonl` (without its line feed) is one entry; its leaf hash is
   SHA-256(0x00 | line); the tree is RFC 6962's, the checkpoint a C2SP signed note, and each `ledger/evidence/*.tlog-proof` a
   C2SP tlog-proof that any verifier of that format takes.
3. `files.sha256` (check it with `sha256sum -c`) lists every file; its own SHA-256 is in `ledger/handed-out.json`, the ledger's entry of this
   very pack, and `ledger/handed-out.tlog-proof` proves that entry. So nothing here was changed since it was handed out, and
   the site cannot hand out another answer without another entry.
4. What is the site's own word all the same: whose the devices in `subject` were, and what policy allowed (`rulings`). The register's entries are in
   `entries.jsonl` (type `register`), the digest of the rules too (type `config`, `site-rules`): ask for the rules, and compare.
5. `still_live` and `already_erased` follow from the `erase-done` entries: an epoch's key is gone, and with it every copy.
"""


def write_pack(
    folder: Path,
    ledger: LedgerReader,
    incident: Mapping[str, Any],
    scope: Scope,
    facts: Facts,
    *,
    keys: Sequence[VerifierKey],
    recommendations: Sequence[Mapping[str, Any]],
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write the pack into a new or empty folder, and return its `incident.json`. Raises `Invalid` where anything is already."""
    if folder.exists() and any(folder.iterdir()):
        raise Invalid("the pack's folder is not empty", hint="Name a new folder.")
    evidence = folder / "ledger" / "evidence"
    evidence.mkdir(parents=True)
    (folder / "README.md").write_text(_GUIDE, encoding="utf-8")
    (folder / "ledger" / "checkpoint").write_text(scope.checkpoint, encoding="utf-8")
    for number, key in enumerate(keys):
        (folder / "ledger" / f"log-{number}.vkey").write_text(f"{key}\n", encoding="utf-8")
    with (folder / "ledger" / "entries.jsonl").open("wb") as file:
        for page in _read_pages(ledger, scope.span):
            file.writelines(data + b"\n" for data in page)
            on_progress(len(page))
    for index in scope.evidence:
        proof = OfflineProof(index, tuple(ledger.inclusion(index, scope.span.size)), scope.checkpoint)
        (evidence / f"{index:09d}.tlog-proof").write_text(str(proof), encoding="utf-8")
    _write_records(folder / "records.csv", scope, facts)
    shown = {
        "format": FORMAT,
        "incident": dict(incident),
        "scope": describe_scope(scope, ledger, proofs=0),
        "recommendations": list(recommendations),
    }
    (folder / "incident.json").write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
    return shown


def verify_pack(folder: Path, trusted: Sequence[VerifierKey] = ()) -> dict[str, Any]:
    """Count a pack again and return its figures. Needs no home and no secret.

    `trusted` are log keys that the caller had from elsewhere; without them the pack's own are taken, and `own_keys` says so.
    Raises `LedgerBroken` for entries that the checkpoint does not cover, `Integrity` for a figure that does not follow, and for a
    pack that is not, file for file, the one that the ledger says was handed out.
    """
    told, incident = _read_told(folder)
    keys = tuple(trusted) or _read_keys(folder)
    seal = verify_seal(folder, incident, keys)
    note = (folder / "ledger" / "checkpoint").read_text(encoding="utf-8")
    checkpoint, _ = verify_checkpoint(note, keys)
    span = _parse_span(told["proofs"]["span"])
    if span.size != checkpoint.size or span.end != span.size:
        raise Integrity("the pack's entries do not reach the checkpoint", end=span.end, size=checkpoint.size)
    facts = gather_facts(_read_lines(folder / "ledger" / "entries.jsonl"), span, checkpoint.root)
    rulings = _parse_rulings(told)
    scope = count_scope(
        facts, _parse_question(told), lambda *sort: rulings.get(sort, False), checkpoint=note, root=checkpoint.root, span=span
    )  # fmt: skip
    counted = describe_scope(scope, None)
    wrong = sorted(name for name in counted if name != "proofs" and counted[name] != told.get(name))
    if wrong:
        raise Integrity("the pack's figures do not follow from its entries", figures=", ".join(wrong))
    if _list_rows(scope, facts) != _read_rows(folder / "records.csv"):
        raise Integrity("records.csv is not the list that the entries give")
    _verify_evidence(folder, scope, keys)
    figures = (
        "images",
        "people",
        "proven_opened",
        "exported",
        "reachable",
        "still_live",
        "already_erased",
        "root",
    )
    return {name: counted[name] for name in figures} | {
        "entries": span.end - span.begin,
        "handed_out": seal.time,
        "pack_entry": seal.index,
        "own_keys": not trusted,
    }


def _verify_evidence(folder: Path, scope: Scope, keys: Sequence[VerifierKey]) -> None:
    """Check each proof of an opening or export by itself, as an outsider's tool would."""
    wanted = {f"{index:09d}.tlog-proof": index for index in scope.evidence}
    found = {path.name for path in (folder / "ledger" / "evidence").iterdir()}
    if found != set(wanted):
        raise Integrity("the pack's proofs are not those of its evidence")
    entries = dict.fromkeys(scope.evidence, b"")
    for number, data in enumerate(_iterate_lines(folder / "ledger" / "entries.jsonl"), scope.span.begin):
        if number in entries:
            entries[number] = data
    for name, index in wanted.items():
        proof = parse_proof((folder / "ledger" / "evidence" / name).read_bytes())
        if proof.index != index:
            raise Integrity("a proof of another entry than its name says", file=name)
        proof.verify(entries[index], keys)


def _read_told(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the scope that a pack tells of, and the incident's id. Raises `Invalid` for anything that is no pack."""
    try:
        value = json.loads((folder / "incident.json").read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise Invalid("a pack of another format", format=str(value["format"])[:60])
        told: dict[str, Any] = value["scope"]
        incident = str(value["incident"]["incident"])
        _parse_question(told)
        _parse_span(told["proofs"]["span"])
        _parse_rulings(told)
    except FileNotFoundError:
        raise Invalid(
            "there is no evidence pack in this folder", hint="Name the folder with incident.json."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("incident.json is not what a pack's is") from None
    return told, incident


def _read_keys(folder: Path) -> tuple[VerifierKey, ...]:
    return tuple(
        parse_vkey(path.read_text(encoding="utf-8").strip())
        for path in sorted((folder / "ledger").glob("*.vkey"))
    )


def _parse_question(told: Mapping[str, Any]) -> Question:
    subject = told["subject"]
    return Question(
        SubjectKind(subject["kind"]), str(subject["id"]), from_text(told["since"]), from_text(told["until"]),
        frozenset(map(str, subject["devices"])), frozenset(map(str, subject["equipment"])),
        {str(lane): frozenset(map(str, names)) for lane, names in subject["places"].items()}, int(subject["good_days"]),
        bool(subject["rules_known"]),
        {str(name): Tie(str(tie["tier"]), tie["under"]) for name, tie in subject["organisations"].items()},
    )  # fmt: skip


def _parse_rulings(told: Mapping[str, Any]) -> dict[tuple[str, str, str], bool]:
    return {(one["kind"], one["record_class"], one["lane"]): bool(one["may_open"]) for one in told["rulings"]}


def _parse_span(value: Mapping[str, Any]) -> SpanProof:
    left, right = (tuple(bytes.fromhex(one) for one in value[side]) for side in ("left", "right"))
    return SpanProof(int(value["begin"]), int(value["end"]), int(value["size"]), left, right)


def _read_pages(ledger: LedgerReader, span: SpanProof) -> Iterator[list[bytes]]:
    for first in range(span.begin, span.end, PAGE):
        yield ledger.raw_entries(first, min(first + PAGE, span.end))


def _iterate_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            yield line.removesuffix(b"\n")


def _read_lines(path: Path) -> Iterator[list[bytes]]:
    """Yield a pack's entries in pages, as their exact bytes."""
    page: list[bytes] = []
    for data in _iterate_lines(path):
        page.append(data)
        if len(page) == PAGE:
            yield page
            page = []
    yield page


def _list_rows(scope: Scope, facts: Facts) -> list[list[str]]:
    """Return one row a record, as `records.csv` has it."""
    opened, exported = set(scope.opened), set(scope.exported)
    rows = []
    for record in scope.records:
        capture = facts.captures[record]
        status = "live" if facts.death(record) is None else "erased"
        rows.append([
            record, capture.kind, capture.lane, f"{capture.taken:%Y-%m-%d}", facts.class_of(record),
            str(int(record in opened)), str(int(record in exported)), status, str(capture.index),
        ])  # fmt: skip
    return rows


def _write_records(path: Path, scope: Scope, facts: Facts) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_list_rows(scope, facts))


def _read_rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]

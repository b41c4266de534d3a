"""`wayseal ledger`: verify, show, prove, export and publish the ledger. Only `publish` needs a passphrase."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import (
    FILE,
    csv_option,
    json_option,
    passphrase_option,
    print_csv,
    print_json,
    print_table,
    read_passphrase,
    show_progress,
    unused_passphrase_option,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS
from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Invalid, LedgerBroken, NotFound

if TYPE_CHECKING:
    from wayseal.ledger.check import Verification
    from wayseal.ledger.checkpoint import Checkpoint, GoodSignature
    from wayseal.ledger.note import VerifierKey

_COLUMNS = ("index", "time", "type", "actor", "org", "device", "lane", "object")


@click.group(cls=VerbGroup)
def command() -> None:
    """Verify, show, prove, export and publish the ledger: what was done, when, by whom, and nothing about any traveller."""


def read_key_options(values: Sequence[str]) -> "tuple[VerifierKey, ...]":
    """Return the keys that `--vkey` options name: each a vkey, or a file that holds one."""
    from wayseal.ledger.note import parse_vkey

    texts = [Path(value).read_text(encoding="utf-8") if Path(value).is_file() else value for value in values]
    return tuple(parse_vkey(text) for text in texts)


@command.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="An exported folder, instead of the home's ledger.",
)
@click.option(
    "--vkey",
    "vkeys",
    multiple=True,
    help="A key to trust (a vkey or its file); without any, the *.vkey files and the policy beside the ledger.",
)
@click.option(
    "--checkpoint",
    "known",
    multiple=True,
    type=FILE,
    help="A checkpoint kept elsewhere; the ledger must extend it.",
)
@unused_passphrase_option
@json_option
@click.pass_obj
def verify(
    home: Path, folder: Path | None, vkeys: tuple[str, ...], known: tuple[Path, ...], *, as_json: bool
) -> None:
    """Recompute the whole ledger from its raw entries and check every signature.

    Exit code 4, with the failing index, when anything was edited, dropped, reordered, truncated or forked. Keys that lie
    beside the ledger prove only that all parts fit each other: pass keys you got elsewhere with --vkey.
    """
    from wayseal.ledger.check import read_vkeys, verify_ledger
    from wayseal.ledger.reader import FILE_NAME
    from wayseal.ledger.tiles import verify_export

    place = folder if folder is not None else home / "ledger"
    try:
        keys = read_key_options(vkeys) or read_vkeys(place)
        notes = [file.read_text(encoding="utf-8") for file in known]
        with show_progress("entries", None) as progress:
            if folder is not None:
                found = verify_export(folder, keys, known=notes, progress=progress)
            else:
                found = verify_ledger(place / FILE_NAME, keys, known=notes, progress=progress)
    except LedgerBroken as error:
        if as_json:
            print_json(
                {
                    "consistent": False,
                    "error": str(error),
                    **{
                        name: str(fact) if not isinstance(fact, int) else fact
                        for name, fact in error.facts.items()
                    },
                }
            )
        raise
    _print_verification(found, as_json=as_json)


def _print_verification(found: "Verification", *, as_json: bool) -> None:
    signed_by = [_name_signature(signature) for signature in found.signatures]
    cosigned_by = [_name_signature(signature) for signature in found.cosignatures]
    answer = {
        "size": found.size,
        "root": base64.b64encode(found.root).decode(),
        "signatures": len(found.signatures),
        "cosignatures": len(found.cosignatures),
        "consistent": True,
        "signed_size": found.signed_size,
        "cosigned_size": found.cosigned_size,
        "signed_by": signed_by,
        "cosigned_by": cosigned_by,
    }
    if as_json:
        print_json(answer)
        return
    rows = [
        ("entries", f"{found.size:,}"), ("root", answer["root"]),
        ("signed", f"{found.signed_size:,} entries by {', '.join(signed_by) or 'nobody known'}"),
        ("cosigned", f"{found.cosigned_size:,} entries by {', '.join(cosigned_by)}" if cosigned_by else "by no known witness"),
        ("consistent", "yes"),
    ]  # fmt: skip
    print_table("Ledger", ("what", "found"), rows)


def _name_signature(signature: "GoodSignature") -> str:
    return f"{signature.key.name} ({signature.key.algorithm})"


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--cosigned", is_flag=True, help="Up to the newest checkpoint with a witness's cosignature.")
@unused_passphrase_option
@json_option
@click.pass_obj
def export(home: Path, folder: Path, *, cosigned: bool, as_json: bool) -> None:
    """Write the signed ledger to DIR as C2SP tlog-tiles, with its verifier keys; an earlier export there is extended."""
    from wayseal.ledger.reader import LedgerReader
    from wayseal.ledger.tiles import export_tiles

    checkpoint = export_tiles(LedgerReader(home / "ledger"), folder, cosigned=cosigned)
    if as_json:
        print_json({"dir": str(folder), **_describe(checkpoint)})
    else:
        click.echo(f"Exported {checkpoint.size:,} entries of {checkpoint.origin} to {folder}")


def _describe(checkpoint: "Checkpoint") -> dict[str, Any]:
    return {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
    }


@command.command()
@click.argument("index", type=click.IntRange(min=0))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the proof to this file (.tlog-proof).",
)
@click.option(
    "--entry-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the entry's bytes to this file.",
)
@unused_passphrase_option
@json_option
@click.pass_obj
def prove(home: Path, index: int, out: Path | None, entry_out: Path | None, *, as_json: bool) -> None:
    """Give the offline proof that entry INDEX is on the ledger: a .tlog-proof that verifies without a network."""
    from wayseal.ledger.checkpoint import read_checkpoint
    from wayseal.ledger.reader import LedgerReader

    ledger = LedgerReader(home / "ledger")
    proof, entry = ledger.prove(index), ledger.raw(index)
    if out is not None:
        out.write_text(str(proof), encoding="utf-8")
    if entry_out is not None:
        entry_out.write_bytes(entry)
    if as_json:
        checkpoint = _describe(read_checkpoint(proof.checkpoint))
        print_json(
            {
                "index": index,
                **checkpoint,
                "entry": json.loads(entry),
                "entry_bytes": entry.decode(),
                "proof": str(proof),
            }
        )
    elif out is None:
        click.echo(str(proof), nl=False)


@command.command("check-proof")
@click.argument("file", type=FILE)
@click.option(
    "--entry",
    "entry_file",
    type=FILE,
    required=True,
    help="The entry's bytes, as prove --entry-out wrote them.",
)
@click.option("--policy", "policy_file", type=FILE, help="A trust policy: logs, witnesses and quorum.")
@click.option(
    "--vkey", "vkeys", multiple=True, help="Instead of a policy: a key of the log (a vkey or its file)."
)
@json_option
def check_proof(
    file: Path, entry_file: Path, policy_file: Path | None, vkeys: tuple[str, ...], *, as_json: bool
) -> None:
    """Verify a .tlog-proof offline: the entry, the path to the root, the log's signature and the policy's quorum."""
    from wayseal.ledger.offline import parse_proof
    from wayseal.ledger.policy import parse_policy

    if (policy_file is None) == (not vkeys):
        raise Invalid("give either a policy or keys", hint="--policy FILE, or --vkey KEY once or more.")
    trusted = parse_policy(policy_file.read_bytes()) if policy_file is not None else read_key_options(vkeys)
    proof = parse_proof(file.read_bytes())
    checkpoint, good = proof.verify(entry_file.read_bytes(), trusted)
    answer = {
        "index": proof.index,
        **_describe(checkpoint),
        "valid": True,
        "signed_by": [_name_signature(one) for one in good],
    }
    if as_json:
        print_json(answer)
    else:
        click.echo(
            f"Entry {proof.index} is on {checkpoint.origin}, signed by {', '.join(answer['signed_by'])}"
        )


@command.command()
@click.option("--since", help="From this time on (RFC 3339, or a date).")
@click.option("--until", help="Before this time.")
@click.option("--type", "kind", help="Only entries of this type.")
@click.option(
    "--object",
    "object_id",
    help="Only entries that refer to this record, release, encounter, epoch or session.",
)
@click.option("--actor", help="Only what this principal did.")
@click.option("--org", help="Only what this organisation did.")
@click.option("--device", help="Only what this device did.")
@click.option("--lane", help="Only what happened at this lane.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many.")
@csv_option
@unused_passphrase_option
@json_option
@click.pass_obj
def show(home: Path, /, limit: int | None, *, as_json: bool, as_csv: bool, **wanted: str | None) -> None:
    """List entries, oldest first."""
    from wayseal.ledger.reader import LedgerReader

    ledger = LedgerReader(home / "ledger")
    renamed = {"kind": "type", "object_id": "object"}
    filters = {renamed.get(name, name): value for name, value in wanted.items() if value is not None}
    filters |= {name: _read_time(filters[name]) for name in ("since", "until") if name in filters}
    indices = ledger.find(**filters)[-limit if limit is not None else None :]
    if not indices:
        _check_type(filters.get("type"))
    entries = [{"index": index, **ledger.entry(index)} for index in indices]
    if as_json:
        print_json(entries)
        return
    rows = [
        {**{name: entry.get(name, "") for name in _COLUMNS}, "more": _print_rest(entry)} for entry in entries
    ]
    if as_csv:
        print_csv(rows, HEADINGS["ledger show"])
    else:
        print_table("Ledger", (*_COLUMNS, "more"), [tuple(row.values()) for row in rows])


def _check_type(name: str | None) -> None:
    """Raise `Invalid` for an entry type that there is not, so that a slip of the pen does not look like an empty answer."""
    from difflib import get_close_matches

    from wayseal.ledger.entry import ENTRY_TYPES

    if name is None or name in ENTRY_TYPES:
        return
    near = get_close_matches(name, ENTRY_TYPES)
    hint = f"Perhaps {' or '.join(near)}." if near else f"Entry types: {', '.join(sorted(ENTRY_TYPES))}."
    raise Invalid(f"there is no entry type {name!r}", hint=hint)


def _read_time(text: str) -> str:
    """Return a time as the ledger spells times; a date alone is its first instant in UTC."""
    return to_text(from_text(f"{text}T00:00:00Z" if len(text) == len("2026-11-22") else text))


def _print_rest(entry: dict[str, Any]) -> str:
    return ", ".join(
        f"{name}={json.dumps(value)}" for name, value in sorted(entry.items()) if name not in _COLUMNS
    )


@command.command()
@click.option(
    "--policy",
    "policy_file",
    type=FILE,
    help="Whom to ask and how many must agree; default: the policy file in the home's ledger folder.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 120),
    default=5.0,
    show_default=True,
    help="Seconds to wait for each answer.",
)
@passphrase_option
@json_option
@click.pass_obj
def publish(
    home: Path, policy_file: Path | None, timeout_s: float, passphrase_file: Path | None, *, as_json: bool
) -> None:
    """Sign a checkpoint and collect witnesses' cosignatures. Exit code 3 when the policy's quorum does not stand."""
    from wayseal.ledger.check import POLICY_FILE
    from wayseal.ledger.checkpoint import read_checkpoint
    from wayseal.ledger.policy import parse_policy
    from wayseal.ledger.publish import publish_checkpoint, require_quorum
    from wayseal.station.site import open_site

    policy_file = policy_file or home / "ledger" / POLICY_FILE
    if not policy_file.is_file():
        raise NotFound(
            "no trust policy", hint=f"Write {policy_file}: docs/howto/verify-the-ledger.md shows one."
        )
    policy = parse_policy(policy_file.read_bytes())
    site = open_site(home, read_passphrase(passphrase_file))
    try:
        done = publish_checkpoint(site.ledger, site.keys.log_signer, policy, timeout_s=timeout_s)
    finally:
        site.close()
    checkpoint = _describe(read_checkpoint(done.note))
    failures = {url: str(error) for url, error in sorted(done.failures.items())}
    if as_json:
        print_json({**checkpoint, "quorum": done.quorum, "failures": failures, "checkpoint": done.note})
    else:
        click.echo(done.note, nl=False)
        for url, reason in failures.items():
            click.echo(f"warning: {url}: {reason}", err=True)
    require_quorum(done)

"""`wayseal record`: copy sealed records and look at them without a key. Opens nothing."""

from pathlib import Path
from typing import Any

import click

from wayseal.cli.common import json_option, print_json, print_table, unused_passphrase_option
from wayseal.cli.lazy import VerbGroup
from wayseal.model.errors import Invalid, SealBroken


@click.group(cls=VerbGroup)
def command() -> None:
    """Sealed records: copy one out of the store and inspect it, without a key."""


@command.command("copy")
@click.argument("record")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where the bytes go."
)
@unused_passphrase_option
@json_option
@click.pass_obj
def copy_sealed(home: Path, record: str, out: Path, *, as_json: bool) -> None:
    """Copy the sealed bytes of RECORD out of this home's store, for `record inspect`. Needs no passphrase and opens nothing."""
    from wayseal.model.ids import RecordId
    from wayseal.station.settings import load_settings
    from wayseal.station.site_facts import read_facts
    from wayseal.store.centre import open_centre, read_record

    read_facts(home)
    store = open_centre(home / "store", load_settings(home).store.database_url())
    try:
        data = read_record(store, RecordId(record))
    finally:
        store.close()
    if out.exists():
        raise Invalid("there is a file of that name already", hint="Name another one with --out.")
    out.write_bytes(data)
    if as_json:
        print_json({"record": record, "out": str(out), "bytes": len(data)})
    else:
        click.echo(f"{len(data):,} sealed bytes in {out}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--device-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The sealing device's Ed25519 public key (raw, hex or base64), to check its signature.",
)
@click.option(
    "--keyroom-key",
    "keyroom_keys",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A keyroom's Ed25519 public key, to check re-wraps. May be given more than once.",
)
@json_option
def inspect(file: Path, device_key: Path | None, keyroom_keys: tuple[Path, ...], *, as_json: bool) -> None:
    """Say what FILE, one sealed record, tells without a key.

    Exit code 2 when it plainly is another file, 4 when it is not exactly one sealed record, or a signature that could be checked does not hold.
    """
    from wayseal.seal.inspect import LARGEST_RECORD, describe_record, read_public

    with file.open("rb") as stream:
        data = stream.read(LARGEST_RECORD + 1)
    answer = describe_record(
        data,
        device_public=read_public(device_key.read_bytes()) if device_key else None,
        keyroom_publics=[read_public(key.read_bytes()) for key in keyroom_keys],
    )
    if as_json:
        print_json(answer)
    else:
        _print_record(answer)
    signatures = [answer["signature_valid"], *(rewrap["signature_valid"] for rewrap in answer["rewraps"])]
    if False in signatures:
        raise SealBroken(f"sealed record {answer['header']['object_id']}: a signature does not hold")


def _print_record(answer: dict[str, Any]) -> None:
    """Print the answer for a person."""
    rows = [(name.replace("_", " "), value) for name, value in answer["header"].items()]
    rows += [("suite", f"{answer['suite']['id']}: {answer['suite']['name']}")]
    rows += [(f"size: {name}", f"{size:,} bytes") for name, size in answer["sizes"].items()]
    rows += [("SHA-256", answer["sha256"])]
    rows += [("opens with", f"{wrap['epoch']}, key {wrap['key_id']}") for wrap in answer["wraps"]]
    for rewrap in answer["rewraps"]:
        rows.append(("re-wrapped to", f"{rewrap['epoch']}, key {rewrap['key_id']}"))
        rows.append(("  why, when", f"{rewrap['reason']}, {rewrap['rewrapped_at']}"))
        rows.append(("  signature", _say(valid=rewrap["signature_valid"])))
    rows += [("signature", _say(valid=answer["signature_valid"]))]
    print_table("Sealed record", ("what", "value"), rows)


def _say(*, valid: bool | None) -> str:
    """Return a signature's state in words."""
    return {None: "not checked: no key given", True: "valid", False: "DOES NOT HOLD"}[valid]

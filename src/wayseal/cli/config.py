"""`wayseal config`: the site's settings."""

from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table, unused_passphrase_option
from wayseal.cli.lazy import VerbGroup


@click.group(cls=VerbGroup)
def command() -> None:
    """The site's settings: check the file, show what is in force."""


@command.command()
@unused_passphrase_option
@json_option
@click.pass_obj
def check(home: Path, *, as_json: bool) -> None:
    """Say whether wayseal.toml and the variables over it can be used; the first thing that is wrong is named."""
    from wayseal.flow.policy import Policy
    from wayseal.retention.schedule import load_schedule
    from wayseal.station.settings import load_settings

    settings = load_settings(home)
    load_schedule(keep=settings.keep_periods(), hard_ends=settings.retention.hard_end)
    policy = Policy((home / "policy" / "site.cedar").read_text(encoding="utf-8"), zone=settings.time_zone)
    if as_json:
        print_json({"valid": True, "policy_sha256": policy.sha256})
    else:
        click.echo("Settings, record classes and policy can be used.")


@command.command()
@unused_passphrase_option
@json_option
@click.pass_obj
def show(home: Path, *, as_json: bool) -> None:
    """Show every setting in force."""
    from wayseal.station.settings import load_settings

    values = load_settings(home).model_dump(mode="json")
    if as_json:
        print_json(values)
        return
    print_table("Settings", ["field", "value"], [[name, value] for name, value in _flatten(values)])


def _flatten(values: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """Return nested settings as dotted names."""
    flat: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            flat += _flatten(value, f"{prefix}{name}.")
        else:
            flat.append((f"{prefix}{name}", value))
    return flat

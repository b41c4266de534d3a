"""`wayseal ticket`: maintenance tickets: four hours, one lane, one work order, numbers and rendered pictures only."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wayseal.cli.common import (
    csv_option,
    default_principal,
    json_option,
    passphrase_option,
    print_csv,
    print_json,
    print_table,
    read_passphrase,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid

if TYPE_CHECKING:
    from wayseal.model.border import Pixels

_ACTOR = click.option(
    "--as", "who", default=default_principal, show_default="your login name", help="Staff id on the ledger."
)


@click.group(cls=VerbGroup)
def command() -> None:
    """Maintenance tickets: what a technician may do at one lane for at most four hours, without ever seeing a traveller."""


@command.command()
@click.option("--work-order", required=True, help="Number of the work order.")
@click.option("--lane", required=True, help="Lane id.")
@click.option("--technician", required=True, help="Staff id of whom it is for.")
@click.option(
    "--verb",
    "verbs",
    multiple=True,
    required=True,
    help="health, metrics, focus, exposure or chart; more than once.",
)
@click.option(
    "--hours", type=click.FloatRange(0, 4, min_open=True), default=4.0, show_default=True, help="Its life."
)
@_ACTOR
@passphrase_option
@json_option
@click.pass_obj
def issue(
    home: Path, *, work_order: str, lane: str, technician: str, verbs: tuple[str, ...], hours: float, who: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Issue a ticket and print its token, once: it is kept nowhere. Whoever holds it can narrow it, never widen it."""
    from wayseal.station.site import open_site
    from wayseal.station.tickets import open_office

    with open_site(home, read_passphrase(passphrase_file)) as site:
        ticket, token = open_office(site).issue(
            work_order=work_order, lane=lane, technician=technician, verbs=verbs, life=timedelta(hours=hours), actor=who
        )  # fmt: skip
        site.sign_checkpoint()
    if as_json:
        print_json({
            "ticket": ticket.id, "work_order": work_order, "lane": lane, "technician": technician,
            "verbs": [verb.value for verb in ticket.verbs], "expires_at": to_text(ticket.expires_at), "token": token,
        })  # fmt: skip
    else:
        click.echo(f"ticket {ticket.id} until {to_text(ticket.expires_at)}", err=True)
        click.echo(token)


@command.command()
@click.option("--verb", required=True, help="health, metrics, focus, exposure or chart.")
@click.option("--lane", required=True, help="Lane id.")
@click.option(
    "--token-file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="File that holds the token; - for stdin.",
)
@click.option("--source", help="The camera, for focus and exposure: rtsp:// URL, video or folder.")
@_ACTOR
@passphrase_option
@json_option
@click.pass_obj
def use(
    home: Path, *, verb: str, lane: str, token_file: Path, source: str | None, who: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Do one thing that a ticket permits; it is on the ledger first, and so is a refusal.

    In a site's home, or at a lane's own computer: there the centre is asked, and while it does not answer the token is judged by the
    site's public key and the use waits for the ledger. Answers with numbers. `chart` measures a rendered scene, so that the camera's own figures have something to be compared with.
    """
    from wayseal.flow.ticket import Verb
    from wayseal.station.lane_home import is_lane_home
    from wayseal.station.site import open_site
    from wayseal.station.tickets import answer_verb, open_office

    with click.open_file(str(token_file), encoding="ascii", errors="replace") as file:
        token = file.read(10_000).strip()
    if is_lane_home(home):
        answer = _use_at_lane(
            home, token, verb=verb, lane=lane, source=source, who=who, passphrase_file=passphrase_file
        )
        _print_answer(answer, as_json=as_json)
        return
    with open_site(home, read_passphrase(passphrase_file)) as site:
        try:
            ticket = open_office(site).use(token, verb=verb, lane=lane, technician=who)
        finally:
            site.sign_checkpoint()
        answer = answer_verb(site, Verb(verb), lane, source=source, chart=_render_chart)
    _print_answer(
        {"ticket": ticket.id, "verb": verb, "lane": lane, "on_ledger": True, **answer}, as_json=as_json
    )


def _use_at_lane(
    home: Path,
    token: str,
    *,
    verb: str,
    lane: str,
    source: str | None,
    who: str,
    passphrase_file: Path | None,
) -> dict[str, Any]:
    """Return what a verb answers at a lane's own computer."""
    from wayseal.station.lane_home import open_lane_home
    from wayseal.station.lane_tickets import use_ticket

    with open_lane_home(home, read_passphrase(passphrase_file)) as lane_home:
        if lane != lane_home.facts.lane:
            raise Invalid("this is another lane's computer", hint=f"Its lane is {lane_home.facts.lane}.")
        return use_ticket(
            lane_home, lane_home.link, token, verb=verb, technician=who, source=source, chart=_render_chart
        )


def _print_answer(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print the numbers of a verb."""
    if as_json:
        print_json(answer)
        return
    rows = [[name.replace("_", " "), value] for name, value in answer.items() if name not in ("verb", "lane")]
    print_table(f"{answer['verb']} at {answer['lane']}", ["what", "value"], rows)
    if not answer["on_ledger"]:
        click.echo(
            "The centre does not answer: this use waits here for the ledger (wayseal lane send).", err=True
        )


def _render_chart() -> "Iterator[Pixels]":
    """Give brightness planes of a rendered scene."""
    import cv2
    import numpy as np

    from wayseal.testing.lane import load_carried, make_scene, render_frames

    for picture, _ in render_frames(make_scene("day", load_carried()[:2], seconds=0.5)):
        yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


@command.command()
@click.argument("ticket")
@click.option("--reason", required=True, help="A code for the ledger, such as work-done.")
@_ACTOR
@passphrase_option
@json_option
@click.pass_obj
def revoke(
    home: Path, ticket: str, *, reason: str, who: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """End TICKET now, and everything that was narrowed from it."""
    from wayseal.station.site import open_site
    from wayseal.station.tickets import open_office

    with open_site(home, read_passphrase(passphrase_file)) as site:
        open_office(site).revoke(ticket, reason=reason, actor=who)
        site.sign_checkpoint()
    print_json({"ticket": ticket, "state": "revoked"}) if as_json else click.echo(f"revoked {ticket}")


@command.command("list")
@passphrase_option
@csv_option
@json_option
@click.pass_obj
def list_command(home: Path, *, passphrase_file: Path | None, as_csv: bool, as_json: bool) -> None:
    """List every ticket with its state and how often it was used and refused, newest first."""
    from wayseal.station.site import open_site
    from wayseal.station.tickets import open_office

    with open_site(home, read_passphrase(passphrase_file)) as site:
        found = open_office(site).list_tickets()
    rows: list[dict[str, Any]] = [
        {
            "ticket": one.id, "state": one.state, "work_order": one.work_order, "lane": one.lane,
            "technician": one.technician, "organisation": one.organisation, "verbs": list(one.verbs),
            "issued_at": to_text(one.issued_at), "expires_at": to_text(one.expires_at), "used": one.used,
            "refused": one.refused,
        }
        for one in found
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    flat = [{**row, "verbs": " ".join(row["verbs"])} for row in rows]
    if as_csv:
        print_csv(flat, HEADINGS["ticket list"])
    else:
        print_table("Tickets", list(flat[0]) if flat else ["ticket"], [list(row.values()) for row in flat])

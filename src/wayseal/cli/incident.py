"""`wayseal incident`: what was lost, who must be told, and whether a traveller was in it."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import (
    Moment,
    csv_option,
    default_principal,
    json_option,
    passphrase_option,
    print_csv,
    print_json,
    print_table,
    read_passphrase,
    show_progress,
)
from wayseal.cli.incident_parts import read_subject, show_incident, span_options, subject_options
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS

actor_option = click.option(
    "--as", "who", default=default_principal, show_default="your login name", help="Staff id on the ledger."
)


@click.group(cls=VerbGroup)
def command() -> None:
    """Incidents: open one, scope it, tell those who must be told, answer travellers, pack the evidence, close it."""


@command.command("open")
@subject_options
@span_options
@click.option("--reason", required=True, help="Why, as a code: copied-images, stolen-disk, leaked-picture.")
@click.option("--detected", type=Moment(), help="When somebody first noticed; now when left out.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def open_command(
    home: Path, *, principal: str | None, device: str | None, organisation: str | None, since: datetime,
    until: datetime | None, reason: str, detected: datetime | None, who: str, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Open an incident. From now on its clocks run."""
    from wayseal.flow.incident import describe_incident, open_incident
    from wayseal.station.incidents import list_clocks
    from wayseal.station.site import open_site

    kind, subject = read_subject(principal, device, organisation)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        now = site.clock()
        incident = open_incident(
            site.ledger, who, reason=reason, subject_kind=kind, subject=subject, since=since, until=until or now,
            detected=detected or now, clock=site.clock,
        )  # fmt: skip
        site.sign_checkpoint()
        shown = describe_incident(incident, list_clocks(site, incident, None), site.clock())
    show_incident(shown, as_json=as_json)


@command.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not closed.")
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_command(
    home: Path, *, only_open: bool, passphrase_file: Path | None, as_json: bool, as_csv: bool
) -> None:
    """List incidents, oldest first."""
    from wayseal.flow.incident import describe_incident, list_incidents
    from wayseal.station.incidents import list_clocks
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        now = site.clock()
        shown = [
            describe_incident(one, list_clocks(site, one, None), now)
            for one in list_incidents(site.ledger)
            if not (only_open and one.closed_at)
        ]
    if as_json:
        print_json(shown)
        return
    rows = [
        {name: one[name] for name in ("incident", "status", "reason", "opened", "closed")}
        | {
            "subject": (one["subject"] or {}).get("id"),
            "overdue": sum(duty["overdue"] for duty in one["duties"]),
        }
        for one in shown
    ]
    if as_csv:
        print_csv(rows, HEADINGS["incident list"])
    else:
        print_table(
            "Incidents", list(rows[0]) if rows else ["incident"], [list(row.values()) for row in rows]
        )


@command.command("show")
@click.argument("incident")
@passphrase_option
@json_option
@click.pass_obj
def show_command(home: Path, incident: str, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Show one incident, its clocks and the packs that were handed out. Exit code 1 when somebody should have been told by now."""
    from wayseal.flow.incident import describe_incident, find_incident
    from wayseal.flow.pack_seal import list_handed_out
    from wayseal.model.ids import check_ulid
    from wayseal.station.incidents import list_clocks, scope_known
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        known, scope = find_incident(site.ledger, check_ulid(incident)), None
        if known.subject is not None:
            with show_progress("Counting", None) as advance:
                known, scope, _ = scope_known(site, incident, on_progress=advance)
        shown = describe_incident(known, list_clocks(site, known, scope), site.clock())
        packs = [asdict(one) for one in list_handed_out(site.ledger, incident)]
    show_incident({**shown, "packs": packs}, as_json=as_json)
    raise SystemExit(1 if any(duty["overdue"] and duty["met"] is None for duty in shown["duties"]) else 0)


@command.command("scope")
@click.argument("incident", required=False)
@subject_options
@click.option("--since", type=Moment(), help="Start of the time in question.")
@click.option("--until", type=Moment(), help="End of the time in question; now when left out.")
@passphrase_option
@json_option
@click.pass_obj
def scope_command(
    home: Path, incident: str | None, *, principal: str | None, device: str | None, organisation: str | None,
    since: datetime | None, until: datetime | None, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Count what INCIDENT, or whom the options name, opened and could have reached, with proofs."""
    from wayseal.flow.scope import describe_scope
    from wayseal.model.ids import check_ulid
    from wayseal.station.incidents import scope_known, scope_subject
    from wayseal.station.site import open_site

    if incident is None and since is None:
        raise click.UsageError("give an incident, or whom it is about with --since")
    with (
        open_site(home, read_passphrase(passphrase_file)) as site,
        show_progress("Counting", site.ledger.size) as advance,
    ):
        if incident is not None:
            _, scope, _ = scope_known(site, check_ulid(incident), on_progress=advance)
        else:
            kind, subject = read_subject(principal, device, organisation)
            assert since is not None  # noqa: S101 - checked above, for the type checker
            scope, _ = scope_subject(
                site, kind, subject, since=since, until=until or site.clock(), on_progress=advance
            )
        shown = describe_scope(scope, site.ledger)
    if as_json:
        print_json(shown)
        return
    for name in (
        "images",
        "people",
        "proven_opened",
        "exported",
        "reachable",
        "still_live",
        "already_erased",
    ):
        click.echo(f"{name.replace('_', ' '):16}{shown[name]:>12,}")
    for name in ("lanes", "days", "classes"):
        print_table(
            name.capitalize(),
            [name[:-1] if name != "classes" else "class", "images"],
            list(shown[name].items()),
        )
    chain = shown["subject"]["organisations"]
    if chain:
        rows = [
            [name, tie["tier"], tie["under"], shown["opened_by"].get(name, 0)] for name, tie in chain.items()
        ]
        print_table("Organisations", ["organisation", "tier", "under", "proven opened"], rows)
    click.echo(
        f"Counted over {shown['proofs']['span']['size']:,} ledger entries under root {shown['root'][:16]}..."
    )


@command.command("notify")
@click.argument("incident")
@click.option(
    "--to", "recipient", required=True, help="Who was told, as a code: legislature, agency, travellers."
)
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def notify_command(
    home: Path, incident: str, *, recipient: str, who: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write that somebody was told. The clock of that duty stops."""
    from wayseal.flow.incident import describe_incident, note_notice
    from wayseal.model.ids import check_ulid
    from wayseal.station.incidents import list_clocks
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        known = note_notice(site.ledger, who, check_ulid(incident), recipient=recipient, clock=site.clock)
        site.sign_checkpoint()
        shown = describe_incident(known, list_clocks(site, known, None), site.clock())
    show_incident(shown, as_json=as_json)


@command.command("contain")
@click.argument("incident")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def contain_command(
    home: Path, incident: str, *, who: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write that no more can be lost: keys are withdrawn, the organisation is suspended, the hole is closed."""
    from wayseal.flow.incident import contain_incident, describe_incident
    from wayseal.model.ids import check_ulid
    from wayseal.station.incidents import list_clocks
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        known = contain_incident(site.ledger, who, check_ulid(incident), clock=site.clock)
        site.sign_checkpoint()
        shown = describe_incident(known, list_clocks(site, known, None), site.clock())
    show_incident(shown, as_json=as_json)


@command.command("close")
@click.argument("incident")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def close_command(
    home: Path, incident: str, *, who: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Close an incident. Refused before it is contained (`incident contain`), and while somebody who must be told was not."""
    from wayseal.flow.incident import close_incident, describe_incident, find_incident
    from wayseal.model.ids import check_ulid
    from wayseal.station.incidents import list_clocks, scope_known
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        known, scope = find_incident(site.ledger, check_ulid(incident)), None
        if known.subject is not None:
            known, scope, _ = scope_known(site, incident)
        clocks = list_clocks(site, known, scope)
        closed = close_incident(site.ledger, who, incident, duties=clocks, clock=site.clock)
        site.sign_checkpoint()
        shown = describe_incident(closed, clocks, site.clock())
    show_incident(shown, as_json=as_json)


@command.command("ask")
@click.argument("incident")
@click.option("--traveller", required=True, help="The traveller's id, from the documents that they show.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def ask_command(
    home: Path, incident: str, *, traveller: str, who: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Answer "was I in it?" without any new picture: which of a traveller's passes the incident concerns."""
    from wayseal.model.clock import to_text
    from wayseal.model.ids import check_ulid
    from wayseal.station.incidents import find_sightings, log_answer, scope_known
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        _, scope, _ = scope_known(site, check_ulid(incident))
        passes = find_sightings(site, scope, traveller)
        hit = [one for one in passes if one.concerned]
        index = log_answer(site, incident, who, len(hit))
        site.sign_checkpoint()
    rows = [
        {
            "time": to_text(one.time), "lane": one.lane, "pictures_concerned": one.concerned,
            "proven_opened": one.opened, "still_live": one.still_live,
        }
        for one in hit
    ]  # fmt: skip
    if as_json:
        print_json({"incident": incident, "passes": len(passes), "concerned": rows, "ledger_index": index})
        return
    click.echo(f"{len(passes)} passes are on record; the incident concerns pictures of {len(hit)} of them.")
    if rows:
        print_table("Passes concerned", list(rows[0]), [list(row.values()) for row in rows])


@command.command("trace")
@click.argument("incident")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--lane", help="Only pictures of this lane.")
@click.option("--role", default="tracer", show_default=True, help="Role that policy judges.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def trace_command(
    home: Path, incident: str, files: tuple[Path, ...], *, lane: str | None, role: str, who: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Trace leaked FILES, and the files of folders, for INCIDENT; what is found is on the ledger under it. See `leak trace`."""
    from wayseal.cli.leak import expand_files, show_readings
    from wayseal.flow.incident import find_incident
    from wayseal.flow.trace_lookup import Scope
    from wayseal.flow.trace_verdict import describe_reading
    from wayseal.model.ids import check_ulid
    from wayseal.station.site import open_site
    from wayseal.station.tracing import trace_leaks

    wanted = list(expand_files(files))
    with (
        open_site(home, read_passphrase(passphrase_file)) as site,
        show_progress("Tracing", len(wanted)) as advance,
    ):
        known = find_incident(site.ledger, check_ulid(incident))
        readings = trace_leaks(
            site, who, wanted, role=role, scope=Scope(lane=lane, until=known.until), incident=known.id,
            on_reading=lambda _: advance(1),
        )  # fmt: skip
    lines = [describe_reading(reading) for reading in readings]
    if as_json:
        print_json(lines)
    else:
        show_readings(lines)


@command.command("pack")
@click.argument("incident")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@passphrase_option
@json_option
@click.pass_obj
def pack_command(
    home: Path, incident: str, folder: Path, *, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write the evidence of INCIDENT into FOLDER: figures, records, entries, proofs, and how to count them again."""
    from wayseal.model.ids import check_ulid
    from wayseal.station.incidents import pack_incident
    from wayseal.station.site import open_site

    with (
        open_site(home, read_passphrase(passphrase_file)) as site,
        show_progress("Packing", 2 * site.ledger.size) as advance,
    ):
        shown = pack_incident(site, check_ulid(incident), folder, on_progress=advance)
    if as_json:
        print_json(shown)
    else:
        click.echo(f"The evidence of {shown['scope']['images']:,} pictures is in {folder}.")
        click.echo(f"Anybody can count it again: wayseal incident verify {folder}")


@command.command("verify")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--trust", type=click.Path(path_type=Path, dir_okay=False, exists=True), multiple=True,
    help="A log key (.vkey) that you had before; may be given several times.",
)  # fmt: skip
@json_option
def verify_command(folder: Path, *, trust: tuple[Path, ...], as_json: bool) -> None:
    """Count an evidence pack again, without a home, a key or this site's word."""
    from wayseal.flow.pack import verify_pack
    from wayseal.ledger.note import parse_vkey

    figures = verify_pack(folder, [parse_vkey(path.read_text(encoding="utf-8").strip()) for path in trust])
    if as_json:
        print_json(figures)
        return
    for name, value in figures.items():
        if name != "own_keys":
            click.echo(
                f"{name.replace('_', ' '):16}{value:>12,}" if isinstance(value, int) else f"{name:16}{value}"
            )
    click.echo("Every figure follows from the entries, and the checkpoint covers the entries.")
    if figures["own_keys"]:
        click.echo(
            "The keys were the pack's own: compare them with keys you had before, or give --trust.", err=True
        )

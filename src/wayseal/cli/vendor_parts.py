"""The parts of `wayseal vendor` about contracts and people."""

import hashlib
from datetime import datetime
from pathlib import Path

import click

from wayseal.cli.common import (
    Moment,
    actor_option,
    csv_option,
    json_option,
    passphrase_option,
    print_record,
    print_rows,
    read_passphrase,
)
from wayseal.cli.lazy import VerbGroup
from wayseal.cli.sheets import HEADINGS

MAX_TEXT = 50_000_000
"""Bytes of a contract or a notice whose digest is taken."""


@click.group("contract", cls=VerbGroup)
def contract_command() -> None:
    """Contracts: permitted data, place, end date, and the digest of their text."""


@click.group("person", cls=VerbGroup)
def person_command() -> None:
    """People, by staff id and never by name."""


def digest_file(file: Path) -> str:
    """Return the SHA-256 of a file that somebody signed. Raises a usage error above `MAX_TEXT`."""
    if file.stat().st_size > MAX_TEXT:
        raise click.UsageError(f"the file is larger than {MAX_TEXT} bytes")
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contract_command.command("add")
@click.argument("contract")
@click.option("--organisation", required=True, help="Whose contract it is.")
@click.option("--place", required=True, help="Where data may be, as a code: the site, or a city.")
@click.option("--permit", "permitted", multiple=True, help="A kind of data it may hold; none by default.")
@click.option("--starts", type=Moment(), help="From when; by default from now on.")
@click.option("--ends", type=Moment(), required=True, help="Until when.")
@click.option(
    "--clauses", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True,
    help="The signed text; its digest is registered, not the text.",
)  # fmt: skip
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def add_contract_command(
    home: Path, contract: str, *, organisation: str, place: str, permitted: tuple[str, ...], starts: datetime | None,
    ends: datetime, clauses: Path, actor: str, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Register a contract at this site. When it ends, access closes by itself."""
    from wayseal.flow.oversee.describe import contract_row
    from wayseal.flow.oversee.desk import view
    from wayseal.flow.oversee.register import NewContract, add_contract
    from wayseal.station.site import open_site

    digest = digest_file(clauses)
    with open_site(home, read_passphrase(passphrase_file)) as site:
        now = site.clock()
        new = NewContract(organisation, permitted, place, starts or now, ends, digest)
        known = add_contract(site.oversight, contract, new, actor=actor)
        with view(site.oversight) as rows:
            row = contract_row(rows, known, now)
    print_record(row, f"Contract {contract}", as_json=as_json)


@contract_command.command("end")
@click.argument("contract")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def end_contract_command(
    home: Path, contract: str, *, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """End a contract now. Its certificate of return or destruction is awaited from then on."""
    from wayseal.flow.oversee.describe import contract_row
    from wayseal.flow.oversee.desk import view
    from wayseal.flow.oversee.register import end_contract
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        known = end_contract(site.oversight, contract, actor=actor)
        with view(site.oversight) as rows:
            row = contract_row(rows, known, site.clock())
    print_record(row, f"Contract {contract}", as_json=as_json)


@contract_command.command("list")
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_contracts_command(home: Path, *, passphrase_file: Path | None, as_json: bool, as_csv: bool) -> None:
    """List contracts, the earliest end first."""
    from wayseal.flow.oversee.describe import contract_row
    from wayseal.flow.oversee.desk import view
    from wayseal.station.site import open_site
    from wayseal.store.oversight.vendors import list_contracts

    with open_site(home, read_passphrase(passphrase_file)) as site, view(site.oversight) as rows:
        found = [contract_row(rows, one, site.clock()) for one in list_contracts(rows)]
    heading = HEADINGS["vendor contract list"]
    print_rows("Contracts", found, as_json=as_json, as_csv=as_csv, heading=heading)


@person_command.command("add")
@click.argument("person")
@click.option("--organisation", required=True, help="Whose person they are, for ever.")
@click.option("--role", "work", required=True, help="What they do, as a code: technician, officer, assessor.")
@click.option("--training-until", type=Moment(), help="Until when their privacy training is valid.")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def add_person_command(
    home: Path, person: str, *, organisation: str, work: str, training_until: datetime | None, actor: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Register somebody. From the first registered person on, staff ids that nobody registered have no access (but on evaluation sites)."""
    from wayseal.flow.oversee.describe import person_row
    from wayseal.flow.oversee.register import add_person
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        known = add_person(
            site.oversight, person, organisation=organisation, role=work, training_until=training_until, actor=actor
        )  # fmt: skip
        row = person_row(known, site.clock())
    print_record(row, f"Registered {person}", as_json=as_json)


@person_command.command("leave")
@click.argument("person")
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def leave_command(
    home: Path, person: str, *, actor: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Record that somebody has left: their access ends now."""
    from wayseal.flow.oversee.describe import person_row
    from wayseal.flow.oversee.register import end_person
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        row = person_row(end_person(site.oversight, person, actor=actor), site.clock())
    print_record(row, person, as_json=as_json)


@person_command.command("list")
@click.option("--organisation", help="Only this organisation's.")
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def list_people_command(
    home: Path, *, organisation: str | None, passphrase_file: Path | None, as_json: bool, as_csv: bool
) -> None:
    """List people with their training."""
    from wayseal.flow.oversee.describe import person_row
    from wayseal.flow.oversee.desk import view
    from wayseal.station.site import open_site
    from wayseal.store.oversight.vendors import list_people

    with open_site(home, read_passphrase(passphrase_file)) as site, view(site.oversight) as rows:
        found = [person_row(one, site.clock()) for one in list_people(rows, organisation=organisation)]
    print_rows("People", found, as_json=as_json, as_csv=as_csv, heading=HEADINGS["vendor person list"])

"""`wayseal gallery`: known travellers."""

from pathlib import Path

import click

from wayseal.cli.common import (
    json_option,
    passphrase_option,
    print_json,
    print_table,
    read_passphrase,
    show_progress,
)
from wayseal.cli.lazy import VerbGroup


@click.group(cls=VerbGroup)
def command() -> None:
    """Known travellers: import, list, show, forget, calibrate."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--gallery", "name", required=True, help="Gallery to import into; made when it is new.")
@passphrase_option
@json_option
@click.pass_obj
def import_command(home: Path, *, file: Path, name: str, passphrase_file: Path | None, as_json: bool) -> None:
    """Enrol the pictures that FILE lists: a CSV with the header path,identity[,class], paths relative to it.

    A line without a path or an identity, or a picture that cannot stand in a gallery, is a rejected row with a reason; the others go in. Importing a list again
    adds nothing twice.
    """
    from wayseal.flow.enrol import read_list
    from wayseal.station.galleries import import_list
    from wayseal.station.site import open_site

    rows = len(read_list(file, keep_faulty=True))
    with (
        open_site(home, read_passphrase(passphrase_file)) as site,
        show_progress(f"gallery {name}", rows) as advance,
    ):
        report = import_list(site, file, name, advance=advance)
    if as_json:
        print_json(report.as_json())
        return
    for one in report.rejected:
        click.echo(f"rejected {one.path}: {one.reason.replace('_', ' ')}")
    click.echo(
        f"{report.enrolled} of {report.images} pictures enrolled; gallery {report.gallery} has"
        f" {report.travellers} travellers"
    )


@command.command("list")
@passphrase_option
@json_option
@click.pass_obj
def list_command(home: Path, *, passphrase_file: Path | None, as_json: bool) -> None:
    """List the galleries with their sizes and what their model's calibration supports."""
    from wayseal.station.galleries import list_facts
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        facts = list_facts(site)
    if as_json:
        print_json(facts)
    else:
        columns = ("gallery", "travellers", "templates", "threshold", "supported_size", "licence_class")
        print_table("Galleries", columns, [[one[column] for column in columns] for one in facts])


@command.command()
@click.argument("name")
@click.option("--travellers", is_flag=True, help="Name the travellers too: personal data.")
@passphrase_option
@json_option
@click.pass_obj
def show(home: Path, *, name: str, travellers: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Show a gallery: size, model, threshold, the rate of false positives it holds and how well that is known."""
    from wayseal.station.galleries import gallery_facts
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        facts = gallery_facts(site, name, named=travellers)
    if as_json:
        print_json(facts)
    else:
        print_table(f"Gallery {name}", ("fact", "value"), [[key, value] for key, value in facts.items()])


@command.command()
@click.argument("name")
@click.argument("traveller")
@click.option("--yes", is_flag=True, help="Do it; without this the plan is shown.")
@passphrase_option
@json_option
@click.pass_obj
def forget(
    home: Path, *, name: str, traveller: str, yes: bool, passphrase_file: Path | None, as_json: bool
) -> None:
    """Erase TRAVELLER from gallery NAME: templates, reference picture, and what older backups of the gallery would show."""
    from wayseal.station.galleries import forget_enrolled, plan_forgetting
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        report = (forget_enrolled if yes else plan_forgetting)(site, name, traveller)
    if as_json:
        print_json(report)
    elif yes:
        click.echo(f"forgotten: {report['templates']} templates; {report['travellers']} travellers remain")
    else:
        click.echo(f"would forget {report['templates']} templates of this traveller in gallery {name}")
        click.echo("and destroy the gallery's old key, so that older backups of it open no more")
        click.echo("Nothing was changed. Add --yes to do it.")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--probes",
    type=click.Path(path_type=Path),
    help="CSV path,identity of pictures as the lanes take them; without it FILE's own are searched as a lane reads them.",
)
@click.option(
    "--camera",
    "cameras",
    multiple=True,
    help="Lane whose camera the pictures are from; repeat for several. Nothing is matched by itself at a lane that is not named; without any it holds for all.",
)
@passphrase_option
@json_option
@click.pass_obj
def calibrate(
    home: Path,
    *,
    file: Path,
    probes: Path | None,
    cameras: tuple[str, ...],
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Fit the thresholds to this site: FILE lists pictures of 100 people or more from its own cameras (path,identity).

    Thresholds do not travel: at one threshold another camera may give four times the false positives. Pictures without colours count as
    infrared and are drawn apart. From 200 people on, one half is calibrated on and the other searched, ten times over, and both rates are printed.
    """
    from wayseal.flow.enrol import read_list
    from wayseal.station.galleries import calibrate_site
    from wayseal.station.site import open_site

    rows = len(read_list(file)) + (len(read_list(probes)) if probes else 0)
    with (
        open_site(home, read_passphrase(passphrase_file)) as site,
        show_progress("calibration", rows) as advance,
    ):
        report = calibrate_site(site, file, probes=probes, cameras=cameras, advance=advance)
    if as_json:
        print_json(report)
        return
    click.echo(
        f"{report['people']} people, {report['templates']} pictures; searched with {report['searched_with']}:"
    )
    for light, one in report["probes"].items():
        click.echo(f"  {light}: {one['pictures']} pictures of {one['people']} people")
    for reason, count in report["left_out"].items():
        click.echo(f"  left out, {reason.replace('_', ' ')}: {count}")
    click.echo(f"supports galleries of up to {report['supported_size']} at FPIR {report['fpir_target']:g}")
    for size, threshold in report["thresholds"].items():
        click.echo(f"  gallery of {size:>6}: threshold {threshold:.3f}")
    check = report["check"]
    if check is None:
        click.echo("not checked on unseen people: that needs 200")
        return
    low, high = check["stated"]
    click.echo(
        f"checked on unseen people: {check['fpir']:.4f} of {check['searches']} searches, stated {low:.4f} to {high:.4f}"
    )

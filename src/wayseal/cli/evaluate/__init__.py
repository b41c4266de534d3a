"""`wayseal evaluate`: offline accuracy measures. They read pictures and truth, and write nothing but their report."""

import importlib

import click

MEASURES = {
    "faces": "One-to-one accuracy over pairs of pictures.",
    "lane": "A lane video against its ground truth.",
    "plates": "Plate reading over single pictures.",
    "search": "Open-set identification over a gallery and probes.",
}


class LazyMeasures(click.Group):
    """A group whose commands live in `wayseal.cli.evaluate.<measure>` as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the measures in alphabetical order."""
        return sorted(MEASURES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the measure's command, importing it now."""
        if name not in MEASURES:
            return None
        command: click.Command = importlib.import_module(f"wayseal.cli.evaluate.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of measures without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(MEASURES.items()))


command = LazyMeasures(name="evaluate", help=__doc__)

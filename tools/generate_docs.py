"""Write the reference pages that are made from the code: commands, settings, probes, the console's addresses. `--check` only compares.

Run it after changing a command or a settings field; a test fails while a page is stale.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from wayseal.assess.catalogue import load_catalogue
from wayseal.cli.main import NOUNS, root
from wayseal.station.badge import ROLES
from wayseal.station.settings import SiteSettings
from wayseal.web.roles import ANYBODY, APPROVER, ROUTES

DOCS = Path(__file__).resolve().parents[1] / "docs"
DECISIONS = DOCS / "adr"
NOTICE = "<!-- Made from the code by tools/generate_docs.py; change the code, not this page. -->\n\n"


def write_commands() -> str:
    """Return the page of every command with its help."""
    text = [NOTICE, "# Commands\n\n"]
    text.append(
        "Every command takes `--home DIR`, before the noun or after the verb (default `WAYSEAL_HOME`, else the user's data directory). Exit codes: "
        "0 done, 1 the check found something, 2 usage, 3 refused by policy, 4 integrity failure, 5 unavailable.\n"
    )
    context = click.Context(root, info_name="wayseal")
    for noun in sorted(NOUNS):
        command = root.get_command(context, noun)
        assert command is not None, noun  # noqa: S101 - every listed noun has a module
        text += list(_describe(command, click.Context(command, info_name=noun, parent=context), 2))
    return "".join(text)


def _describe(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    """Give the section of a command and of its subcommands."""
    yield f"\n{'#' * min(depth, 4)} {context.command_path}\n\n"
    if isinstance(command, click.Group):
        yield f"{_first_lines(command)}\n"
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _describe(inner, click.Context(inner, info_name=name, parent=context), depth + 1)
        return
    context.terminal_width = 100
    yield f"```text\n{command.get_help(context)}\n```\n"


def _first_lines(command: click.Command) -> str:
    """Return a group's own help."""
    return (command.help or "").strip()


def write_settings() -> str:
    """Return the page of every field of `wayseal.toml`."""
    text = [NOTICE, "# Settings\n\n"]
    text.append(
        "One file, `wayseal.toml` in the home. Variables lie over it: `WAYSEAL_MATCH__FPIR=0.001` sets `[match] fpir`. Unknown keys "
        "are errors. `wayseal config check` says whether the file can be used. Secrets are never settings, only paths to files.\n\n"
        "| field | default | meaning |\n|---|---|---|\n"
    )
    text += [
        f"| `{path}` | {default} | {title}. {meaning} |\n"
        for path, default, title, meaning in _fields(SiteSettings, "")
    ]
    return "".join(text)


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """Give path, default, title and description of each field, nested ones under their tables."""
    for name, field in model.model_fields.items():
        inner = _inner_model(field)
        path = f"{prefix}{name}"
        if inner is not None and inner is not model:
            yield from _fields(inner, f"{path}.NAME." if "dict" in str(field.annotation) else f"{path}.")
        else:
            yield path, _show_default(field), str(field.title), str(field.description)


def _inner_model(field: FieldInfo) -> type[BaseModel] | None:
    """Return the settings class of a table, or None for a plain value."""
    candidates: list[Any] = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _show_default(field: FieldInfo) -> str:
    """Return a default as TOML shows it."""
    value = field.get_default(call_default_factory=True)
    return "none" if value is None or value == {} else f"`{getattr(value, 'value', value)}`"


def write_probes() -> str:
    """Return the page of the 31 probes, from the catalogue."""
    text = [NOTICE, "# Probes\n\n"]
    text.append(
        "What an assessment looks at. Controls are of NIST SP 800-53 revision 5. A probe passes when each of its parts does: on the *host* "
        "(the collector), from *outside* (the assessor's own machine), in a *document*. An error counts as a failure; *not applicable* "
        "needs a reason that somebody can check. Daily probes count for 24 hours, full ones for 90 days, unless the site says less.\n"
    )
    text += [
        f"\n## {spec.id}: {spec.title}\n\n"
        f"| controls | {', '.join(spec.controls)} |\n|---|---|\n"
        f"| parts | {', '.join(spec.where)} |\n"
        f"| kinds of equipment | {', '.join(kind.replace('_', ' ') for kind in spec.kinds)} |\n"
        f"| how often | {spec.cadence} |\n"
        f"| severity | {spec.severity}, to be mended within {_days(spec.mend_days)} |\n"
        f"| version | {spec.version} |\n\n"
        f"**When it fails.** {spec.advice}\n"
        for spec in load_catalogue()
    ]
    return "".join(text)


def _days(count: int) -> str:
    """Return a number of days in words."""
    return f"{count} day{'' if count == 1 else 's'}"


def write_routes() -> str:
    """Return the page of the console's addresses and whom each answers."""
    text = [NOTICE, "# Addresses of the console\n\n"]
    text.append(
        "Who may reach what. An address that is not here answers nobody, and a console whose addresses are not these does not start. "
        "What a role may open is the policy's to say.\n\n"
    )
    names = list(ROLES.values())
    text.append(f"| address | {' | '.join(names)} | others |\n|---|{'---|' * (len(names) + 1)}\n")
    others = {ANYBODY: "anybody", APPROVER: "approvers, with their authenticator"}
    for route, readers in ROUTES.items():
        cells = ["yes" if role in readers else "" for role in ROLES]
        text.append(f"| `{route}` | {' | '.join(cells)} | {others.get(readers, '')} |\n")
    return "".join(text)


def write_decisions() -> str:
    """Return the list of decision records, by their titles."""
    titles = [
        page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        for page in sorted(DECISIONS.glob("0*.md"))
    ]
    names = [page.name for page in sorted(DECISIONS.glob("0*.md"))]
    lines = "".join(f"* [{title}]({name})\n" for title, name in zip(titles, names, strict=True))
    return f"{NOTICE}# Decisions\n\nEach record says what was decided, why, and what it costs.\n\n{lines}"


PAGES = {
    DOCS / "reference" / "commands.md": write_commands,
    DOCS / "reference" / "settings.md": write_settings,
    DOCS / "reference" / "probes.md": write_probes,
    DOCS / "reference" / "addresses.md": write_routes,
    DECISIONS / "index.md": write_decisions,
}


def main() -> int:
    """Write or check the pages; 1 when a page is stale."""
    stale = []
    for page, write in PAGES.items():
        text = write()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            stale.append(page.relative_to(DOCS))
            if "--check" not in sys.argv:
                page.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{'stale' if '--check' in sys.argv else 'written'}: docs/{name}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())

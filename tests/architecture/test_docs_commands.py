"""Every command that a page prints can be typed as it stands: the words, the options and the number of arguments are the program's."""

import re
import shlex
from pathlib import Path

import click
import pytest

from wayseal.cli.main import root

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "index.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")), *sorted((ROOT / "docs" / "howto").glob("*.md")),
    *sorted((ROOT / "docs" / "explanation").glob("*.md")), *sorted((ROOT / "docs" / "security").glob("*.md")),
]  # fmt: skip
BLOCK = re.compile(r"^```(?:sh|console|text|ini)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMPT = re.compile(r"^(?:[\w-]*[$#] +|ExecStart=)")
PROGRAM = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:\S*/)?wayseal (.*)$")
SHELL = {"|", ">", "<", "&&", ";", "&", "2>", ">>"}


def list_block_commands(text: str) -> list[str]:
    """Return the arguments of each `wayseal` in a page's code blocks, continuation lines joined."""
    found = []
    for block in BLOCK.findall(text):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            typed = PROGRAM.match(PROMPT.sub("", line.strip()))
            if typed:
                found.append(typed.group(1))
    return found


def split_command(line: str) -> list[str]:
    """Return a command's words up to the first sign of the shell; comments and ellipses are left out."""
    words = []
    for word in shlex.split(line, comments=True):
        if word in SHELL:
            break
        words.append(word)
    return [word for word in words if word not in {"...", "…"}]


def parse_command(words: list[str]) -> None:
    """Follow words through the command tree and parse the last one's options, without running it or touching a file."""
    command: click.Command = root
    context = click.Context(root, info_name="wayseal")
    while isinstance(command, click.Group):
        values, words, _ = command.make_parser(context).parse_args(words)
        assert words, "the command ends at a group"
        found = command.get_command(context, words[0])
        assert found is not None, f"no such command: {words[0]}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    values, left, _ = command.make_parser(context).parse_args(words)
    assert left == [], f"too many arguments: {left}"
    for param in command.params:
        given = values.get(param.name or "")
        if param.required:
            assert isinstance(given, str | tuple | list), f"{param.name} is missing"
            assert given, f"{param.name} is missing"
        if isinstance(param.type, click.Choice) and isinstance(given, str) and given != given.upper():
            assert given in param.type.choices, f"{param.name}: {given}"


CASES = [
    pytest.param(line, id=f"{page.stem}: {line}")
    for page in PAGES
    for line in dict.fromkeys(list_block_commands(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("line", CASES)
def test_command_can_be_typed(line: str) -> None:
    """A command in a code block names commands and options that exist, with all that it needs."""
    parse_command(split_command(line))


INLINE = re.compile(r"`(?:\.venv/bin/)?wayseal ([^`\n]+)`")
NAMED = [
    pytest.param(line, id=f"{page.stem}: {line}")
    for page in PAGES
    for line in dict.fromkeys(INLINE.findall(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("line", NAMED)
def test_named_command_exists(line: str) -> None:
    """A command that a sentence names, often without its arguments, has words and options that exist."""
    command: click.Command = root
    context = click.Context(root, info_name="wayseal")
    for word in split_command(line):
        if word.startswith("--"):
            known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
            assert word.split("=")[0] in known, word
        elif isinstance(command, click.Group):
            names = word.split("|") if "|" in word else [word]
            found = [command.get_command(context, name) for name in names]
            assert None not in found, word
            command = found[-1] or command


def test_bad_commands_are_noticed() -> None:
    """A command that is none, an unknown option, a missing argument and one too many do not pass."""
    for line in ("ledger check-all", "ledger verify --dri x", "ledger export", "ledger export a b", "ledger"):
        with pytest.raises((AssertionError, click.UsageError)):
            parse_command(split_command(line))

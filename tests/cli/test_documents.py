"""docs/commands.md tells every command, every option and every exit code, and none that isn't there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline.cli import main
from pipeline.cli.exits import MEANINGS

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.M | re.S))
SHARED = {name for option in main.params for name in option.opts} | {"--help", "-h"}


def commands(
    command: click.Command = main, path: tuple[str, ...] = ("aftermerge",)
) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(commands())


def options(command: click.Command) -> set[str]:
    return {name for option in command.params if isinstance(option, click.Option) for name in option.opts}


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_told_with_all_its_options(words: str) -> None:
    assert words in SECTIONS, f"write a section '## {words}' in docs/commands.md"
    told = set(re.findall(r"^\| `(--[a-z-]+)", SECTIONS[words], re.M))
    if words.startswith("aftermerge report "):
        told |= set(re.findall(r"^\| `(--[a-z-]+)", SECTIONS["Options of every `aftermerge report`"], re.M))
    assert told == options(COMMANDS[words]) - SHARED
    assert options(COMMANDS[words]) >= SHARED - {"--version", "--help", "-h"}, "add shared_options"


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_and_its_options_explain_themselves(words: str) -> None:
    command = COMMANDS[words]
    assert command.help
    assert command.short_help, "its line in the list of commands"
    assert command.epilog is not None
    assert words in command.epilog, "an example"
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, f"{words} {option.opts}: no help"


def test_no_section_tells_of_a_command_that_is_not_there() -> None:
    assert {title for title in SECTIONS if title.startswith("aftermerge")} == set(COMMANDS)


def test_the_shared_options_are_told() -> None:
    assert set(re.findall(r"`(-[a-z-]+)", SECTIONS["Shared options"])) - {"--format"} == SHARED


def test_the_exit_codes_are_told() -> None:
    told = dict(re.findall(r"^\| (\d+) \| (.+) \|$", SECTIONS["Exit codes"], re.M))
    assert told == {str(int(code)): meaning for code, meaning in MEANINGS.items()}


def test_every_command_that_prints_rows_takes_a_format() -> None:
    silent = {words for words, command in COMMANDS.items() if "--format" not in options(command)}
    assert {words for words in silent if not words.startswith("aftermerge report ")} == {
        "aftermerge demo",
        "aftermerge export",
        "aftermerge up",
        "aftermerge topics create",
        "aftermerge migrate",
        "aftermerge receive",
        "aftermerge normalize",
        "aftermerge correlate",
        "aftermerge sink",
    }

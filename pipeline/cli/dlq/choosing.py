"""Which letters a command is about: by their numbers, by their reason, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.letters import Entry, Number

Command = TypeVar("Command", bound=Callable[..., Any])


def choice_options(command: Command) -> Command:
    """``NUMBER...``, ``--reason`` and ``--all`` as arguments ``numbers``, ``reason`` and ``everything``."""
    for option in (
        click.option("--all", "everything", is_flag=True, help="All letters, whatever their reason."),
        click.option(
            "--reason",
            metavar="TEXT",
            default="",
            help="The letters whose reason holds TEXT, whatever its case.",
        ),
        click.argument("numbers", metavar="[NUMBER]...", nargs=-1),
    ):
        command = option(command)
    return command


def workspaces_of(settings: Settings) -> Sequence[str]:
    """The workspace that somebody named; none when all are meant."""
    return [settings.workspace] if "workspace" in settings.model_fields_set else []


def numbers_of(texts: Sequence[str]) -> list[Number]:
    """Numbers as they were typed; a wrong command line when one is none."""
    from pipeline.letters import Number

    try:
        return [Number.of(text) for text in texts]
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def check_choice(numbers: Sequence[str], reason: str, everything: bool) -> None:
    """Exactly one way to choose, and numbers that can be some."""
    if sum((bool(numbers), bool(reason), everything)) != 1:
        raise click.UsageError("say which letters: their NUMBERs, --reason TEXT, or --all")
    numbers_of(numbers)


def chosen(found: Sequence[Entry], numbers: Sequence[str], reason: str, settings: Settings) -> list[Entry]:
    """Those of the letters that are meant; exit 5 when there is none, or not one of a number."""
    from pipeline.letters import with_reason

    if not numbers:
        fitting = with_reason(found, reason, workspaces_of(settings))
        if not fitting:
            like = f" with a reason like {reason!r}" if reason else ""
            raise Problem(f"there is no such letter{like}", hint=_LISTED, code=Exit.NOTHING)
        return fitting
    by_number = {entry.number: entry for entry in found}
    wanted = list(dict.fromkeys(numbers_of(numbers)))
    if missing := [str(number) for number in wanted if number not in by_number]:
        raise Problem(
            f"no letter that still holds has the number {', '.join(missing)}",
            hint=_LISTED,
            code=Exit.NOTHING,
        )
    return [by_number[number] for number in wanted]


_LISTED = "`aftermerge dlq list` shows those that ask for attention, `--all` those that were settled, too"

"""What every command shares: the global options, lazy loading, and how failures are reported."""

from __future__ import annotations

import io
import os
import select
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.cli.exits import Exit, Problem

if TYPE_CHECKING:
    from pipeline.settings import Settings

ERROR_CHARACTERS_MAX = 600

#: the argument of commands that read files
FILES = click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)

Function = TypeVar("Function", bound=Callable[..., Any])
Loader = Callable[[], click.Command]


@dataclass
class Invocation:
    """The global options of this run; the settings are read when a command needs them, so that
    ``--help`` works however wrong they are."""

    overrides: dict[str, Any] = field(default_factory=dict)
    debug: bool = False

    @cached_property
    def settings(self) -> Settings:
        """The settings in force; exit 2 when one is wrong."""
        # Here, since reading settings takes a quarter of a second that `--help` needn't wait.
        from pipeline.settings import InvalidSettings, load_settings

        try:
            return load_settings(**self.overrides)
        except InvalidSettings as invalid:
            raise Problem(
                f"invalid setting\n  {invalid}".replace("\n", "\n  ").replace("    ", "  "),
                hint="`aftermerge doctor --settings` lists every setting with its meaning",
            ) from None


class CommandGroup(click.Group):
    """A group that imports a command's module when the command is used, turns every failure into
    one or two lines and an exit code, and never shows a traceback unless told to."""

    def __init__(self, *args: Any, loaders: dict[str, Loader] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loaders = loaders or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands in the order in which a newcomer needs them, not by alphabet."""
        return list(self._loaders)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command now that somebody asks for it."""
        loader = self._loaders.get(cmd_name)
        return None if loader is None else loader()

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; a failure outside of a command's own work is reported as one inside is."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A title in a script that this terminal's encoding lacks must not end the command.
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().main(*args, **kwargs)
        except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the outermost place of all
            if not kwargs.get("standalone_mode", True):
                raise
            if isinstance(error, BrokenPipeError) and _reader_gone():
                sys.exit(Exit.USAGE)  # all that click says out here is what is wrong with a command line
            sys.exit(_reported(error, debug="--debug" in sys.argv))
        finally:
            _finish_output()

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; ``--help | head`` ends here."""
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError:
            raise click.exceptions.Exit(Exit.OK) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and report how it failed, if it did."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - here every failure gets its words
            # click's own answer to a broken pipe is 1, which here means that something went wrong
            if isinstance(error, BrokenPipeError) and _reader_gone():
                ctx.exit(Exit.OK)
            invocation = ctx.find_object(Invocation)
            ctx.exit(_reported(error, debug=invocation is not None and invocation.debug))


def _reader_gone() -> bool:
    """Whether nobody reads standard output or standard error any more (``... | head``)."""
    for stream in (sys.stdout, sys.stderr):
        poll = select.poll()
        try:
            poll.register(stream.fileno(), select.POLLOUT)
        except (OSError, ValueError):  # no file at all, as in a test
            continue
        if any(flags & (select.POLLERR | select.POLLHUP) for _, flags in poll.poll(0)):
            return True
    return False


def _finish_output() -> None:
    """Write what is still held back; where nobody reads it, drop it without a word.

    The interpreter would try again at its own end, complain, and end with a code of its own.
    """
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _reported(error: BaseException, *, debug: bool) -> Exit:
    """Say what happened in one or two lines, and return the exit code that says it to a script."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        click.echo("aftermerge: interrupted; nothing is lost, run the same command again to go on", err=True)
        return Exit.INTERRUPTED
    if debug:
        traceback.print_exception(error)
    if not isinstance(error, Problem):
        assert isinstance(error, Exception)
        error = known_problem(error)
    with suppress(BrokenPipeError):  # nobody reads it; the exit code still says it
        error.show()
    return error.code


def known_problem(error: Exception) -> Problem:
    """The message, the advice and the exit code for a failure of a part below the commands.

    Failures are known by the name of their class, so that a command which needs no store does not
    load one to be able to name its failures.
    """
    text = _one_line(error)
    for kind in type(error).__mro__:
        if kind.__name__ in _KNOWN:
            code, hint = _KNOWN[kind.__name__]
            if code is Exit.UNAVAILABLE and DISK_FULL in text:
                hint = "nothing is lost: free some disk space, then the same command goes on"
            return Problem(text, hint=hint, code=code)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Problem(
            f"{where}{error.strerror or text}",
            hint="check that it exists, is readable, and that the disk has room",
            code=Exit.DATA,
        )
    return Problem(
        f"unexpected {type(error).__name__}: {text}",
        hint="this is a fault in aftermerge; run again with --debug and report what it prints",
        code=Exit.BUG,
    )


_AGAIN = "the message says what to repair; then run the same command again"
_OTHER = "wait until it ends, stop it (nothing is lost), or use another --data DIR"

#: how log and store say so
DISK_FULL = "disk is full"

#: class of the failure -> exit code and what to do
_KNOWN: dict[str, tuple[Exit, str]] = {
    "LogHeld": (Exit.DATA, _OTHER),
    "StoreHeld": (Exit.DATA, _OTHER),
    "PersonKeyUnusable": (Exit.DATA, ""),
    "LogUnavailable": (Exit.UNAVAILABLE, _AGAIN),
    "LogCorrupt": (Exit.UNAVAILABLE, _AGAIN),
    "StoreUnavailable": (
        Exit.UNAVAILABLE,
        "nothing is lost: when the store answers again, the same command goes on",
    ),
    "StoreMissing": (Exit.UNAVAILABLE, ""),
    "ClusterRefused": (Exit.UNAVAILABLE, ""),
    "MigrationRefused": (
        Exit.UNAVAILABLE,
        "run the version of aftermerge that made it, or a newer one",
    ),
    "TooManyLetters": (Exit.USAGE, ""),
    "SchemaRefused": (
        Exit.DATA,
        "nothing was written with it: what the registry has of it is another program's, or a newer version's",
    ),
    "InvalidEvent": (Exit.USAGE, "is it the right file, and the right command for its format?"),
    "UnreadableFile": (Exit.USAGE, ""),
    "GitError": (Exit.USAGE, ""),
}


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= ERROR_CHARACTERS_MAX else text[:ERROR_CHARACTERS_MAX] + " …"


def _remember(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep a shared option; given twice, the one nearer to the command's own words holds."""
    invocation = ctx.ensure_object(Invocation)
    if parameter.name == "debug":
        invocation.debug = invocation.debug or bool(value)
    elif value is not None:
        invocation.overrides[str(parameter.name)] = value


_SHARED = (
    click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        expose_value=False,
        callback=_remember,
        help="Directory that holds everything. [default: ~/.local/share/aftermerge]",
    ),
    click.option(
        "--workspace",
        metavar="NAME",
        expose_value=False,
        callback=_remember,
        help="Unit of correlation, usually one organisation. [default: default]",
    ),
    click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help="Show the traceback of a failure, for a bug report.",
    ),
)


def shared_options(command: Function) -> Function:
    """``--data``, ``--workspace`` and ``--debug``, which may stand before a command's name or after it."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def examples(*lines: str) -> str:
    """Examples for the end of a command's help, laid out as written."""
    return "\b\nExamples:" + "".join(f"\n  {line}" for line in lines)

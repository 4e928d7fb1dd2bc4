"""What every report has in common: its options, what the job's environment fills in, and the way out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.cli.exits import Problem
from pipeline.cli.frame import Invocation, shared_options
from pipeline.cli.instants import INSTANT, machine_now, microseconds
from pipeline.cli.report.posting import WAIT_SECONDS_MAX, overheard, post, receiver
from pipeline.sources.ci_jobs import NOTHING, CiJob, Fact, read_ci_job
from pipeline.sources.reports import FAMILY, Telling, WrongReport

if TYPE_CHECKING:
    from pipeline.core.events import Event

URL, URL_DEFAULT = "AFTERMERGE_URL", "http://127.0.0.1:8090"
TOKEN = "AFTERMERGE_REPORT_TOKEN"
WAIT_SECONDS_DEFAULT = 30.0
TOKEN_FILE_BYTES_MAX = 64 * 1024
SHA_DIGITS_MIN = 7

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Report:
    """One report: how it goes out, and what the environment may add to it."""

    invocation: Invocation
    url: str | None
    token_file: Path | None
    to_file: Path | None
    wait: float
    best_effort: bool
    dry_run: bool
    verbose: bool
    id: str | None
    source: str | None
    at: datetime | None
    run: str | None
    around: CiJob = field(default_factory=lambda: read_ci_job(os.environ))

    def take(self, name: str, given: str | None, fact: Fact) -> str:
        """What was given, else what the environment says, which is told with ``--verbose``."""
        if given is not None:
            return given
        if fact.value:
            self.say(f"{name} {fact.value} from {fact.variable}")
        return fact.value

    def say(self, text: str) -> None:
        """A line for whoever wants to know more."""
        if self.verbose:
            click.echo(text, err=True)

    def commit(
        self, repository: str | None, sha: str | None, branch: str | None, deployed: str | None = None
    ) -> dict[str, str]:
        """Repository, commit and branch that a report is of; ``deployed`` is the deploy tag if it has one."""
        around = self.around
        mine = repository is None or repository == around.repository.value
        if sha is not None or not mine:
            commit = NOTHING
        elif deployed is not None and not _certain(around, deployed):
            commit = NOTHING
            self.say(f"the job's commit may not be that of {deployed}: not taken, --sha names it")
        else:
            commit = around.sha
            if around.remark:
                self.say(around.remark)
        return {
            "repository": self.take("repository", repository, around.repository),
            "sha": self.take("sha", sha, commit),
            "branch": self.take("branch", branch, around.branch if commit.value else NOTHING),
        }

    def tell(self, build: Callable[[Telling], Event]) -> None:
        """Build the event and send it where it should go."""
        try:
            self._tell(build)
        except BrokenPipeError:
            raise  # told, and nobody reads that it was
        except (Problem, WrongReport, OSError) as error:
            problem = _problem(error)
            if not self.best_effort:
                raise problem from None
            click.echo(f"aftermerge: warning, not told: {problem.message}", err=True)
            if problem.hint:
                click.echo(f"  {problem.hint}", err=True)

    def _tell(self, build: Callable[[Telling], Event]) -> None:
        from pipeline.sources.cloudevents import render

        now = machine_now()
        repository = self.around.repository.value
        telling = Telling(
            at=now if self.at is None else microseconds(self.at),
            told_at=now,
            source=self.source or (f"{FAMILY}/{repository}" if repository else FAMILY),
            run=self.take("run", self.run, self.around.run),
            id=self.id or "",
        )
        event = build(telling)
        workspace = self.invocation.settings.workspace
        line = render(event, workspace)
        if self.dry_run:
            click.echo(line)
        elif self.to_file:
            if self.url:
                raise Problem("--url and --to-file: one of them", hint="--to-file sends nothing")
            with self.to_file.open("ab", buffering=0) as file:
                file.write(line + b"\n")
            click.echo(f"kept in {self.to_file}: {event.id}")
        else:
            url = receiver(self.url or os.environ.get(URL) or URL_DEFAULT, workspace)
            token = _token(self.token_file)
            if token and overheard(url):
                click.echo("aftermerge: warning, http: whoever listens on the way reads the token", err=True)
            post(url, line, token, self.wait, self.say)
            click.echo(f"told to {url}: {event.id}")


def _certain(around: CiJob, tag: str) -> bool:
    """Whether the job's commit can only be the one that goes by this deploy tag."""
    return (
        around.by_commit
        or around.tag.value == tag
        or (around.sha.value[:SHA_DIGITS_MIN] or " ") in tag.lower()
    )


def _problem(error: Problem | WrongReport | OSError) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, WrongReport):
        return Problem(str(error), hint=error.advice)
    return Problem(f"{error.filename}: {error.strerror}", hint="check that it exists and may be used")


def _token(file: Path | None) -> str:
    """The token, from a file or the environment; no message ever holds it."""
    place, told = (str(file), "") if file else (TOKEN, os.environ.get(TOKEN, ""))
    if file:
        with file.open("rb") as opened:
            told = opened.read(TOKEN_FILE_BYTES_MAX).decode("utf-8", "replace")
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    if file and not lines:
        raise Problem(f"{place}: there is nothing in it", hint="its first line is the token")
    token = lines[0] if lines else ""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Problem(f"{place}: holds characters that no token has", hint="its first line is the token")
    return token


_OPTIONS = (
    click.option(
        "--url", metavar="URL", help=f"The receiver's address. [default: ${URL}, else {URL_DEFAULT}]"
    ),
    click.option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help=f"File whose first line is the token. [default: ${TOKEN}]",
    ),
    click.option(
        "--to-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Send nothing: append the event to FILE, for `aftermerge replay FILE`.",
    ),
    click.option(
        "--wait",
        type=click.FloatRange(min=0, min_open=True, max=WAIT_SECONDS_MAX),
        default=WAIT_SECONDS_DEFAULT,
        show_default=True,
        metavar="SECONDS",
        help="How long to try, all tries together.",
    ),
    click.option("--best-effort", is_flag=True, help="What can't be told is a warning, and the exit code 0."),
    click.option("--dry-run", is_flag=True, help="Print the event and send nothing."),
    click.option("--verbose", is_flag=True, help="Say what was taken from the environment, and each try."),
    click.option("--at", type=INSTANT, metavar="TIME", help="When it happened. [default: now]"),
    click.option(
        "--run", metavar="TEXT", help="What runs here, differing from run to run. [default: the CI's number]"
    ),
    click.option("--source", metavar="NAME", help="Who tells it. [default: ci/REPOSITORY]"),
    click.option("--id", metavar="TEXT", help="Id of the event in place of the natural one."),
)
_NAMES = (
    "url",
    "token_file",
    "to_file",
    "wait",
    "best_effort",
    "dry_run",
    "verbose",
    "id",
    "source",
    "at",
    "run",
)


def telling(command: Callable[..., None]) -> Callable[..., Any]:
    """Add the options of every report; the command gets them as one ``Report``, its first argument."""

    @wraps(command)
    def told(invocation: Invocation, **values: Any) -> None:
        report = Report(invocation, **{name: values.pop(name) for name in _NAMES})
        command(report, **values)

    wrapped: Callable[..., Any] = click.pass_obj(told)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return shared_options(wrapped)


def at_of(moment: datetime | None) -> int | None:
    """Microseconds of an optional moment."""
    return None if moment is None else microseconds(moment)


def service_options(command: Command) -> Command:
    """``--service`` and ``--environment``."""
    for option in (
        click.option("--environment", metavar="NAME", default="", help="Environment, such as production."),
        click.option("--service", metavar="NAME", default="", help="Service that it is about."),
    ):
        command = option(command)
    return command


def commit_options(command: Command) -> Command:
    """``--repository``, ``--sha`` and ``--branch``."""
    for option in (
        click.option("--branch", metavar="NAME", help="Branch that it is of. [default: the CI's]"),
        click.option(
            "--sha", metavar="SHA", help="Commit that it is of, all of its digits. [default: the CI's]"
        ),
        click.option("--repository", metavar="NAME", help="Repository, owner/name. [default: the CI's]"),
    ):
        command = option(command)
    return command

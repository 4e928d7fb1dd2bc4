"""``simulate``: a seeded world, as CloudEvents JSON Lines or straight into the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from pipeline.cli.exits import Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import INSTANT, machine_now, microseconds
from pipeline.cli.output import format_option
from pipeline.cli.progress import bars
from pipeline.cli.reporting import Line, Outcome, report
from pipeline.cli.writing import STANDARD_OUTPUT, written
from pipeline.simulate.options import EVENTS_MAX, LAGS, MODES, Faults, InvalidOption, Options, Planted

if TYPE_CHECKING:
    from pipeline.core.events import Event
    from pipeline.simulate.truth import Truth
    from pipeline.simulate.world import Told, World
    from pipeline.sources.truths import Truth as Culprits

Command = TypeVar("Command", bound=Callable[..., Any])

#: people of a file have the same tokens everywhere: they were made up, there is nobody to hide
_KEY = hashlib.blake2b(b"the people of a simulated world", digest_size=32).digest()


class Plant(click.ParamType[Planted]):
    """``MODE``, ``MODE@WEEK``, ``MODE:PLACE`` or ``MODE:PLACE@WEEK``."""

    name = "plant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Planted:
        """The mode, its week and its place."""
        if isinstance(value, Planted):
            return value
        text, _, week = str(value).partition("@")
        mode, _, where = text.partition(":")
        if mode not in MODES:
            self.fail(f"{mode!r} is none of {', '.join(MODES)}", param, ctx)
        if week and not week.isdecimal():
            self.fail(f"{week!r} is no week; write it like {mode}@4", param, ctx)
        return Planted(mode, int(week or 0), where)


PLANT = Plant()


#: option, default, metavar, help: what the world is like
_NUMBERS: tuple[tuple[str, int | float, str, str], ...] = (
    ("seed", 1, "N", "Another seed, another world."),
    ("services", 40, "N", "How many services there are."),
    ("teams", 6, "N", "How many teams own them."),
    ("failure-rate", 0.05, "SHARE", "Regular deployments that break production."),
    ("background", 0.35, "SHARE", "Incidents that no deployment caused, cascades left aside."),
    ("rollback", 0.6, "SHARE", "Failures that end with a rollback; the others end with a fix."),
)
#: the same: what goes wrong on the way from the world to its events
_FAULTS: tuple[tuple[str, int | float, str, str], ...] = (
    ("unreported", 0.0, "SHARE", "Deployments that nobody reports."),
    ("missing-tags", 0.0, "SHARE", "Deployments told without tag, artifact and commit."),
    ("wrong-service", 0.0, "SHARE", "Incidents told of another service than the one with the symptoms."),
    ("coincident", 0.0, "SHARE", "Deployments beside which another service changes its configuration."),
    ("duplicates", 0.0, "SHARE", "Events that are told twice."),
    ("late", 0.0, "SHARE", "Events that arrive late."),
    ("late-hours-max", 72, "HOURS", "How late they are at most."),
    ("skew-seconds", 0, "SECONDS", "How far the clocks of deployments' reporters are off at most."),
)
#: events that are turned into bytes at once
LINES_EVENTS_MAX = 1_000
_PLACE = click.Path(dir_okay=False, path_type=Path)


def _numbers(options: tuple[tuple[str, int | float, str, str], ...]) -> Callable[[Command], Command]:
    """Options that take a number each."""

    def added(command: Command) -> Command:
        for name, default, metavar, text in reversed(options):
            command = click.option(
                f"--{name}",
                type=type(default),
                default=default,
                show_default=True,
                metavar=metavar,
                help=text,
            )(command)
        return command

    return added


@click.command(
    short_help="A made-up world with every event type, and its truth.",
    epilog=examples(
        "aftermerge simulate --to world.jsonl.gz --truth truth.jsonl",
        "aftermerge simulate --weeks 26 --services 120 --late 0.05 --into-log --workspace made-up",
        "aftermerge simulate --plant rubber-stamping:payments@6 --plant flaky-tests@3 --to world.jsonl",
        "aftermerge simulate --events 1000000 --to - | wc -l",
        "aftermerge replay world.jsonl.gz --as-received        reads what was written",
    ),
)
@click.option(
    "--to", "target", type=_PLACE, metavar="FILE|-", help="Where to write CloudEvents, as JSON Lines."
)
@click.option("--into-log", is_flag=True, help="Append to the workspace's log and correlate, as imports do.")
@click.option("--truth", type=_PLACE, metavar="FILE", help="Where to write what no event says.")
@click.option("--weeks", type=int, metavar="N", help="How long the world lasts. [default: 12]")
@click.option("--events", type=int, metavar="N", help="As many weeks as hold N events; the first N are told.")
@click.option("--end", type=INSTANT, metavar="TIME", help="When the world ends. [default: 2026-06-01]")
@_numbers(_NUMBERS)
@click.option(
    "--lags",
    type=click.Choice(LAGS),
    default=LAGS[0],
    show_default=True,
    help="From deployment to symptoms; weibull is unlike what the model assumes.",
)
@click.option("--ticks", is_flag=True, help="Tell every minute that time passes.")
@_numbers(_FAULTS)
@click.option(
    "--plant",
    "planted",
    type=PLANT,
    multiple=True,
    metavar="MODE[:PLACE][@WEEK]",
    help="A failure mode of the process, in a team or repository (drawn if not named), from a week on"
    f" (the first is 0); may be repeated. MODE: {', '.join(MODES)}.",
)
@format_option
@shared_options
@click.pass_obj
def simulate(
    invocation: Invocation,
    /,
    target: Path | None,
    into_log: bool,
    truth: Path | None,
    events: int | None,
    weeks: int | None,
    end: datetime | None,
    format_: str,
    **told: object,
) -> None:  # fmt: skip
    """Make up an organisation and tell its life: the same options, the same bytes, on every machine.

    Teams in several time zones review, merge and deploy; deployments break, incidents spread and end. Every
    event type is in it, in the order of receipt. What is true of the world, and not told, goes to --truth,
    and with --into-log to where `evaluate` looks. Each switch for a fault changes what it names and leaves
    every other event as it was.
    """
    if (target is None) == (not into_log):
        raise click.UsageError("say where to: --to FILE, --to - or --into-log")
    if events is not None and not 0 < events <= EVENTS_MAX:
        raise click.UsageError(f"--events: {events} is not from 1 to {EVENTS_MAX}")
    if weeks is not None and events is not None:
        raise click.UsageError("--weeks and --events both say how long the world lasts: give one of them")
    faults = Faults(**{name: told.pop(name) for name in Faults.__struct_fields__})  # type: ignore[arg-type]
    planted = cast(tuple[Planted, ...], told.pop("planted"))
    options = Options(**told, faults=faults, planted=planted)  # type: ignore[arg-type]
    from msgspec.structs import replace

    if weeks is not None:
        options = replace(options, weeks=weeks)
    if end is not None:
        options = replace(options, end=microseconds(end) // 1_000_000)
    if into_log:
        if options.end * 1_000_000 > machine_now():
            raise Problem("--end lies in the future: a log takes in what has happened")
        _into_log(invocation, options, events, truth, format_)
    else:
        assert target is not None
        _to_file(invocation, options, events, target, truth)


def _world(options: Options, events: int | None, person_token: Callable[[str], str]) -> World:
    from msgspec.structs import replace

    from pipeline.simulate.world import World, weeks_for

    try:
        if events is not None:
            weeks = weeks_for(events, options, person_token)
            if weeks > options.weeks_max:
                raise InvalidOption(f"events: {events:,} take {weeks} weeks: give more --services")
            options = replace(options, weeks=weeks)
        return World(options, person_token)
    except InvalidOption as wrong:
        raise Problem(f"--{wrong}", hint="`aftermerge simulate --help` says what it may be") from None


def _to_file(
    invocation: Invocation, options: Options, events: int | None, target: Path, truth: Path | None
) -> None:
    from pipeline.persons import Persons
    from pipeline.simulate.lines import LineWriter

    world, count = _world(options, events, Persons(_KEY).person_token), 0
    writer = LineWriter(invocation.settings.workspace)
    with bars() as progress, written(target) as out, _kept(truth) as keep:
        for told in _limited(world.weeks(), events):
            for start in range(0, len(told.events), LINES_EVENTS_MAX):
                out.write(writer.lines(told.events[start : start + LINES_EVENTS_MAX]))
            keep(told.truths)
            count += len(told.events)
            progress("simulating", count, events)
    click.echo(f"{count:,} events written{'' if target == STANDARD_OUTPUT else f' to {target}'}", err=True)


def _into_log(
    invocation: Invocation, options: Options, events: int | None, truth: Path | None, format_: str
) -> None:
    from pipeline.cli.intake import append, correlate, keep_truths
    from pipeline.cli.wiring import opened

    culprits: list[Culprits] = []
    outcome = Outcome()
    with opened(invocation.settings, create=True) as parts, bars() as progress, _kept(truth) as keep:
        world = _world(options, events, parts.person_token)

        def arriving() -> Iterator[Event]:
            for told in _limited(world.weeks(), events):
                keep(told.truths)
                culprits.extend(culprits_of(told.truths))
                yield from told.events

        append(parts, arriving(), outcome, progress)
        keep_truths(parts, culprits)
        outcome.lines.append(Line("read", "incidents", len(culprits), "their truth is kept for `evaluate`"))
        outcome = correlate(parts, outcome, progress)
    report(outcome, format_)


def culprits_of(truths: Iterable[Truth]) -> Iterator[Culprits]:
    """The truths of incidents in the form that ``evaluate`` reads; without a culprit it leaves them out."""
    from pipeline.simulate.truth import TrueIncident
    from pipeline.sources.truths import Truth as Culprits

    for truth in truths:
        if isinstance(truth, TrueIncident):
            ended_at = truth.resolved_at or None
            yield Culprits(
                truth.incident, list(truth.culprits), "simulated", truth.ended_by, truth.kind, ended_at
            )


def _limited(weeks: Iterable[Told], events: int | None) -> Iterator[Told]:
    """The weeks until so many events are told."""
    left = EVENTS_MAX if events is None else events
    for told in weeks:
        yield told._replace(events=told.events[:left])
        left -= len(told.events)
        if left <= 0:
            return


@contextmanager
def _kept(truth: Path | None) -> Iterator[Callable[[Iterable[Truth]], None]]:
    """Where truths go; nowhere when nobody asks."""
    from pipeline.simulate.truth import truth_line

    if truth is None:
        yield lambda truths: None
        return
    with ExitStack() as stack:
        out = stack.enter_context(written(truth))

        def keep(truths: Iterable[Truth]) -> None:
            out.writelines(truth_line(row) + b"\n" for row in truths)

        yield keep

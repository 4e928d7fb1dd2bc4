"""The part of ``aftermerge demo --web``: an organisation made up beside the real history, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.progress import bars
from pipeline.sources.lines import UnreadableLine

if TYPE_CHECKING:
    from pipeline.cli.wiring import Parts
    from pipeline.measuring import ProgressCall
    from pipeline.settings import Settings
    from pipeline.simulate.options import Options

SIMULATED = "simulated"
#: of `up` itself: a history ends where it ends, while what is received here goes on
LIVE = "live"
AHEAD_MINUTES = 30
WEEKS, SERVICES, FAILURE_RATE = 8, 40, 0.08
#: number of the line, why it can't be read, and the line
UNREADABLE = UnreadableLine(1, "the line is cut off in its middle", b'{"specversion":"1.0","type":"dev.cdev')
#: in the middle of an afternoon on which something is broken, in seconds since 1970: 2026-05-28 18:00 UTC
END_SECONDS = 1_779_991_200
PLANTED = (
    ("rubber-stamping", 4),
    ("flaky-tests", 3),
    ("bypass-abuse", 6),
    ("environment-drift", 4),
    ("long-lived-branches", 0),
    ("cost-overrun", 5),
)


def show(settings: Settings) -> None:
    """Fill a workspace with a made-up organisation, compute the views ahead, and serve until Ctrl-C."""
    from pipeline.cli.live import serve
    from pipeline.cli.wiring import opened
    from pipeline.simulate.telemetry import statements

    _refuse_what_is_not_its_own(settings)
    made_up = settings.model_copy(update={"workspace": SIMULATED})
    with opened(made_up, create=True) as parts, bars() as progress:
        if SIMULATED not in parts.store.workspaces():
            _make_up(parts, progress)
        if not parts.store.query("SELECT TraceId FROM telemetry_traces LIMIT 1").rows:
            for statement in statements(SIMULATED):
                parts.store.make(statement)
        troubles = parts.store.keep_ahead(AHEAD_MINUTES, progress)
    for name, trouble in troubles.items():
        click.echo(f"{name} can't be computed ahead: {trouble}", err=True)
    click.echo(
        f"\n{click.style('In a browser', bold=True)}  (two workspaces: the real history, and one made up)"
    )
    click.echo(f"  http://{settings.listen}/?workspace={settings.workspace}")
    click.echo(f"  http://{settings.listen}/on-call?workspace={SIMULATED}\n")
    serve(settings.model_copy(update={"workspace": LIVE}))


def _refuse_what_is_not_its_own(settings: Settings) -> None:
    """A made-up world, and made-up requests, are for a directory of one's own."""
    from pipeline import running

    if not settings.embedded or settings.kafka_bootstrap:
        raise Problem(
            "--web makes things up, and writes them: only into a directory of its own",
            hint="take AFTERMERGE_STORE_DSN and the cluster's settings out of the environment",
            code=Exit.USAGE,
        )
    if running.live(settings.data) is not None:
        raise Problem(
            f"aftermerge up runs already on {settings.data}",
            hint="stop that one, or use another --data directory",
            code=Exit.DATA,
        )


def options() -> Options:
    """The organisation that is made up."""
    from pipeline.simulate.options import Options, Planted

    planted = tuple(Planted(mode, week) for mode, week in PLANTED)
    return Options(
        weeks=WEEKS, services=SERVICES, failure_rate=FAILURE_RATE, end=END_SECONDS, planted=planted
    )


def _make_up(parts: Parts, progress: ProgressCall) -> None:
    from pipeline.cli.intake import append, correlate, keep_unreadable
    from pipeline.cli.reporting import Outcome
    from pipeline.simulate.world import World

    # as of every import, something could not be read
    keep_unreadable(parts, Path("simulated.jsonl"), [UNREADABLE])
    outcome = Outcome()
    world = World(options(), parts.person_token)
    append(parts, (event for told in world.weeks() for event in told.events), outcome, progress)
    correlate(parts, outcome, progress)

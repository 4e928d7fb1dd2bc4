"""``aftermerge views``: how old the answers of views are, and whether they are computed ahead."""

from __future__ import annotations

import re

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.output import format_option, write_rows
from pipeline.cli.progress import bars

#: of what the engine says about a view that it could not compute
TROUBLE_CHARACTERS_MAX = 300
_EVERY = re.compile(r"(\d{1,6})(m|h)")
_COLUMNS = ("view", "ahead", "as_of", "seconds", "next_at", "problem")


class Every(click.ParamType[int]):
    """A span such as ``30m`` or ``2h``, as minutes."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it, or fail with what would be right."""
        match = _EVERY.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r}: write minutes or hours, such as 30m or 2h", param, ctx)
        return int(match[1]) * (60 if match[2] == "h" else 1)


@click.command(
    short_help="How old the answers of views are; compute them ahead.",
    epilog=examples(
        "aftermerge views                     which are computed ahead, as of when",
        "aftermerge views --every 30m         from now on, compute them ahead",
        "aftermerge views --refresh           compute them now, and wait",
        "aftermerge views --when-asked        no longer ahead: each answer is computed when it is asked",
    ),
)
@click.option("--every", type=Every(), metavar="SPAN", help="Compute views ahead, now and every 30m or 2h.")
@click.option("--refresh", is_flag=True, help="Compute anew what is computed ahead, and wait for it.")
@click.option("--when-asked", is_flag=True, help="Compute nothing ahead.")
@format_option
@shared_options
@click.pass_obj
def views(invocation: Invocation, every: int | None, refresh: bool, when_asked: bool, format_: str) -> None:
    """Show how old the answers of the views are, and choose how they are computed.

    A view is computed when somebody asks, and is never old. From some hundred thousand changes on that takes
    longer than anybody likes to wait; then the views of measures can be computed ahead, all rows at once, as
    often as --every says. Late events are in the next round. It holds until --when-asked takes it back.
    """
    from pipeline.cli.wiring import opened
    from pipeline.store import ClusterRefused

    if (every is not None) + refresh + when_asked > 1:
        raise Problem("--every, --refresh and --when-asked exclude each other", code=Exit.USAGE)
    with opened(invocation.settings, create=False) as parts, bars() as progress:
        if parts.running is not None and (every is not None or refresh or when_asked):
            raise Problem(
                "`aftermerge up` has the store open, and only it can change views",
                hint="end it, run this, and start it again; what is computed ahead it computes by itself",
                code=Exit.DATA,
            )
        troubles: dict[str, str] = {}
        try:
            if every is not None or when_asked:
                troubles = parts.store.keep_ahead(every, progress)
            elif refresh:
                troubles = parts.store.refresh_ahead(progress)
        except (ClusterRefused, ValueError) as error:
            raise Problem(str(error)) from error
        result = parts.store.query(f"SELECT {', '.join(_COLUMNS)} FROM freshness")
    if refresh and not any(ahead for _, ahead, *_ in result.rows):
        raise Problem("no view is computed ahead", hint="aftermerge views --every 30m")
    write_rows(result.columns, result.rows, format_)
    for name, trouble in troubles.items():
        click.echo(f"{name}: {trouble[:TROUBLE_CHARACTERS_MAX]}", err=True)
    if troubles:
        raise click.exceptions.Exit(Exit.PARTLY)

"""``replay`` and ``export``: events as CloudEvents JSON Lines, in and out."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import FILES, Invocation, examples, shared_options
from pipeline.cli.output import format_option
from pipeline.cli.progress import bars
from pipeline.cli.reporting import report
from pipeline.cli.writing import written


@click.command(
    short_help="Read CloudEvents from JSON Lines.",
    epilog=examples(
        "aftermerge replay events.jsonl",
        "aftermerge replay events.jsonl.gz --as-received",
        "aftermerge --workspace acme replay monday.jsonl tuesday.jsonl",
    ),
)
@FILES
@click.option(
    "--as-received",
    is_flag=True,
    help="Keep the order of the files instead of sorting by the events' own time: late stays late.",
)
@format_option
@shared_options
@click.pass_obj
def replay(invocation: Invocation, files: tuple[Path, ...], as_received: bool, format_: str) -> None:
    """Read CloudEvents from each FILE: one JSON document a line, plain or gzip.

    Lines that are no event land in the dead letters with their reason and place, the good ones around
    them are kept, and the exit status is 1. What is known already changes nothing, so a replay can be
    repeated.
    """
    from pipeline.cli.intake import replay_files
    from pipeline.cli.wiring import opened

    with opened(invocation.settings, create=True) as parts, bars() as progress:
        outcome = replay_files(parts, files, as_received=as_received, progress=progress)
    report(outcome, format_)


@click.command(
    short_help="Write all events as CloudEvents JSON Lines.",
    epilog=examples(
        "aftermerge export events.jsonl.gz",
        "aftermerge export | head -3",
    ),
)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@shared_options
@click.pass_obj
def export(invocation: Invocation, file: Path | None) -> None:
    """Write every event of the workspace to FILE, or to standard output, as CloudEvents JSON Lines.

    They come in the order in which they were received, so that `replay --as-received` repeats it. A
    name that ends in .gz is compressed. An unfinished file keeps the ending .part.
    """
    from pipeline.cli.wiring import events_of, opened
    from pipeline.sources.cloudevents import render

    count = 0
    with opened(invocation.settings, create=False) as parts, bars() as progress, written(file) as out:
        total = parts.log.end("events", parts.partition)
        for offset, event in events_of(parts):
            out.write(render(event, parts.workspace) + b"\n")
            count += 1
            progress("exporting", offset + 1, total)
    click.echo(f"{count:,} events written{f' to {file}' if file else ''}", err=True)
    if not count:
        raise Problem(
            f"workspace {invocation.settings.workspace} holds no event",
            hint="`aftermerge --workspace NAME export` names another one",
            code=Exit.NOTHING,
        )

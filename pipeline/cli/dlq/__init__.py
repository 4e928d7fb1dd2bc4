"""``aftermerge dlq``: what could not be taken in, why, and what becomes of it."""

from __future__ import annotations

import click

from pipeline.cli.dlq.changing import drop, redrive
from pipeline.cli.dlq.listing import list_
from pipeline.cli.dlq.showing import show
from pipeline.cli.frame import examples, shared_options


@click.group(
    short_help="What could not be taken in: list, show, redrive, drop.",
    epilog=examples(
        "aftermerge dlq list --by reason",
        "aftermerge dlq show 17",
        "aftermerge dlq redrive --all",
        'aftermerge dlq drop 17 --because "a test of the sender"',
    ),
)
@shared_options
def dlq() -> None:
    """Look at dead letters: lines, deliveries and events that could not be taken in.

    Each has a number. It asks for attention until what it is about was taken in, somebody dropped it, or
    `aftermerge doctor --acknowledge` was said. Without --workspace, those of all workspaces are meant.
    """


for _command in (list_, show, redrive, drop):
    dlq.add_command(_command)

"""``aftermerge dlq show``: everything about one letter, and what one can do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.dlq.choosing import numbers_of
from pipeline.cli.exits import Exit, Problem
from pipeline.cli.frame import Invocation, examples, shared_options
from pipeline.cli.instants import moment
from pipeline.cli.output import as_text, printable, terminal_width, write_document

if TYPE_CHECKING:
    from pipeline.cli.dlq.contents import Contents
    from pipeline.dead_letters import DeadLetter
    from pipeline.letters import Entry
    from pipeline.sources.deliveries import Delivery

LABEL_CHARACTERS = 11


@click.command(
    short_help="All about one letter, and what to do about it.",
    epilog=examples(
        "aftermerge dlq show 17",
        "aftermerge dlq show 17 --format json | jq .content",
    ),
)
@click.argument("number", metavar="NUMBER")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="A page for people, or one JSON document.",
)
@shared_options
@click.pass_obj
def show(invocation: Invocation, number: str, format_: str) -> None:
    """Show the letter NUMBER: where it stands, the reason in full, what is in it, and what can be done.

    A kept delivery is opened with the keys of this command's environment. It may name persons. Bytes that
    can't be read are shown in hexadecimal.
    """
    from pipeline.cli.dlq.contents import contents_of
    from pipeline.cli.wiring import opened_codec, opened_log
    from pipeline.letters import entries, letter_at

    (wanted,) = numbers_of([number])
    settings = invocation.settings
    with opened_log(settings, create=False) as log, opened_codec(settings) as codec:
        found = [entry for entry in entries(log, everything=True) if entry.number == wanted]
        if not found:
            raise Problem(
                f"there is no letter with the number {number}",
                hint="`aftermerge dlq list --all` lists all of them",
                code=Exit.NOTHING,
            )
        (entry,) = found
        letter = letter_at(log, wanted)
        contents = contents_of(log, codec, letter, _unsealer())
    if format_ == "json":
        write_document(_document(entry, letter, contents))
        return
    for line in _page(entry, letter, contents):
        click.echo(line)


def _unsealer() -> Callable[[bytes], Delivery]:
    from pipeline.cli.configuring import unsealer_of
    from pipeline.cli.keeping import unsealer_here
    from pipeline.credentials import WrongCredentials
    from pipeline.receive.keeping import KeyRing

    try:
        return unsealer_here()
    except WrongCredentials:  # `up` says what is wrong with a key; here, a sealed delivery stays closed
        return unsealer_of(KeyRing())


def _document(entry: Entry, letter: DeadLetter, contents: Contents) -> dict[str, Any]:
    return {
        "number": str(entry.number),
        "state": str(entry.state),
        "workspace": letter.workspace,
        "topic": letter.topic or None,
        "partition": letter.partition if letter.topic else None,
        "offset": letter.number if letter.topic else None,
        "line": letter.number if not letter.topic and letter.number >= 0 else None,
        "place": letter.place,
        "failed_at": moment(letter.failed_at) if letter.failed_at else None,
        "reason": letter.reason,
        "bytes": entry.bytes_count,
        "changed_at": moment(entry.changed_at) if entry.changed_at else None,
        "because": entry.because,
        "by": entry.by,
        "kind": contents.kind,
        "about": contents.about,
        "content": contents.text if contents.value is None else contents.value,
        "advice": _advice(entry, letter),
    }


def _page(entry: Entry, letter: DeadLetter, contents: Contents) -> Iterator[str]:
    from pipeline.dead_letters import VALUE_BYTES_MAX

    told = f"{moment(letter.failed_at):%Y-%m-%d %H:%M:%S} UTC" if letter.failed_at else "no time is known"
    cut = ", cut there" if entry.bytes_count >= VALUE_BYTES_MAX else ""
    facts = [
        ("number", str(entry.number)),
        ("state", _state(entry)),
        ("workspace", letter.workspace),
        ("place", letter.place),
        ("refused", told),
        ("reason", letter.reason),
        ("bytes", f"{entry.bytes_count:,} in the letter{cut}"),
        ("content", contents.kind),
    ]
    for name, value in contents.about.items():
        if isinstance(value, dict):
            facts += [(name, f"{key}: {one}") for key, one in value.items()]
        else:
            facts.append((name, as_text(value)))
    for name, text in facts:
        yield from _wrapped(name, text)
    if contents.text:
        yield ""
        for line in contents.text.splitlines():
            yield "  " + printable(line)
    if advice := _advice(entry, letter):
        yield ""
        for line in advice:
            yield from _wrapped("to do", line)


def _wrapped(name: str, text: str) -> list[str]:
    """A label and its text, continued below the text; nothing is cut."""
    width = max(40, terminal_width())
    return textwrap.wrap(
        printable(text),
        width,
        initial_indent=f"{name:<{LABEL_CHARACTERS}} ",
        subsequent_indent=" " * (LABEL_CHARACTERS + 1),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [name]


def _state(entry: Entry) -> str:
    if not entry.changed_at:
        return str(entry.state)
    text = f"{entry.state} on {moment(entry.changed_at):%Y-%m-%d %H:%M} UTC"
    if entry.by:
        text += f" by {entry.by}"
    return f"{text}: {entry.because}" if entry.because else text


def _advice(entry: Entry, letter: DeadLetter) -> list[str]:
    """What one can do; nothing when the letter does not hold any more."""
    from pipeline.log.topics import EVENTS, RECEIVED

    if not entry.unsettled:
        return []
    again = f"`aftermerge dlq redrive {entry.number}`"
    if letter.topic == RECEIVED:
        first = f"mend the mapping, or install a version whose parser can read it; then {again}"
    elif letter.topic == EVENTS:
        first = f"install a version that can read or fold it; then {again} tells it once more"
    elif letter.number < 0:
        first = f"repair what it was imported from and import it again, or try it as it is: {again}"
    else:
        first = (
            f"repair line {letter.number} of {letter.place.rpartition(':')[0]} and import or replay it again:"
            f" what is not refused any more is settled. Or try the line as it is: {again}"
        )
    return [first, f"not wanted: `aftermerge dlq drop {entry.number} --because TEXT`"]

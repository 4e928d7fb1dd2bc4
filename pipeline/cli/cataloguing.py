"""From catalogue files to facts: read and refuse, compare with what is declared, append, correlate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.exits import Problem
from pipeline.cli.instants import machine_now
from pipeline.cli.intake import append, correlate
from pipeline.cli.reporting import Line, Outcome
from pipeline.cli.wiring import Parts
from pipeline.measuring import ProgressCall, silent

if TYPE_CHECKING:
    from pipeline.declaring import Changes, Declarations
    from pipeline.sources.catalogue_file import Catalogue, Entry

NAMES_SHOWN_MAX = 5


def read_files(files: Sequence[Path]) -> dict[Path, Catalogue]:
    """What the files say; whatever is wrong in any of them ends the command before anything is opened."""
    from pipeline.appending import AHEAD_MAX
    from pipeline.sources.catalogue_file import CatalogueRefused, read_catalogue, refuse_contradictions

    read: dict[Path, Catalogue] = {}
    mistakes: list[str] = []
    for file in files:
        try:
            read[file] = read_catalogue(file)
        except CatalogueRefused as refused:
            mistakes += refused.mistakes
    entries = entries_of(read)
    ahead = machine_now() + AHEAD_MAX
    for entry in entries:
        if entry.valid_from is not None and entry.valid_from > ahead:
            mistakes.append(f"{entry.place}: valid_from lies in the future: import it when it holds")
            break
    if not mistakes:
        try:
            refuse_contradictions(entries)
        except CatalogueRefused as refused:
            mistakes += refused.mistakes
    if mistakes:
        raise _refusal(mistakes)
    return read


def import_catalogues(parts: Parts, read: dict[Path, Catalogue], progress: ProgressCall = silent) -> Outcome:
    """Take in what the files say and the log does not."""
    from pipeline.declaring import Declarations, changes
    from pipeline.sources.catalogue_file import SECTIONS

    outcome = Outcome()
    held = Declarations.read(parts.log, parts.codec, parts.workspace, progress)
    entries = entries_of(read)
    found = changes(held, entries, parts.person_token)
    append(parts, found.events, outcome, progress)
    outcome.unchanged += found.unchanged
    for file, catalogue in read.items():
        for kind, count in Counter(entry.kind for entry in catalogue.entries).items():
            outcome.lines.append(Line("read", SECTIONS[kind], count, str(file)))
        outcome.lines += [Line("note", "", "", note) for note in catalogue.notes]
    outcome.lines += _remarks(held, entries, found)
    return correlate(parts, outcome, progress)


def entries_of(read: dict[Path, Catalogue]) -> list[Entry]:
    """The entries of all files."""
    return [entry for catalogue in read.values() for entry in catalogue.entries]


def _remarks(held: Declarations, entries: Iterable[Entry], found: Changes) -> list[Line]:
    """What the files leave open: entries that they don't name, teams that nobody declared."""
    from pipeline.core.change_classes import BUILT_IN, CODE
    from pipeline.core.events import PolicyDeclared, ServiceDeclared
    from pipeline.sources.catalogue_file import SECTIONS

    named: dict[str, set[str]] = {}
    teams: set[str] = set()
    roles: set[str] = set()
    classes: set[str] = set()
    for entry in entries:
        named.setdefault(entry.kind, set()).add(entry.name)
        if isinstance(entry.event, ServiceDeclared) and entry.event.team:
            teams.add(entry.event.team)
        if isinstance(entry.event, PolicyDeclared):
            roles.update(role.removeprefix("@") for role in entry.event.roles)
            classes.update(entry.event.classes)
    lines = [
        Line("note", f"{SECTIONS[kind]} taken back", count, "as if they had never been declared")
        for kind, count in found.removed.items()
        if count
    ]
    for kind, names in named.items():
        if others := sorted(held.names(kind) - names):
            remark = f"they stay as they are; `removed: true` takes one back: {_some(others)}"
            lines.append(Line("note", f"{SECTIONS[kind]} that are not named here", len(others), remark))
    known = held.names("team") | held.aliases("team")
    known |= {name.rpartition("/")[2] for name in known}
    for by, wanted, what, there in (
        ("services", teams, "teams", known),
        ("policies", roles, "roles", known),
        ("policies", classes, "classes", {*held.names("class"), *BUILT_IN, CODE}),
    ):
        if missing := sorted(wanted - there):
            remark = f"{by} name them, and nobody declares them: {_some(missing)}"
            lines.append(Line("note", f"{what} that are not declared", len(missing), remark))
    return [*lines, *(Line("note", "", "", note) for note in found.notes)]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
    return ", ".join(names[:NAMES_SHOWN_MAX]) + more


def _refusal(mistakes: Sequence[str]) -> Problem:
    from pipeline.sources.catalogue_file import MISTAKES_TOLD_MAX

    nothing = "nothing was imported; mend it, and run the same command again"
    if len(mistakes) == 1:
        return Problem(mistakes[0], hint=nothing)
    told = list(mistakes[:MISTAKES_TOLD_MAX])
    if len(mistakes) > len(told):
        told.append(f"and {len(mistakes) - len(told)} more")
    return Problem(f"{len(mistakes)} mistakes; {nothing}", hint="\n  ".join(told))

"""A catalogue as people keep it beside their code: YAML that declares teams, services,
classes of changes, review policies and the thresholds of signals.

A file is taken whole or not at all: what is wrong in it is told with its line, and nothing of it is read.
``docs/catalogue.md`` describes the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec
from pydantic import ValidationError

from pipeline.core.events import (
    ClassDeclared,
    Event,
    InvalidEvent,
    ObjectiveDeclared,
    PolicyDeclared,
    ServiceDeclared,
    TeamDeclared,
    ThresholdSet,
)
from pipeline.sources.catalogue_events import (
    class_event,
    objective_event,
    policy_event,
    service_event,
    team_event,
    threshold_event,
)
from pipeline.sources.catalogue_mistakes import mistakes_of
from pipeline.sources.catalogue_models import in_order
from pipeline.sources.catalogue_rules import WrittenCatalogue
from pipeline.sources.lines import UnreadableFile
from pipeline.sources.person_fields import PersonToken, token_of
from pipeline.sources.public_holidays import day_number, public_holidays
from pipeline.sources.teams import completed
from pipeline.sources.yaml_text import BadYaml, Document, documents

FILE_BYTES_MAX = 1 << 20
#: so many mistakes of a file are told at once
MISTAKES_TOLD_MAX = 10

Declared: TypeAlias = (
    TeamDeclared | ServiceDeclared | ObjectiveDeclared | ClassDeclared | PolicyDeclared | ThresholdSet
)
#: how the records are called in ids and messages; and several of them
KINDS: dict[type[Declared], str] = {
    TeamDeclared: "team",
    ServiceDeclared: "service",
    ObjectiveDeclared: "objective",
    ClassDeclared: "class",
    PolicyDeclared: "policy",
    ThresholdSet: "signal",
}
SECTIONS = {
    "team": "teams",
    "service": "services",
    "objective": "objectives",
    "class": "classes",
    "policy": "policies",
    "signal": "signals",
}


class CatalogueRefused(ValueError):
    """Something in a file is wrong: ``mistakes`` say what, each with file, line and place."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__(mistakes[0])
        self.mistakes = mistakes


class Entry(NamedTuple):
    """One entry of a file. ``event`` has no id and no time yet, and its members are logins."""

    #: file and line
    place: str
    event: Declared
    #: from when it holds, microseconds UTC; ``None``: from now on
    valid_from: int | None
    #: it is taken back
    removed: bool

    @property
    def kind(self) -> str:
        """team, service, objective, class, policy or signal."""
        return KINDS[type(self.event)]

    @property
    def name(self) -> str:
        """Name of what is declared; of an objective its key."""
        return name_of(self.event)


class Catalogue(NamedTuple):
    """What one file says, and what its writer should know."""

    entries: list[Entry]
    notes: list[str]


def name_of(event: Declared) -> str:
    """Name of what is declared."""
    name: str = getattr(event, event.key_field)
    return name


def aliases_of(event: Event) -> list[str]:
    """The other names of a team or a service."""
    return event.aliases if isinstance(event, TeamDeclared | ServiceDeclared) else []


def read_catalogue(file: Path) -> Catalogue:
    """Read one file; raises ``CatalogueRefused``, or ``UnreadableFile`` when it can't even be opened."""
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableFile(f"{file}: {error.strerror or error}") from None
    if len(content) > FILE_BYTES_MAX:
        raise CatalogueRefused([f"{file}: longer than {FILE_BYTES_MAX:,} bytes: split it into several files"])
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogueRefused([f"{file}:{line}: no UTF-8: save the file in this encoding"]) from None
    return parse_catalogue(text, str(file))


def parse_catalogue(text: str, name: str) -> Catalogue:
    """What a text says; ``name`` is its file's, for messages. Raises ``CatalogueRefused``."""
    entries: list[Entry] = []
    notes: dict[str, None] = {}
    mistakes: list[str] = []
    try:
        for document in documents(text):
            if document.value is None:
                continue
            try:
                written = WrittenCatalogue.model_validate(document.value)
            except ValidationError as error:
                mistakes += mistakes_of(error, document, name)
                continue
            entries += _entries(written, document, name, mistakes)
            notes |= dict.fromkeys(_notes(written, name))
    except BadYaml as error:
        mistakes.append(f"{name}:{error.line}: {error}")
    if not mistakes and not entries:
        # objectives stand with their services
        *sections, last = (f"{section}:" for name, section in SECTIONS.items() if name != "objective")
        told = f"{', '.join(sections)} or {last}"
        mistakes.append(f"{name}: it declares nothing: write {told}, and names below it")
    if mistakes:
        raise CatalogueRefused(mistakes)
    return Catalogue(entries, list(notes))


def declared(entry: Entry, person_token: PersonToken) -> Declared:
    """The event of an entry with tokens for its members, in an order that says nothing."""
    event = entry.event
    if isinstance(event, TeamDeclared):
        tokens = in_order(token_of(login, person_token) for login in event.members)
        return msgspec.structs.replace(event, members=tokens)
    return event


def refuse_contradictions(entries: Iterable[Entry]) -> None:
    """Refuse entries of which it can't be said which is meant; raises ``CatalogueRefused``.

    Two of one name and time, one that is taken back and declared at once, a name that two claim.
    """
    mistakes: list[str] = []
    entries = list(entries)
    seen: dict[tuple[str, str, int | None], Entry] = {}
    removed: dict[tuple[str, str], Entry] = {
        (entry.kind, entry.name): entry for entry in entries if entry.removed
    }
    for entry in entries:
        other = removed.get((entry.kind, entry.name), entry)
        if other is entry:
            other = seen.setdefault((entry.kind, entry.name, entry.valid_from), entry)
        if other is not entry:
            mistakes.append(
                f"{entry.place}: the {entry.kind} {entry.name} stands at {other.place} already: keep one,"
                " or give them different valid_from"
            )
    claimed: dict[tuple[str, str, int | None], Entry] = {}
    for entry in entries:
        for alias in aliases_of(entry.event):
            key = (entry.kind, alias, entry.valid_from)
            named = seen.get(key)
            # what is taken back claims no name
            other = named if named and not named.removed else claimed.setdefault(key, entry)
            if other.name != entry.name:
                mistakes.append(
                    f"{entry.place}: the alias {alias} of {entry.name} is a name of {other.name}"
                    f" ({other.place}), too: keep one"
                )
    if mistakes:
        raise CatalogueRefused(mistakes)


def _entries(
    written: WrittenCatalogue, document: Document, name: str, mistakes: list[str]
) -> Iterator[Entry]:
    for key, team in written.teams.items():
        place = f"{name}:{document.line(('teams', key))}"
        try:
            event = completed(team_event(key, team))
        except InvalidEvent as error:
            mistakes.append(f"{place}: teams.{key}: {error}")
            continue
        yield Entry(place, event, written.valid_from, team.removed)
    for key, service in written.services.items():
        place = f"{name}:{document.line(('services', key))}"
        yield Entry(place, service_event(key, service), written.valid_from, service.removed)
        for slo, promised in service.slos.items():
            place = f"{name}:{document.line(('services', key, 'slos', slo))}"
            yield Entry(place, objective_event(key, slo, promised), written.valid_from, promised.removed)
    for key, kind in written.classes.items():
        place = f"{name}:{document.line(('classes', key))}"
        yield Entry(place, class_event(key, kind), written.valid_from, kind.removed)
    for key, policy in written.policies.items():
        place = f"{name}:{document.line(('policies', key))}"
        yield Entry(place, policy_event(key, policy), written.valid_from, policy.removed)
    for key, signal in written.signals.items():
        place = f"{name}:{document.line(('signals', key))}"
        yield Entry(place, threshold_event(key, signal), written.valid_from, signal.removed)


def _notes(written: WrittenCatalogue, name: str) -> Iterator[str]:
    for team, entry in written.teams.items():
        free = entry.holidays
        if not free.country:
            continue
        known = public_holidays(free.country, free.subdivision)
        if known.gaps:
            yield f"{name}: holidays of {free.country}: {known.gaps} Write others under dates."
        for day in free.without:
            if day_number(day) not in known.days and day not in free.dates:
                yield f"{name}: teams.{team}.holidays.except: {day} is no holiday there: it says nothing"

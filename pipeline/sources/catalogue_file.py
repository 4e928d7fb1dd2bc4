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
    PolicyDeclared,
    ServiceDeclared,
    TeamDeclared,
    ThresholdSet,
)
from pipeline.sources.catalogue_mistakes import mistakes_of
from pipeline.sources.catalogue_models import (
    WrittenService,
    WrittenTeam,
    in_order,
)
from pipeline.sources.catalogue_rules import WrittenCatalogue, WrittenClass, WrittenPolicy
from pipeline.sources.lines import UnreadableFile
from pipeline.sources.person_fields import PersonToken, token_of
from pipeline.sources.public_holidays import day_number, public_holidays
from pipeline.sources.teams import completed
from pipeline.sources.yaml_text import BadYaml, Document, documents

PARSER_VERSION = 1
FILE_BYTES_MAX = 1 << 20
#: so many mistakes of a file are told at once
MISTAKES_TOLD_MAX = 10

#: source of the events, and first word of their ids
SOURCE = "catalogue"
Declared: TypeAlias = TeamDeclared | ServiceDeclared | ClassDeclared | PolicyDeclared | ThresholdSet
#: how the records are called in ids and messages; and several of them, which is their key in a file
KINDS: dict[type[Declared], str] = {
    TeamDeclared: "team",
    ServiceDeclared: "service",
    ClassDeclared: "class",
    PolicyDeclared: "policy",
    ThresholdSet: "signal",
}
SECTIONS = {
    "team": "teams",
    "service": "services",
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
        """team, service, class, policy or signal."""
        return KINDS[type(self.event)]

    @property
    def name(self) -> str:
        """Name of what is declared."""
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
        *sections, last = (f"{section}:" for section in SECTIONS.values())
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
            event = completed(_team(key, team))
        except InvalidEvent as error:
            mistakes.append(f"{place}: teams.{key}: {error}")
            continue
        yield Entry(place, event, written.valid_from, team.removed)
    for key, service in written.services.items():
        place = f"{name}:{document.line(('services', key))}"
        yield Entry(place, _service(key, service), written.valid_from, service.removed)
    for key, kind in written.classes.items():
        place = f"{name}:{document.line(('classes', key))}"
        yield Entry(place, _class(key, kind), written.valid_from, kind.removed)
    for key, policy in written.policies.items():
        place = f"{name}:{document.line(('policies', key))}"
        yield Entry(place, _policy(key, policy), written.valid_from, policy.removed)
    for key, signal in written.signals.items():
        place = f"{name}:{document.line(('signals', key))}"
        limits = (signal.opens_from, signal.closes_below, signal.cases_min, signal.within, signal.off)
        yield Entry(place, ThresholdSet(*_HEAD, key, *limits), written.valid_from, signal.removed)


#: the envelope of an event whose id and time are not known yet
_HEAD = ("", SOURCE, 0, 0, True, 0, PARSER_VERSION, False, 0)


def _team(name: str, written: WrittenTeam) -> TeamDeclared:
    return TeamDeclared(
        *_HEAD,
        team=name,
        members=in_order(written.members),
        aliases=in_order(written.aliases),
        zone=written.zone,
        days=written.hours.days,
        opens_minute=written.hours.opens,
        closes_minute=written.hours.closes,
        holidays=written.holidays.days(),
        response_minutes=written.respond_within,
    )


def _service(name: str, written: WrittenService) -> ServiceDeclared:
    return ServiceDeclared(
        *_HEAD,
        service=name,
        team=written.team,
        tier=written.tier,
        repositories=in_order(written.repositories),
        paths=in_order(written.paths),
        depends_on=in_order(written.depends_on),
        aliases=in_order(written.aliases),
    )


def _class(name: str, written: WrittenClass) -> ClassDeclared:
    return ClassDeclared(
        *_HEAD, change_class=name, paths=in_order(written.paths), labels=in_order(written.labels)
    )


def _policy(name: str, written: WrittenPolicy) -> PolicyDeclared:
    return PolicyDeclared(
        *_HEAD,
        policy=name,
        classes=in_order(written.classes),
        tiers=in_order(written.tiers),
        approvals=written.approvals,
        roles=in_order(written.roles),
        sections=in_order(written.sections),
        owner_approval=written.owners,
        retro_review_minutes=written.retro_review_within,
    )


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

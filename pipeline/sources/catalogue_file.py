"""A catalogue as people keep it beside their code: YAML that declares teams and services.

A file is taken whole or not at all: what is wrong in it is told with its line, and nothing of it is read.
``docs/catalogue.md`` describes the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
from pydantic import ValidationError

from pipeline.core.events import InvalidEvent, ObjectiveDeclared, ServiceDeclared, TeamDeclared
from pipeline.core.grouping import PRODUCTION
from pipeline.sources.catalogue_models import (
    Written,
    WrittenCatalogue,
    WrittenHolidays,
    WrittenHours,
    WrittenObjective,
    WrittenService,
    WrittenTeam,
    in_order,
)
from pipeline.sources.expressions import near
from pipeline.sources.lines import UnreadableFile
from pipeline.sources.person_fields import PersonToken, token_of
from pipeline.sources.public_holidays import day_number, public_holidays
from pipeline.sources.teams import completed
from pipeline.sources.yaml_text import BadYaml, Document, Place, documents

PARSER_VERSION = 1
FILE_BYTES_MAX = 1 << 20
#: so many mistakes of a file are told at once
MISTAKES_TOLD_MAX = 10

#: source of the events, and first word of their ids
SOURCE = "catalogue"
Declared: TypeAlias = TeamDeclared | ServiceDeclared | ObjectiveDeclared
#: how the records are called in ids and messages
KINDS: dict[type[Declared], str] = {
    TeamDeclared: "team",
    ServiceDeclared: "service",
    ObjectiveDeclared: "objective",
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
        """team, service or objective."""
        return KINDS[type(self.event)]

    @property
    def name(self) -> str:
        """Name of the team or service, key of the objective."""
        return name_of(self.event)


class Catalogue(NamedTuple):
    """What one file says, and what its writer should know."""

    entries: list[Entry]
    notes: list[str]


def name_of(event: Declared) -> str:
    """Name of the team or service that is declared, key of the objective."""
    if isinstance(event, ObjectiveDeclared):
        return event.objective
    return event.team if isinstance(event, TeamDeclared) else event.service


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
                mistakes += _mistakes(error, document, name)
                continue
            entries += _entries(written, document, name, mistakes)
            notes |= dict.fromkeys(_notes(written, name))
    except BadYaml as error:
        mistakes.append(f"{name}:{error.line}: {error}")
    if not mistakes and not entries:
        mistakes.append(f"{name}: it declares nothing: write teams: or services:, and names below it")
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
        for alias in getattr(entry.event, "aliases", ()):
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
        for slo, promised in service.slos.items():
            place = f"{name}:{document.line(('services', key, 'slos', slo))}"
            yield Entry(place, _objective(key, slo, promised), written.valid_from, promised.removed)


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


def _objective(service: str, slo: str, written: WrittenObjective) -> ObjectiveDeclared:
    environment = written.environment or PRODUCTION
    return ObjectiveDeclared(
        *_HEAD,
        objective=f"{service} {environment} {slo}",
        slo=slo,
        service=service,
        environment=environment,
        target_ppm=written.target,
        period_days=written.period,
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


#: where a model stands in a document, names of entries as ``*``
_MODELS: dict[tuple[str, ...], type[Written]] = {
    (): WrittenCatalogue,
    ("teams", "*"): WrittenTeam,
    ("teams", "*", "hours"): WrittenHours,
    ("teams", "*", "holidays"): WrittenHolidays,
    ("services", "*"): WrittenService,
    ("services", "*", "slos", "*"): WrittenObjective,
}
#: kind of a mistake in pydantic's words -> ours; what is missing here speaks for itself
_WORDS = {
    "list_type": "write a list, as in [a, b]",
    "dict_type": "write names, and what they mean below each",
    "model_type": "write keys and their values",
    "model_attributes_type": "write keys and their values",
    "string_type": "write a text",
    "int_parsing": "write a whole number",
    "bool_parsing": "write true or false",
    "too_long": "{actual_length} of them, at most {max_length} are read",
    "greater_than_equal": "{ge} or more is meant",
    "less_than_equal": "{le} or less is meant",
}


def _mistakes(error: ValidationError, document: Document, name: str) -> Iterator[str]:
    for found in error.errors(include_url=False):
        place = tuple(part for part in found["loc"] if part != "[key]")
        shown = ".".join(map(str, place)) or "the document"
        yield f"{name}:{document.line(place)}: {shown[:200]}: {_reason(found, place)}"


def _reason(found: Any, place: Place) -> str:
    if found["type"] == "extra_forbidden":
        above = place[:-1]
        shape = tuple("*" if depth % 2 else str(part) for depth, part in enumerate(above))
        return f"unknown: {near(str(place[-1]), _MODELS[shape].known_keys())}"
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    words = _WORDS.get(found["type"])
    return str(found["msg"]) if words is None else words.format(**found.get("ctx", {}))

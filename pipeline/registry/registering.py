"""Making the shipped schemas known to a registry: by record name, compatible in both directions for good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline import resources
from pipeline.codec.schemas import EVENTS, FACTS, ParsedSchema, load_schemas, parse_schema
from pipeline.registry.client import COMPATIBILITY, Refused, Registry

HISTORY = "history"


class SchemaRefused(ValueError):
    """A registry does not take a schema: ``subject``, ``file`` and the registry's ``reason``."""

    def __init__(self, subject: str, file: Path, reason: str) -> None:
        super().__init__(f"the registry refuses {file} as a version of {subject}: {reason}")
        self.subject = subject
        self.file = file
        self.reason = reason


class Registered(NamedTuple):
    """What was done for one record."""

    subject: str
    #: what its values are written under
    id: int
    #: how many versions the subject got
    added: int


class _Filed(NamedTuple):
    path: Path
    schema: ParsedSchema


def subject_of(schema: ParsedSchema) -> str:
    """The subject of a record: its full name, whatever topic it is on."""
    return f"{schema.document['namespace']}.{schema.record}"


def text_of(schema: ParsedSchema) -> str:
    """A schema as it is registered: registries compare texts, so it always is the same one."""
    return json.dumps(schema.document, ensure_ascii=False, separators=(",", ":"))


def register(registry: Registry, directory: Path | None = None) -> list[Registered]:
    """Register all schemas of events and facts; what is registered already stays as it is.

    Each subject promises full compatibility before it gets its first version, and gets a record's former
    schemas before the current one. ``directory`` holds the schemas, by default those that travel with the
    code. Raises ``SchemaRefused`` for the first that the registry does not take.
    """
    taken = _content_ids(directory)
    done = []
    for subject, (former, current) in _by_subject(directory):
        if registry.compatibility(subject) != COMPATIBILITY:
            registry.promise(subject)
        number, added = registry.find(subject, text_of(current.schema)), 0
        if number is None:
            there = {schema.id for _, schema in registered_versions(registry, subject)}
            missing = [filed for filed in former if filed.schema.id not in there]
            for filed in missing:
                _add(registry, subject, filed, taken)
            number, added = _add(registry, subject, current, taken), len(missing) + 1
        done.append(Registered(subject, number, added))
    return done


def differences(registry: Registry, directory: Path | None = None) -> list[str]:
    """What is not as ``register`` leaves it, one line for each."""
    wrong = []
    for subject, (_, current) in _by_subject(directory):
        if registry.find(subject, text_of(current.schema)) is None:
            wrong.append(f"{subject}: {current.path.name} is not registered")
        if (promised := registry.compatibility(subject)) != COMPATIBILITY:
            wrong.append(f"{subject}: compatibility is {promised or 'not set'}, not {COMPATIBILITY}")
    return wrong


def registered_versions(registry: Registry, subject: str) -> list[tuple[int, ParsedSchema]]:
    """The readable versions of a subject with their ids, oldest first."""
    found = []
    for number in registry.versions(subject):
        version = registry.version(subject, number)
        if version is None:
            continue
        try:
            found.append((version[0], parse_schema(version[1])))
        except ValueError:  # somebody else's, and of no use to us
            continue
    return found


def _add(registry: Registry, subject: str, filed: _Filed, taken: dict[int, ParsedSchema]) -> int:
    try:
        number = registry.add(subject, text_of(filed.schema))
    except Refused as error:
        raise SchemaRefused(subject, filed.path, str(error)) from error
    if number in taken and taken[number].id != filed.schema.id:
        raise SchemaRefused(
            subject,
            filed.path,
            f"it got the id {number}, which means another schema in logs without a registry;"
            " register anything else once, so that the registry counts on, and try again",
        )
    return number


def _by_subject(directory: Path | None) -> Iterator[tuple[str, tuple[list[_Filed], _Filed]]]:
    """Each subject with the former schemas of its record, oldest first, and the current one."""
    root = resources.schemas() if directory is None else directory
    for kind in (EVENTS, FACTS):
        former: dict[str, list[_Filed]] = {}
        for filed in map(_filed, sorted((root / kind / HISTORY).glob("*.avsc"))):
            former.setdefault(filed.schema.record, []).append(filed)
        for current in map(_filed, sorted((root / kind).glob("*.avsc"))):
            # files don't say which came first; a record mostly grows
            known = sorted(former.get(current.schema.record, ()), key=lambda one: len(one.schema.fields))
            yield subject_of(current.schema), (known, current)


def _filed(path: Path) -> _Filed:
    return _Filed(path, parse_schema(path.read_text(encoding="utf-8")))


def _content_ids(directory: Path | None) -> dict[int, ParsedSchema]:
    root = resources.schemas() if directory is None else directory
    return load_schemas(root / EVENTS) | load_schemas(root / FACTS)

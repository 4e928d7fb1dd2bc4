"""Any other JSON: a YAML file says which documents become which event, and where its values stand.

A mapping is a list of rules. A rule names the record that it makes, a condition (``when``), perhaps an
array to make one event of each item of (``for_each``), and values (``mapped_values``) for the natural
``id``, the ``time`` and the fields. Their expressions (``expressions``) see ``body`` (the document),
``headers`` and, with ``for_each``, ``item``. Everything is checked when the mapping is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import yaml

from pipeline.core.events import RECORDS, Event, InvalidEvent
from pipeline.sources.deliveries import Delivery, Reader, Reading, decoded, envelope, nothing_read
from pipeline.sources.expressions import Context, MappingError, Value, expression, near
from pipeline.sources.mapped_values import KINDS, Kind, value
from pipeline.sources.objectives import sensible
from pipeline.sources.person_fields import (
    OWNER_LISTS,
    PERSON_FIELDS,
    PERSON_LISTS,
    PersonToken,
    owners_of,
    token_of,
)
from pipeline.sources.teams import InvalidTeam, completed

PARSER_VERSION = 1
MAPPING_BYTES_MAX = 256 * 1024
RULES_MAX = 100
ITEMS_MAX = 1_000
EVENTS_MAX = 10_000

#: records that a mapping may make: only the receiver itself tells the time
MAPPABLE = {name: struct for name, struct in RECORDS.items() if name != "clock_ticked"}

_RULE_KEYS = frozenset({"name", "when", "for_each", "event", "id", "time", "version", "fields"})
_FILE_KEYS = frozenset({"source", "revision", "rules"})
REVISION_MAX = 1_000_000
_ENVELOPE = frozenset(Event.__struct_fields__)
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_body = msgspec.json.Decoder()


class Rule(NamedTuple):
    """One rule, checked."""

    name: str
    struct: type[Event]
    when: Value | None
    for_each: Value | None
    id: Value
    time: Value
    version: Value | None
    fields: dict[str, Value]


class Mapping(NamedTuple):
    """The rules of one file; ``source`` is that of the events it makes.

    Of two tellings of one event, that of the higher ``revision`` wins.
    """

    name: str
    source: str
    rules: tuple[Rule, ...]
    revision: int = 0


def load_mapping(text: str, name: str) -> Mapping:
    """A mapping from its YAML; ``name`` is its file's, for messages.

    Raises ``MappingError`` with the file, the rule, the place, and what to write instead.
    """
    if len(text.encode(errors="replace")) > MAPPING_BYTES_MAX:
        raise MappingError(f"{name}: longer than {MAPPING_BYTES_MAX} bytes: split it into several mappings")
    try:
        _check_keys_once(yaml.compose(text, Loader=yaml.SafeLoader), name)
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MappingError(f"{name}: no YAML: {' '.join(str(error).split())}") from None
    except (RecursionError, ValueError, TypeError) as error:
        if isinstance(error, MappingError):
            raise
        raise MappingError(f"{name}: no YAML that a mapping can be: {error}") from None
    if not isinstance(told, dict) or not isinstance(told.get("rules"), list) or not told["rules"]:
        raise MappingError(f"{name}: write `rules:` and below it a list of rules, each beginning with a dash")
    _check_names(told, _FILE_KEYS, name)
    if len(told["rules"]) > RULES_MAX:
        raise MappingError(f"{name}: {len(told['rules'])} rules, at most {RULES_MAX} are read")
    source = told.get("source", name.rpartition("/")[2].partition(".")[0])
    if not isinstance(source, str) or not _SOURCE.fullmatch(source):
        raise MappingError(f"{name}: source: write a name of letters, digits and . _ / -")
    rules = tuple(_rule(rule, f"{name}: rule {place}") for place, rule in enumerate(told["rules"], 1))
    revision = told.get("revision", 0)
    if type(revision) is not int or not 0 <= revision <= REVISION_MAX:
        raise MappingError(f"{name}: revision: write a number from 0 to {REVISION_MAX:,}")
    return Mapping(name, source, rules, revision)


def parse(delivery: Delivery, reader: Reader) -> Reading:
    """What the mapping named like the delivery's source makes of it.

    Events that could not be made are told with their reasons; raises ``InvalidEvent`` when none could.
    """
    mapping = reader.mappings.get(delivery.source)
    if not isinstance(mapping, Mapping):
        raise InvalidEvent(f"no mapping is loaded for the source {delivery.source[:80]!r}")
    document = {"body": decoded(_body, delivery.body), "headers": dict(delivery.headers)}
    events: list[Event] = []
    refused: list[str] = []
    for rule in mapping.rules:
        try:
            for place, context in _contexts(rule, document, delivery.received_at):
                if len(events) + len(refused) >= EVENTS_MAX:
                    raise InvalidEvent(f"more than {EVENTS_MAX} events in one delivery")
                try:
                    if rule.when is None or _holds(rule.when(context)):
                        events.append(_event(rule, context, delivery, mapping, reader.person_token))
                except InvalidEvent as error:
                    refused.append(f"{mapping.name}: {rule.name}{place}: {error}")
        except InvalidEvent as error:
            refused.append(f"{mapping.name}: {rule.name}: {error}")
    if refused and not events:
        raise nothing_read(refused)
    return Reading(events, "" if events else "no rule matches", refused)


def _rule(told: object, where: str) -> Rule:
    if not isinstance(told, dict):
        raise MappingError(f"{where}: write `event`, `id`, `time` and `fields`")
    name = str(told.get("name", where.rpartition(": ")[2]))
    if "name" in told:
        where = f"{where} ({name})"
    _check_names(told, _RULE_KEYS, where)
    record, fields = told.get("event"), told.get("fields")
    if not isinstance(record, str) or record not in MAPPABLE:
        raise MappingError(f"{where}: event: no record {record!r}: {near(str(record), MAPPABLE)}")
    for needed in ("id", "time"):
        if needed not in told:
            raise MappingError(f"{where}: {needed}: missing: each event needs one")
    struct = MAPPABLE[record]
    if not isinstance(fields, dict) or struct.key_field not in fields:
        raise MappingError(f"{where}: fields.{struct.key_field}: missing: it is the key of each {record}")
    kinds = _kinds(struct)
    for field in fields:
        if field not in kinds:
            raise MappingError(
                f"{where}: fields.{field}: {record} has no such field: {near(str(field), kinds)}"
            )
    return Rule(
        name,
        struct,
        expression(told["when"], f"{where}: when") if "when" in told else None,
        expression(told["for_each"], f"{where}: for_each") if "for_each" in told else None,
        value(told["id"], "text", f"{where}: id"),
        value(told["time"], "time", f"{where}: time"),
        value(told["version"], "version", f"{where}: version") if "version" in told else None,
        {field: value(how, kinds[field], f"{where}: fields.{field}") for field, how in fields.items()},
    )


def _kinds(struct: type[Event]) -> dict[str, Kind]:
    """What each field of a record takes, by its name."""
    return {
        field.name: "time" if field.name.endswith("_at") else KINDS[field.type]
        for field in msgspec.structs.fields(struct)
        if field.name not in _ENVELOPE
    }


def _check_names(told: dict[Any, Any], names: frozenset[str], where: str) -> None:
    for name in told:
        if name not in names:
            raise MappingError(f"{where}: {name}: unknown: {near(str(name), names)}")


def _check_keys_once(root: yaml.Node | None, name: str) -> None:
    """YAML takes the last of two equal keys, and says nothing."""
    left, seen = [root], set()
    while left:
        node = left.pop()
        # an alias is the same node again
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, inner in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        line = key.start_mark.line + 1
                        raise MappingError(f"{name}: line {line}: {key.value}: written twice, keep one")
                    keys.add(key.value)
                left.extend((key, inner))


def _contexts(rule: Rule, document: dict[str, Any], received_at: int) -> Iterator[tuple[str, Context]]:
    """The document once, or once for each item, with the item's place."""
    context = Context(document, received_at)
    if rule.for_each is None:
        yield "", context
        return
    items = rule.for_each(context)
    if items is None:
        return
    if not isinstance(items, list):
        raise InvalidEvent("for_each: the expression gives no array")
    if len(items) > ITEMS_MAX:
        raise InvalidEvent(f"for_each: {len(items)} items, at most {ITEMS_MAX} are read")
    for place, item in enumerate(items):
        yield f"[{place}]", Context({**document, "item": item}, received_at)


def _holds(found: Any) -> bool:
    """JMESPath's idea of truth: zero is true, what is empty is not."""
    return found is not None and found is not False and found not in ("", [], {})


def _event(
    rule: Rule, context: Context, delivery: Delivery, mapping: Mapping, person_token: PersonToken
) -> Event:
    fields: dict[str, Any] = {}
    for name, how in rule.fields.items():
        found = _found(how, context, f"fields.{name}")
        if found is None:
            continue
        if name in PERSON_FIELDS:
            found = token_of(found.removeprefix("@"), person_token)
        elif name in PERSON_LISTS:
            found = [token_of(person.removeprefix("@"), person_token) for person in found]
        elif name in OWNER_LISTS:
            found = owners_of(found, person_token)
        fields[name] = found
    if not fields.get(rule.struct.key_field):
        raise InvalidEvent(f"fields.{rule.struct.key_field}: nothing found, and it is the event's key")
    identifier, time = _found(rule.id, context, "id"), _found(rule.time, context, "time")
    if not identifier:
        raise InvalidEvent("id: nothing found")
    if time is None:
        raise InvalidEvent("time: nothing found")
    version = None if rule.version is None else _found(rule.version, context, "version")
    head = envelope(
        delivery,
        id=identifier,
        source=mapping.source,
        time=time,
        parser_version=PARSER_VERSION + mapping.revision,
        source_version=version or 0,
    )
    made: Callable[..., Event] = rule.struct
    try:
        return sensible(completed(made(**head, **fields)))
    except InvalidTeam as error:
        raise InvalidEvent(f"fields.{error}") from None


def _found(how: Value, context: Context, where: str) -> Any:
    try:
        return how(context)
    except InvalidEvent as error:
        raise InvalidEvent(f"{where}: {error}") from None

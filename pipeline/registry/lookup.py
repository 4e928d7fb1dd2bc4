"""What a worker knows of a registry: the ids that it writes under, and every schema that it meets.

Two kinds of ids stand in front of values: those that follow from a schema's content, in a log that has no
registry, and those that a registry counts. Both are read, the first ones first, so a log that was copied
into a cluster stays readable; ``register`` sees to it that no number means two schemas.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.codec.schemas import EVENTS, ParsedSchema, current_schemas, parse_schema, shipped_schemas
from pipeline.registry.client import Registry, RegistryUnavailable
from pipeline.registry.registering import registered_versions, subject_of, text_of

#: schemas that were met and are remembered
LEARNED_MAX = 1_000
#: ids behind which there is no schema of ours; after this time the registry is asked again
STRANGE_MAX = 10_000
STRANGE_SECONDS = 60.0
#: so many of them are asked for in that time: bytes that are no values could name millions. Others are
#: taken for unknown unasked, so that their values are kept and read again later.
STRANGE_ASKED_MAX = 500
#: registries count in signed integers of four bytes
ID_MAX = 2**31 - 1


class NotRegistered(RegistryUnavailable):
    """A registry does not know the schemas that this version writes; somebody may be about to tell it."""


class KnownSchemas(Mapping[int, ParsedSchema]):
    """Schema by id: the shipped ones, and those of the registry, which is asked once for each.

    Looking up raises ``KeyError`` for what the registry says is none of ours, and ``RegistryUnavailable``
    when it says nothing, or has forgotten what this version writes: trouble never makes a value unknown. May
    be used by several threads.
    """

    def __init__(
        self, registry: Registry, shipped: Mapping[int, ParsedSchema], written: Mapping[int, ParsedSchema]
    ) -> None:
        """``shipped`` are known by their content, ``written`` are this version's own by registered id."""
        self._registry = registry
        self._written = written
        self._fixed = {**written, **shipped}
        self._namespaces = {schema.document["namespace"] for schema in shipped.values()}
        self._learned: OrderedDict[int, ParsedSchema] = OrderedDict()
        #: id -> when it was asked for
        self._strange: OrderedDict[int, float] = OrderedDict()
        self._asked: list[float] = []
        self._confirmed = -STRANGE_SECONDS
        self._lock = threading.Lock()

    def __getitem__(self, number: int) -> ParsedSchema:
        known = self._fixed.get(number) or self._learned.get(number)
        return known or self._learn(number)

    def __iter__(self) -> Iterator[int]:
        yield from self._fixed
        yield from list(self._learned)

    def __len__(self) -> int:
        return len(self._fixed) + len(self._learned)

    def _learn(self, number: int) -> ParsedSchema:
        with self._lock:
            if number in self._learned:
                return self._learned[number]
            if number > ID_MAX or self._is_strange(number):
                raise KeyError(number)
            schema = self._fetched(number)
            if schema is None:
                self._confirm()
                self._remember_strange(number)
                raise KeyError(number)
            self._learned[number] = schema
            while len(self._learned) > LEARNED_MAX:
                self._learned.popitem(last=False)
            return schema

    def _fetched(self, number: int) -> ParsedSchema | None:
        text = self._registry.schema(number)
        if text is None:
            return None
        try:
            schema = parse_schema(text)
        except ValueError:
            return None
        # a registry is shared: others' records may have the names of ours
        return schema if schema.document.get("namespace") in self._namespaces else None

    def _confirm(self) -> None:
        """Whether the registry still knows us: one that lost what it had says of every id that it isn't."""
        now = time.monotonic()
        if not self._written or now - self._confirmed < STRANGE_SECONDS:
            return
        number, schema = next(iter(self._written.items()))
        found = self._fetched(number)
        if found is None or (found.record, found.id) != (schema.record, schema.id):
            raise RegistryUnavailable(
                f"{self._registry} no longer knows {number} as {subject_of(schema)}: it lost its schemas, or"
                " counts them anew; restore it from a backup"
            )
        self._confirmed = now

    def _is_strange(self, number: int) -> bool:
        now = time.monotonic()
        while self._asked and now - self._asked[0] > STRANGE_SECONDS:
            self._asked.pop(0)
        asked = self._strange.get(number)
        if asked is not None and now - asked <= STRANGE_SECONDS:
            return True
        return len(self._asked) >= STRANGE_ASKED_MAX

    def _remember_strange(self, number: int) -> None:
        now = time.monotonic()
        self._strange.pop(number, None)
        self._strange[number] = now
        self._asked.append(now)
        while len(self._strange) > STRANGE_MAX:
            self._strange.popitem(last=False)


class Known(NamedTuple):
    """What a codec is to be made with."""

    #: record -> id that its values are written under
    ids: Mapping[str, int]
    #: id -> schema that a value was written with
    schemas: Mapping[int, ParsedSchema]


def known(registry: Registry, kind: str = EVENTS) -> Known:
    """The ids and schemas of one kind of records.

    Raises ``NotRegistered`` when the registry does not know what this version writes, and
    ``RegistryUnavailable``.
    """
    shipped = shipped_schemas(kind)
    ids: dict[str, int] = {}
    missing = []
    for record, schema in sorted(current_schemas(kind).items()):
        number = _id_of(registry, schema)
        if number is None:
            missing.append(subject_of(schema))
        elif number in shipped and shipped[number].id != schema.id:
            raise NotRegistered(
                f"{registry} counts {subject_of(schema)} as {number}, which means another schema"
            )
        else:
            ids[record] = number
    if missing:
        raise NotRegistered(
            f"the current schema of {', '.join(missing)} is not in {registry}: run `aftermerge topics create`"
        )
    written = {number: current_schemas(kind)[record] for record, number in ids.items()}
    return Known(ids, KnownSchemas(registry, shipped, written))


def _id_of(registry: Registry, schema: ParsedSchema) -> int | None:
    """The id to write a schema under: that of its very text, else that of the newest with equal bytes."""
    subject = subject_of(schema)
    number = registry.find(subject, text_of(schema))
    if number is None:
        same = [found for found, one in registered_versions(registry, subject) if one.id == schema.id]
        number = same[-1] if same else None
    return number

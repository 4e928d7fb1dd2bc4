"""Events as JSON Lines, one CloudEvent 1.0 a line (structured mode): the public replay format.

``data`` is a CDEvent. What we know beyond CDEvents stands in ``customData.aftermerge``, under the
names of the struct's fields, times as RFC 3339, absent fields left out; where that member is present
it is the whole telling and ``subject.content`` is not read. Without it the event is another
producer's and is understood from ``subject.content`` alone (``sources.cdevents``).

The envelope's own fields are extension attributes: ``workspace``, ``recordedtime`` (when we received
it), ``imported``, ``retracted``, ``sourceversion``, ``parserversion``, ``sequence``. Those at their
default are left out. Numbers that may exceed the 32 bits of a CloudEvents integer are written as
strings. A line without ``recordedtime`` was never received live: it counts as imported, and as
received at its own time; whoever receives it live puts his own time in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec

from pipeline.core.events import RECORD_OF, RECORDS, Event, InvalidEvent
from pipeline.core.vocabulary import CDEVENTS_VERSION, type_of, word_of
from pipeline.sources.cdevents import FOREIGN, Heard, Subject, UnusedEvent, content_of, unused_word
from pipeline.sources.lines import LINE_BYTES_MAX
from pipeline.sources.objectives import InvalidObjective, sensible
from pipeline.sources.person_fields import (
    OWNER_LISTS,
    PERSON_FIELDS,
    PERSON_LISTS,
    PersonToken,
    owners_of,
    token_of,
)
from pipeline.sources.teams import InvalidTeam, completed
from pipeline.sources.times import AwareTime, micros, rfc3339

PARSER_VERSION = 1
T = TypeVar("T")

_INT64_MAX = 2**63 - 1
_INTEGER_CHARACTERS_MAX = 20
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Integer = Annotated[int, msgspec.Meta(ge=-_INT64_MAX - 1, le=_INT64_MAX)]
#: how a struct's annotations are checked at the edge
_EDGE_TYPES: dict[Any, Any] = {int: _Integer, int | None: _Integer | None, list[int]: list[_Integer]}
_ENVELOPE = Event.__struct_fields__


class _Envelope(msgspec.Struct):
    specversion: str
    id: _Text
    source: _Text
    type: str
    subject: _Text
    time: AwareTime
    data: msgspec.Raw
    datacontenttype: str = "application/json"
    workspace: str = ""
    recordedtime: AwareTime | None = None
    imported: bool | None = None
    retracted: bool = False
    sourceversion: _Integer | str = 0
    parserversion: _Integer | str = 0
    sequence: _Integer | str = 0


class _ForeignData(msgspec.Struct):
    subject: Subject


class _Form(NamedTuple):
    """How one record is read: its decoder, and the places of fields that need more than a type."""

    struct: Callable[..., Event]
    decoder: msgspec.json.Decoder[Any]
    times: tuple[tuple[int, str], ...]
    persons: tuple[int, ...]
    person_lists: tuple[int, ...]
    owners: tuple[int, ...]
    defaults: dict[str, Any]


def _form(struct: type[Event]) -> _Form:
    infos = msgspec.structs.fields(struct)[len(_ENVELOPE) + 1 :]
    names = [info.name for info in infos]
    defaults = {
        info.name: info.default_factory() if info.default is msgspec.NODEFAULT else info.default
        for info in infos
    }
    members: list[tuple[str, Any, Any]] = []
    for info in infos:
        kind = (AwareTime | None) if info.name.endswith("_at") else _EDGE_TYPES.get(info.type, info.type)
        members.append((info.name, kind, defaults[info.name]))
    fields = msgspec.defstruct(f"{struct.__name__}Fields", members, forbid_unknown_fields=True)
    custom = msgspec.defstruct("Custom", [("aftermerge", fields | None, None)])
    # other producers put anything into customData
    anything = custom | str | int | float | bool | list[Any] | None
    data = msgspec.defstruct("Data", [("customData", anything, None)])
    return _Form(
        struct=struct,
        decoder=msgspec.json.Decoder(data),
        times=tuple((place, name) for place, name in enumerate(names) if name.endswith("_at")),
        persons=tuple(place for place, name in enumerate(names) if name in PERSON_FIELDS),
        person_lists=tuple(place for place, name in enumerate(names) if name in PERSON_LISTS),
        owners=tuple(place for place, name in enumerate(names) if name in OWNER_LISTS),
        defaults=defaults,
    )


_FORMS = {record: _form(struct) for record, struct in RECORDS.items()}
_envelope_decoder = msgspec.json.Decoder(_Envelope)
_foreign_decoder = msgspec.json.Decoder(_ForeignData)
_encode = msgspec.json.Encoder().encode


def parse_line(line: bytes, *, person_token: PersonToken) -> tuple[str, Event]:
    """The workspace that a line names (``""`` if none) and its event.

    Raises ``InvalidEvent`` with a reason that names the field; ``UnusedEvent`` for what is a good CDEvent
    that nothing is made of. Persons that are no tokens yet become tokens. Whether a time lies in the future
    is for the step that appends to judge.
    """
    if len(line) > LINE_BYTES_MAX:
        raise InvalidEvent(f"the line is longer than {LINE_BYTES_MAX} bytes")
    envelope = _decoded(_envelope_decoder, line, "event")
    if envelope.specversion != "1.0":
        raise InvalidEvent(f"specversion: {envelope.specversion[:20]!r}, this reads CloudEvents '1.0'")
    if not envelope.datacontenttype.partition(";")[0].endswith("json"):
        raise InvalidEvent(f"datacontenttype: {envelope.datacontenttype[:80]!r} is not JSON")
    try:
        word = word_of(envelope.type)
    except InvalidEvent:
        if unused := unused_word(envelope.type):
            raise UnusedEvent(unused) from None
        raise
    form = _FORMS[word.record]
    custom = _decoded(form.decoder, envelope.data, "data").customData
    fields = getattr(custom, "aftermerge", None)
    if fields is None:
        return envelope.workspace, _foreign(envelope, form)
    values = list(msgspec.structs.astuple(fields))
    for place, name in form.times:
        if values[place] is not None:
            values[place] = micros(values[place], f"data.customData.aftermerge.{name}")
    for place in form.persons:
        values[place] = token_of(values[place], person_token)
    for place in form.person_lists:
        values[place] = [token_of(person, person_token) for person in values[place]]
    for place in form.owners:
        values[place] = owners_of(values[place], person_token)
    try:
        told = completed(form.struct(*_head(envelope), envelope.subject, *values))
        return envelope.workspace, sensible(told)
    except (InvalidTeam, InvalidObjective) as error:
        raise InvalidEvent(f"data.customData.aftermerge.{error}") from None


def render(event: Event, workspace: str) -> bytes:
    """One event as one line, without the line's end; ``parse_line`` gives the same event back."""
    record = RECORD_OF[type(event)]
    values = msgspec.structs.astuple(event)[len(_ENVELOPE) :]
    key, name = values[0], type_of(event)
    told = {
        field: rfc3339(value) if field.endswith("_at") else value
        for (field, default), value in zip(_FORMS[record].defaults.items(), values[1:], strict=True)
        if value != default
    }
    time = rfc3339(event.time)
    line: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": name,
        "subject": key,
        "time": time,
        "datacontenttype": "application/json",
        "workspace": workspace,
    }
    if not event.imported or event.received_at != event.time:
        line["recordedtime"] = rfc3339(event.received_at)
    line |= {member: True for member in ("imported", "retracted") if getattr(event, member)}
    for member, number in (
        ("sourceversion", event.source_version),
        ("parserversion", event.parser_version),
        ("sequence", event.sequence),
    ):
        if number:
            line[member] = str(number)
    line["data"] = {
        "context": {
            "specversion": CDEVENTS_VERSION,
            "id": event.id,
            "source": event.source,
            "type": name,
            "timestamp": time,
        },
        "subject": {"id": key, "source": event.source, "content": content_of(event)},
        "customData": {"aftermerge": told},
        "customDataContentType": "application/json",
    }
    return _encode(line)


def _head(envelope: _Envelope) -> tuple[str, str, int, int, bool, int, int, bool, int]:
    """The nine fields of our envelope, in their order."""
    time = micros(envelope.time, "time")
    recorded = envelope.recordedtime
    received_at = time if recorded is None else micros(recorded, "recordedtime")
    imported = recorded is None if envelope.imported is None else envelope.imported
    return (
        envelope.id,
        envelope.source,
        time,
        received_at,
        imported,
        _integer(envelope.sourceversion),
        _integer(envelope.parserversion),
        envelope.retracted,
        _integer(envelope.sequence),
    )


def _foreign(envelope: _Envelope, form: _Form) -> Event:
    word = word_of(envelope.type)
    read = FOREIGN.get(word.record)
    if read is None:
        raise InvalidEvent(
            f"data.customData.aftermerge: missing, and {envelope.type!r} says nothing without it"
        )
    subject = _decoded(_foreign_decoder, envelope.data, "data").subject
    if not subject.id:
        raise InvalidEvent("data.subject.id: empty")
    head = _head(envelope)
    told = read(Heard(word, envelope.source, head[2], subject))
    values = {**form.defaults, **told.fields}
    return form.struct(told.id, *head[1:6], PARSER_VERSION, *head[7:], told.key, *values.values())


def _integer(value: int | str) -> int:
    """A number written as a number or as a string; 0 for another producer's ordering text."""
    if isinstance(value, int):
        return value
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(value) <= _INTEGER_CHARACTERS_MAX):
        return 0
    number = int(value)
    return number if -_INT64_MAX - 1 <= number <= _INT64_MAX else 0


def _decoded(decoder: msgspec.json.Decoder[T], told: bytes | msgspec.Raw, root: str) -> T:
    """A part of a line as a struct; raises ``InvalidEvent`` with the field's place below ``root``."""
    try:
        return decoder.decode(told)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(_reason(error, root)) from None
    except RecursionError:
        raise InvalidEvent(f"{root}: the JSON is nested too deeply") from None


def _reason(error: Exception, root: str) -> str:
    """msgspec's message with the field first: ``data.customData.aftermerge.title: Expected ...``."""
    message, _, path = str(error).partition(" - at `$")
    where = f"{root}{path.removesuffix('`')}"
    return f"{where.removeprefix('event.')}: {message}"

"""Events as CloudEvents JSON Lines, quickly: the same bytes as the public replay format has them.

``pipeline.sources.cloudevents.render`` is the format; it takes any event of any source. A world's events
are simpler (whole seconds, received live, keys without anything to escape), so most of a line is
laid out in advance, and the fields are encoded in one call. The tests compare the two byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple

import msgspec

from pipeline.core import events as e
from pipeline.core.events import RECORDS, Event
from pipeline.core.vocabulary import CDEVENTS_VERSION, TYPES, type_of

_ENVELOPE = len(Event.__struct_fields__)
_SECOND, _DAY_SECONDS = 1_000_000, 86_400
_EPOCH = date(1970, 1, 1).toordinal()

_encode = msgspec.json.Encoder().encode
_values = msgspec.structs.astuple


def _text(value: str) -> str:
    return _encode(value).decode()


def _reference(identifier: str) -> str:
    return f'"repository":{{"id":"{identifier}"}}' if identifier else ""


def _opened(event: Any) -> str:
    return f'"description":{_text(event.title)},{_reference(event.repository)}'


def _of_repository(event: Any) -> str:
    return _reference(event.repository)


def _checked(event: Any) -> str:
    return f'"taskName":"{event.name}","outcome":"{event.outcome}"'


def _packaged(event: Any) -> str:
    return f'"change":{{"id":"{event.sha}"}}'


def _deployed(event: Any) -> str:
    artifact = event.artifact or f"pkg:generic/{event.service}@{event.tag or event.sha or 'unknown'}"
    return f'"environment":{{"id":"{event.environment}"}},"artifactId":"{artifact}"'


def _detected(event: Any) -> str:
    return (
        f'"environment":{{"id":"{event.environment}"}},"description":{_text(event.title)},'
        f'"service":{{"id":"{event.service}"}}'
    )


def _resolved(event: Any) -> str:
    return f'"environment":{{"id":"unknown"}},"service":{{"id":"{event.service}"}}'


#: what CDEvents itself knows of an event, for other readers
_CONTENTS: dict[type[Event], Callable[[Any], str]] = {
    e.ChangeOpened: _opened,
    e.ChangeUpdated: _of_repository,
    e.ChangeMerged: _of_repository,
    e.ChangeAbandoned: _of_repository,
    e.ReviewSubmitted: _of_repository,
    e.CheckFinished: _checked,
    e.ArtifactPackaged: _packaged,
    e.DeploymentFinished: _deployed,
    e.IncidentDetected: _detected,
    e.IncidentResolved: _resolved,
}


class _Form(NamedTuple):
    """How the events of one record are written; ``fields`` leaves out what is at its default."""

    fields: Callable[..., object]
    times: tuple[int, ...]
    #: "" where each event has to say it
    type: str
    content: Callable[[Any], str] | None


def _form(record: str, struct: type[Event]) -> _Form:
    members: list[tuple[str, Any, Any]] = []
    times = []
    for place, info in enumerate(msgspec.structs.fields(struct)[_ENVELOPE + 1 :]):
        default = info.default_factory() if info.default is msgspec.NODEFAULT else info.default
        if info.name.endswith("_at"):
            times.append(place)
        members.append((info.name, Any, default))
    fields = msgspec.defstruct(f"{struct.__name__}Line", members, omit_defaults=True, gc=False)
    name = "" if struct is e.DeploymentFinished else TYPES[record]
    return _Form(fields, tuple(times), name, _CONTENTS.get(struct))


class LineWriter:
    """Turns events into lines; ``workspace`` is the one that the lines name."""

    def __init__(self, workspace: str) -> None:
        self._forms = {struct: _form(record, struct) for record, struct in RECORDS.items()}
        self._middle = (
            f'Z","datacontenttype":"application/json","workspace":{_text(workspace)},"recordedtime":"'
        )
        self._clock = [
            f"T{hour:02}:{minute:02}:{second:02}.000000"
            for hour in range(24)
            for minute in range(60)
            for second in range(60)
        ]
        self._days: dict[int, str] = {}

    def lines(self, events: Iterable[Event]) -> bytes:
        """The events as lines, each with its end."""
        forms, middle, time = self._forms, self._middle, self._time
        found = []
        for event in events:
            values = _values(event)
            form = forms[type(event)]
            fields: Any = values[_ENVELOPE + 1 :]
            if form.times:
                fields = list(fields)
                for place in form.times:
                    if fields[place] is not None:
                        fields[place] = time(fields[place]) + "Z"
            name = form.type or type_of(event)
            content = form.content(event) if form.content is not None else ""
            told = _encode(form.fields(*fields)).decode()
            event_id, source, at, received, key = (
                values[0],
                values[1],
                time(values[2]),
                time(values[3]),
                values[9],
            )
            numbers = '"parserversion":"1",' if values[6] else ""
            if values[8]:
                numbers += f'"sequence":"{values[8]}",'
            # said twice; and a text of more than thirty pieces is put together in a slower way
            what = f'"id":"{event_id}","source":"{source}","type":"{name}"'
            found.append(
                f'{{"specversion":"1.0",{what},"subject":"{key}","time":"{at}{middle}{received}Z",{numbers}'
                f'"data":{{"context":{{"specversion":"{CDEVENTS_VERSION}",{what},"timestamp":"{at}Z"}},'
                f'"subject":{{"id":"{key}","source":"{source}","content":{{{content}}}}},'
                f'"customData":{{"aftermerge":{told}}},"customDataContentType":"application/json"}}}}\n'
            )
        return "".join(found).encode()

    def _time(self, at: int) -> str:
        """A time of whole seconds, without its zone."""
        day, second = divmod(at // _SECOND, _DAY_SECONDS)
        text = self._days.get(day)
        if text is None:
            text = self._days[day] = date.fromordinal(day + _EPOCH).isoformat()
        return text + self._clock[second]

"""The few names and the coarse grid of times that all strategies draw from, and how events are drawn."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from pipeline.core import events as e

E = TypeVar("E", bound=e.Event)

MINUTE = 60 * e.MICROSECONDS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: Monday, 2024-01-01
BEGINNING = int(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC).timestamp()) * e.MICROSECONDS
#: times are multiples of this after the beginning
STEP = 10 * MINUTE
STEPS_MAX = 6 * 24 * 21

INT64_MAX = 2**63 - 1
#: what the edge lets through as a time
TIME_MIN = int(datetime.datetime(1990, 1, 1, tzinfo=datetime.UTC).timestamp()) * e.MICROSECONDS
TIME_MAX = int(datetime.datetime(2263, 1, 1, tzinfo=datetime.UTC).timestamp()) * e.MICROSECONDS - 1

SERVICES = ("api", "web", "billing", "search")
REPOSITORIES = ("acme/api", "acme/shop")
ENVIRONMENTS = ("production", "staging")
BRANCHES = ("main", "")
SOURCES = ("github", "gitops", "ci")
TAGS = ("v1", "v2", "v3", "v4")
NAMES = ("unit", "lint", "smoke")
PATHS = ("web/app", "billing/src", "search/index", "docs", ".")
SHAS = tuple(f"{number:040x}" for number in range(0xA1, 0xA9))
PERSONS = tuple(f"p:{number:016x}" for number in range(1, 5))
TEAMS = ("money", "shop", "acme/search")
NUMBERS = tuple(range(1, 7))
INCIDENTS = ("incident-1", "incident-2", "incident-3")
TITLES = ("", "Fix the total", "Bump rails", 'Revert "Fix the total"')


def times(steps_max: int = STEPS_MAX) -> st.SearchStrategy[int]:
    """Instants on the grid."""
    return st.integers(0, steps_max).map(lambda step: BEGINNING + step * STEP)


def requests() -> st.SearchStrategy[tuple[str, int]]:
    """Repository and number of a request."""
    return st.tuples(st.sampled_from(REPOSITORIES), st.sampled_from(NUMBERS))


def references() -> st.SearchStrategy[str]:
    """Change keys of requests and of direct commits, and bare shas."""
    return st.one_of(
        requests().map(lambda request: f"{request[0]}#{request[1]}"),
        st.builds(lambda repository, sha: f"{repository}@{sha}", of(REPOSITORIES), of(SHAS)),
        of(SHAS),
    )


def of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of these."""
    return st.sampled_from(values)


def maybe(strategy: st.SearchStrategy[Any], absent: Any = None) -> st.SearchStrategy[Any]:
    """Often nothing."""
    return st.one_of(st.just(absent), strategy)


def some(values: Sequence[Any], size: int = 3) -> st.SearchStrategy[list[Any]]:
    """A few of these, each once."""
    return st.lists(of(values), max_size=size, unique=True)


def reference_lists(size: int = 2) -> st.SearchStrategy[list[str]]:
    """A few references, each once."""
    return st.lists(references(), max_size=size, unique=True)


def envelope(identifier: str, source: str, time: int, **more: Any) -> dict[str, Any]:
    """The envelope of an imported event, first telling."""
    return {
        "id": identifier,
        "source": source,
        "time": time,
        "received_at": time,
        "imported": True,
        "source_version": 0,
        "parser_version": 1,
        "retracted": False,
        "sequence": 0,
        **more,
    }


def event_of(
    struct: type[E],
    transition: str,
    fields: dict[str, st.SearchStrategy[Any]],
    sources: Sequence[str] = SOURCES[:1],
) -> st.SearchStrategy[E]:
    """Events whose natural id is source, entity and transition; ``{}`` in it takes a field's value."""

    @st.composite
    def draw_event(draw: st.DrawFn) -> E:
        source, time = draw(of(sources)), draw(times())
        values = {name: draw(strategy) for name, strategy in fields.items()}
        key = values[struct.key_field]
        identifier = f"{source} {key} {transition.format(time=time, **values)}"
        sequence = draw(st.integers(0, 2))
        return struct(**envelope(identifier, source, time, sequence=sequence), **values)

    return draw_event()


def change_of(struct: type[E], transition: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[E]:
    """Events of one request."""
    return requests().flatmap(
        lambda request: event_of(
            struct,
            transition,
            {
                "change": st.just(f"{request[0]}#{request[1]}"),
                "repository": st.just(request[0]),
                "number": st.just(request[1]),
                **fields,
            },
        )
    )


SERVICE: dict[str, st.SearchStrategy[Any]] = {
    "service": maybe(of(SERVICES), ""),
    "environment": maybe(of(ENVIRONMENTS), ""),
}
SIZES = st.integers(0, 500)

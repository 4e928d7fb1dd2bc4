"""The tables agree with the structs, and every column and table says what it holds."""

from __future__ import annotations

import types
import typing

import pytest

from pipeline import resources
from pipeline.codec.blocks import is_time
from pipeline.core.events import RECORDS, Event
from pipeline.core.facts import TABLES
from pipeline.store import Store

_ACCEPTED: dict[object, set[str]] = {
    str: {"String", "LowCardinality(String)"},
    int: {"Int64"},
    float: {"Float64"},
    bool: {"Bool"},
    list[str]: {"Array(String)", "Array(LowCardinality(String))"},
    list[int]: {"Array(Int64)"},
    dict[str, float]: {"Map(LowCardinality(String), Float64)"},
    dict[str, int]: {"Map(LowCardinality(String), Int64)"},
}

_TABLE = (
    "SELECT name, type, comment, default_kind FROM system.columns"
    " WHERE database = currentDatabase() AND table = {t:String} ORDER BY position"
)


def accepted(name: str, hint: object) -> set[str]:
    optional = isinstance(hint, types.UnionType)
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not type(None))
    plain = {"DateTime64(6, 'UTC')"} if is_time(name) else _ACCEPTED[hint]
    return {f"Nullable({kind})" for kind in plain} if optional else plain


def columns(store: Store, table: str) -> list[tuple[str, str, str, str]]:
    rows = store.query(_TABLE, {"t": table}).rows
    return [(str(name), str(kind), str(comment), str(default)) for name, kind, comment, default in rows]


@pytest.mark.parametrize("table", TABLES)
def test_fact_fields_are_the_columns(without_rows: Store, table: str) -> None:
    struct = TABLES[table]
    hints = typing.get_type_hints(struct)
    found = columns(without_rows, table)
    assert [name for name, *_ in found] == [
        "workspace", *struct.__struct_fields__, "version", "is_deleted",
    ]  # fmt: skip
    for name, kind, *_ in found[1:-2]:
        assert kind in accepted(name, hints[name]), name
    ((key, version),) = without_rows.query(
        "SELECT sorting_key, engine_full FROM system.tables"
        " WHERE database = currentDatabase() AND name = {t:String}",
        {"t": table},
    ).rows
    assert key == ", ".join(("workspace", *struct.keys))
    assert "ReplacingMergeTree(version, is_deleted)" in str(version)
    assert "PARTITION" not in str(version)
    assert "fsync_after_insert = 1" in str(version)


@pytest.mark.parametrize("record", RECORDS)
def test_event_fields_are_the_columns(without_rows: Store, record: str) -> None:
    struct = RECORDS[record]
    hints = typing.get_type_hints(struct)
    found = columns(without_rows, f"events_{record}")
    inserted = [(name, kind) for name, kind, _, default in found if default == ""]
    assert [name for name, _ in inserted] == ["workspace", *struct.__struct_fields__]
    for name, kind in inserted[1:]:
        assert kind in accepted(name, hints[name]), name
    computed = [name for name, _, _, default in found if default == "MATERIALIZED"]
    assert computed == ["record", "telling", "precedence"]


#: fields that came after the tables were released, with the number of the migration that brought them;
#: unless they say something, a telling is what it was
ADDED: dict[str, dict[int, tuple[str, ...]]] = {
    "change_opened": {4: ("emergency", "incidents", "sections")},
    "change_updated": {4: ("emergency", "incidents", "sections")},
    "change_merged": {
        4: ("emergency", "incidents", "sections"),
        11: ("first_commit_at", "picked_from", "generated_additions", "generated_deletions"),
    },
    "review_submitted": {
        4: ("characters",),
        7: ("words", "code", "suggestion", "question", "request", "filler"),
    },
    "check_finished": {4: ("workflow", "branch")},
    "incident_updated": {4: ("responders", "postmortem")},
    "comment_posted": {7: ("line", "words", "code", "request", "filler")},
    "threshold_set": {16: ("bad_from",)},
}


def silent(name: str, hint: object) -> str:
    """When a field says nothing, as the engine writes it."""
    if isinstance(hint, types.UnionType):
        return f"isNull({name})"
    return f"(NOT {name})" if hint is bool else f"empty({name})"


@pytest.mark.parametrize("record", RECORDS)
def test_a_telling_is_everything_but_the_receipt(without_rows: Store, record: str) -> None:
    ((expression,),) = without_rows.query(
        "SELECT default_expression FROM system.columns"
        " WHERE database = currentDatabase() AND table = {t:String} AND name = 'telling'",
        {"t": f"events_{record}"},
    ).rows
    groups = ADDED.get(record, {}).values()
    left_out = {"received_at", "imported"}.union(*groups)
    told = [name for name in RECORDS[record].__struct_fields__ if name not in left_out]
    expected = f"cityHash64(tuple({', '.join(told)}))"
    hints = typing.get_type_hints(RECORDS[record])
    for added in groups:
        nothing = " AND ".join(silent(name, hints[name]) for name in added)
        expected = f"bitXor({expected}, if({nothing}, 0, cityHash64(tuple({', '.join(added)}))))"
    # the engine writes `a` of the struct as it pleases: names and their order are what counts
    assert _plain(expression) == _plain(expected)


def _plain(expression: object) -> str:
    """An expression without quotes, brackets and spellings that the engine chooses."""
    text = str(expression)
    for chosen, plain in (("`", ""), ("tuple(", "("), ("((", "("), ("))", ")")):
        while chosen in text:
            text = text.replace(chosen, plain)
    return text


def test_events_has_the_envelope_of_all(without_rows: Store) -> None:
    found = [name for name, *_ in columns(without_rows, "events")]
    assert found == ["workspace", *Event.__struct_fields__, "record", "telling"]


def test_there_are_no_other_tables(without_rows: Store) -> None:
    views = {path.stem for path in (resources.sql() / "views").glob("*.sql")}
    expected = {*TABLES, *(f"events_{record}" for record in RECORDS), "events", "dead_letters", "migrations"}
    # what the OpenTelemetry Collector writes elsewhere
    expected |= {"telemetry_logs", "telemetry_traces"}
    found = {str(name) for (name,) in without_rows.query("SHOW TABLES").rows}
    assert found == expected | views


def test_everything_is_explained(without_rows: Store) -> None:
    rows = without_rows.query(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = ''"
        " AND table IN (SELECT name FROM system.tables"
        " WHERE database = currentDatabase() AND engine != 'View')"
    ).rows
    assert rows == []
    tables = without_rows.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''"
    ).rows
    assert tables == []

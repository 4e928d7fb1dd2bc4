"""Rows as table, JSON and CSV: nothing is lost, nothing steers the terminal, times are UTC."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.output import FORMATS, as_json, as_text, iso_time, printable, write_rows


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def written(format_: str, columns: list[str], rows: list[list[object]], *, terminal: bool = False) -> str:
    out = Terminal() if terminal else io.StringIO()
    write_rows(columns, rows, format_, file=out)
    return out.getvalue()


def test_times_are_iso_8601_in_utc() -> None:
    paris = timezone(timedelta(hours=2))
    assert iso_time(datetime(2024, 10, 2, 16, 5, tzinfo=paris)) == "2024-10-02T14:05:00Z"
    assert iso_time(datetime(2024, 10, 2, 14, 5, 0, 7, tzinfo=UTC)) == "2024-10-02T14:05:00.000007Z"


def test_json_is_one_document_with_native_values() -> None:
    row: list[object] = [1, 0.5, None, True, ["a"], {"k": 1.0}, datetime(2024, 1, 1, tzinfo=UTC), math.nan]
    columns = ["int", "float", "null", "bool", "list", "map", "time", "nan"]
    (document,) = json.loads(written("json", columns, [row]))
    assert document == {
        "int": 1,
        "float": 0.5,
        "null": None,
        "bool": True,
        "list": ["a"],
        "map": {"k": 1.0},
        "time": "2024-01-01T00:00:00Z",
        "nan": None,
    }
    assert json.loads(written("json", columns, [])) == []


def test_a_carriage_return_splits_no_row() -> None:
    assert written("csv", ["a", "b"], [["", "\r"], ["x\ry", 1]]) == 'a,b\n,"\r"\n"x\ry",1\n'
    assert written("csv", ["a"], [[""], [None]]) == 'a\n""\n""\n'


def test_json_keeps_columns_of_one_name_apart() -> None:
    assert json.loads(written("json", ["n", "n", "n_2"], [[1, 2, 3]])) == [{"n": 1, "n_2": 2, "n_2_2": 3}]


def test_csv_has_a_header_and_survives_commas_quotes_and_lines() -> None:
    rows: list[list[object]] = [['a,"b"\nc', None, 0.1], ["", 7, 1e-9]]
    read = list(csv.reader(io.StringIO(written("csv", ["x", "y", "z"], rows))))
    assert read == [["x", "y", "z"], ['a,"b"\nc', "", "0.1"], ["", "7", "1e-09"]]


@given(st.lists(st.lists(st.text() | st.integers() | st.none(), min_size=2, max_size=2), max_size=5))
def test_json_and_csv_lose_nothing(rows: list[list[object]]) -> None:
    assert [list(row.values()) for row in json.loads(written("json", ["a", "b"], rows))] == rows
    out = io.StringIO(newline="")
    write_rows(["a", "b"], rows, "csv", file=out)
    read = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1:]
    assert read == [[as_text(value) for value in row] for row in rows]


@given(st.text())
def test_nothing_from_outside_steers_the_terminal(text: str) -> None:
    assert printable(text).isprintable()
    for terminal in (True, False):
        shown = written("table", ["title"], [[f"\x1b[31m{text}"]], terminal=terminal)
        assert "\x1b[31m" not in shown


def test_square_brackets_are_text_and_no_markup() -> None:
    assert "[bold]fix[/bold]" in written("table", ["title"], [["[bold]fix[/bold]"]], terminal=True)


def test_a_piped_table_is_aligned_and_whole() -> None:
    shown = written("table", ["name", "n"], [["x" * 500, 7], ["y", 12345]])
    lines = shown.splitlines()
    assert lines[0].split() == ["name", "n"]
    assert lines[1] == "x" * 500 + "      7"
    assert lines[2] == "y" + " " * 499 + "  12345"


def test_a_table_fits_the_terminal() -> None:
    wide: list[list[object]] = [[f"value {column} " * 9 for column in range(30)]]
    shown = written("table", [f"column_{column}" for column in range(30)], wide, terminal=True)
    assert "column_29" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_a_long_table_says_what_it_leaves_out() -> None:
    shown = written("table", ["n"], [[number] for number in range(1_000)], terminal=True)
    assert "200 of 1,000 rows" in shown
    assert written("table", ["n"], [[number] for number in range(1_000)]).count("\n") == 1_001


def test_every_format_writes_no_rows() -> None:
    assert [written(format_, ["a"], []) for format_ in FORMATS] == ["a\n", "[]\n", "a\n"]


def test_values_of_every_kind_become_json() -> None:
    assert as_json({"t": (1, b"x\xff"), "d": datetime(2024, 1, 1, tzinfo=UTC)}) == {
        "t": [1, "x\N{REPLACEMENT CHARACTER}"],
        "d": "2024-01-01T00:00:00Z",
    }

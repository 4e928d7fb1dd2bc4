"""What only reads is taken, and nothing else, however it is written."""

from __future__ import annotations

import pytest

from pipeline.store.errors import InvalidQuery
from pipeline.store.reading import refuse_writing

READS = [
    "SELECT 1",
    "  ( select 1 )",
    "-- a note\nWITH 1 AS x SELECT x",
    "SELECT 'INSERT INTO t', \"INTO OUTFILE\", `insert into` FROM t -- INTO OUTFILE",
    "EXPLAIN SELECT 1",
    "SHOW TABLES",
    "DESCRIBE TABLE changes",
]
WRITES = [
    "INSERT INTO FUNCTION file('x.csv') SELECT 1",
    "/* SELECT */ INSERT INTO t VALUES (1)",
    "SELECT 1 INTO OUTFILE 'x.csv' TRUNCATE",
    "SELECT 1 INTO /* a file */ OUTFILE 'x.csv'",
    "SELECT 'it''s' INTO OUTFILE 'x'",
    "EXPLAIN INSERT INTO t SELECT 1",
    "SET readonly = 0",
    "SYSTEM SHUTDOWN",
    "",
]


@pytest.mark.parametrize("statement", READS)
def test_what_reads_is_taken(statement: str) -> None:
    refuse_writing(statement)


@pytest.mark.parametrize("statement", WRITES)
def test_what_writes_is_refused(statement: str) -> None:
    with pytest.raises(InvalidQuery, match=r"nothing can be (changed|written)"):
        refuse_writing(statement)

"""What is refused and what is answered, through the endpoint as a client sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import resources
from pipeline.measuring import silent
from pipeline.store import Store
from pipeline.store.ahead import Ahead, KeptView
from pipeline.store.answering import LIMITS, Answers, EngineError
from pipeline.store.migrations import read_views
from pipeline.web.allowed import TABLE_FUNCTIONS
from tests.web.attacks import ATTACKS
from tests.web.conftest import Endpoint

#: access denied, read-only, a setting or a format that may not be, or no single statement
REFUSALS = {497, 164, 452, 73, 62}

ANSWERED = (
    "select 1",
    "(select 1) union all select 2",
    "select 1 settings max_threads = 1, final = 1 format JSON",
    "select 'INTO OUTFILE', $$file('x')$$ /* into outfile 'x' */",
    "with recursive a as (select 1 as x union all select x + 1 from a where x < 5) select * from a",
    "select * from numbers(3) intersect select 1",
    "select * from values('a Int8', 1, 2)",
    "select * from VALUES('a Int8', 1, 2)",
    "select {a:String} as a, {b:Array(UInt8)} as b",
    "select * except change replace('x' as title), columns('title') apply(upper) from changes limit 1",
    "select count(distinct change), countIf(bot), sumOrNull(number) from changes",
    "select quantileExactIf(0.5)(number, 1) from changes",
    "select argMaxIf(1, 2, 1), topK(3)(change), median(number), group_concat(change) from changes",
    "select row_number() over w, lagInFrame(change) over w from changes window w as (order by change)",
    "select c.change from changes as c left join deployments as d on c.deployment = d.deployment",
    "select change from changes where change in (select change from changes) and 'a' in ('a', 'b')",
    "select toStartOfInterval(merged_at, interval 1 week) as w, count() from changes group by w with totals",
    "select arrayMap(upper, ['a']), arraySum([1]), toHour(merged_at), length(version()) from changes limit 1",
    "select arrayMap(x -> x + 1, [1, 2])[1], map('a', 1)['a'], (1, 'a').2, cast(1 as String), 1::Int8",
    "select change from changes array join labels as l order by number with fill limit 1 by change",
    "select 1 in (arr) from (select [1] as arr)",
    "show tables",
    "show databases",
    "show create table changes",
    "show create view lead_time",
    "show columns from changes from {database}",
    "show index from changes",
    "describe table changes",
    "describe (select 1 as a)",
    "exists table changes",
    "explain select * from changes",
    "explain pipeline graph = 1 select * from changes",
    "explain syntax oneline = 1 select 1",
    "select name from system.tables where database = currentDatabase()",
    "select name, value, readonly from system.settings limit 1",
    "select * from information_schema.tables limit 1",
    "select displayName(), version(), revision(), timezone(), currentUser()",
)


@pytest.mark.parametrize("statement", ATTACKS)
def test_an_attack_is_refused(endpoint: Endpoint, tmp_path: Path, statement: str) -> None:
    file = tmp_path / "written"
    text = statement.format(file=file, database=endpoint.database)
    got = endpoint.ask(text, param_t="changes", param_d="system")
    assert got.status >= 400, got.body
    assert got.code in REFUSALS, got.body
    assert b"root:" not in got.body
    assert not file.exists()
    assert endpoint.ask("select count() > 0 from changes").body == b"1\n"


@pytest.mark.parametrize("statement", ANSWERED)
def test_what_reads_is_answered(endpoint: Endpoint, statement: str) -> None:
    text = statement.replace("{database}", endpoint.database)
    got = endpoint.ask(text, param_a="x'y", param_b="[1,2]")
    assert (got.status, got.code) == (200, 0), got.body


@pytest.mark.parametrize(
    "statement",
    [
        "select * from events_finding_reported",
        "select * from {database}.events_finding_reported",
        "select count() from (select * from changes where '' in events_finding_reported)",
        "describe table events_finding_reported",
        "explain select * from `events_finding_reported`",
    ],
)
def test_a_role_does_not_read_what_is_hidden_from_it(endpoint: Endpoint, statement: str) -> None:
    text = statement.format(database=endpoint.database)
    assert endpoint.ask(text).code == 497
    assert endpoint.ask(text, password="another token").code in (0, 20)  # 20: more columns than IN compares


def test_rows_hidden_from_a_role_stay_hidden_behind_views(endpoint: Endpoint) -> None:
    for table in ("events", f"{endpoint.database}.events", "(select * from events)", "event_counts"):
        statement = f"select distinct record from {table} order by record"
        shown = endpoint.ask(statement).body.split()
        everything = endpoint.ask(statement, password="another token").body.split()
        assert {b"artifact_packaged", b"change_merged"} <= set(everything)
        assert shown == [record for record in everything if record != b"artifact_packaged"]


def test_what_scanners_found_is_hidden_in_tables_and_views(endpoint: Endpoint) -> None:
    assert endpoint.ask("select count() from findings").code == 497
    statement = "select distinct signal from signals order by signal"
    everything = endpoint.ask(statement, password="another token").body.split()
    assert b"late-findings" in everything
    assert endpoint.ask(statement).body.split() == [name for name in everything if name != b"late-findings"]


def test_what_is_hidden_stays_hidden_where_it_is_computed_ahead(endpoint: Endpoint) -> None:
    views = [view for view in read_views(resources.sql() / "views") if view.name == "signals"]
    ahead = Ahead(endpoint.store._session)
    assert ahead.keep(views, 24 * 60, silent) == {}
    try:
        for name in ("signals", *KeptView(views[0]).beside):
            statement = f"select distinct signal from {name} order by signal"
            everything = endpoint.ask(statement, password="another token").body.split()
            assert b"late-findings" in everything, name
            assert b"late-findings" not in endpoint.ask(statement).body.split(), name
    finally:
        ahead.stop(views)


def test_limits_are_lowered_and_never_raised(endpoint: Endpoint) -> None:
    value = "select value from system.settings where name = '{}'"
    for name, limit in LIMITS.items():
        asked = value.format(name)
        for wish, holds in (
            (1 if name == "max_threads" else limit // 2, None),
            (0, limit),
            (limit * 9, limit),
        ):
            got = endpoint.ask(query=asked, settings={name: wish})
            assert got.body == f"{wish if holds is None else holds}\n".encode()
        # and it is as before for whoever asks next
        assert endpoint.ask(asked).body == f"{limit}\n".encode()
    assert endpoint.ask("select 1", max_threads="many").code == 36
    assert endpoint.ask("select 1", max_untracked_memory="1").code == 452


def test_another_database_can_be_no_default(endpoint: Endpoint) -> None:
    assert endpoint.ask("select count() > 0 from changes", database="default").status == 200
    assert endpoint.ask("select count() > 0 from changes", database=endpoint.database).status == 200
    assert endpoint.ask("select 1 from tables", database="system").code == 81
    assert endpoint.ask("select 1", headers={"X-ClickHouse-Database": "system"}).code == 81


def test_deep_and_long_statements_are_refused(endpoint: Endpoint) -> None:
    for levels in (60, 150, 250, 400, 990, 5_000):
        for deep in (
            "(" * levels + "1" + ")" * levels,
            "negate(" * levels + "1" + ")" * levels,
            "1 + " * levels + "1",
        ):
            got = endpoint.ask(f"select {deep}")
            # 62, 167, 168, 306: too deep for us, for the parser, for the analysis
            assert (got.status == 200) == (got.code == 0)
            assert got.status == 200 or got.code in (62, 167, 168, 306), got.body
    assert endpoint.ask("select '" + "x" * 300_000 + "'").code == 62
    assert endpoint.ask("select '\0'").code == 62
    assert endpoint.ask("select 1").body == b"1\n"


def test_the_engine_refuses_what_a_check_could_miss(endpoint: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "written"
    for statement in (
        "insert into changes select * from changes",
        f"insert into function file('{file}') select 1",
        "select * from file('/etc/passwd', LineAsString)",
        "select * from url('http://127.0.0.1:1/', LineAsString)",
        "select * from remote('127.0.0.1:1', system.one)",
        "create table somewhere (a Int8) engine = Memory",
        "drop table changes",
        "system drop mark cache",
    ):
        with pytest.raises(EngineError, match=r"Not enough privileges|Cannot execute query in readonly"):
            endpoint.answers.answer(statement, "TSV")
    assert not file.exists()
    # our own writer is as able as before
    endpoint.store._command("CREATE TABLE own (a Int8) ENGINE = Memory", "try")
    endpoint.store._command("DROP TABLE own", "try")


def test_an_answer_begins_with_itself_after_one_that_broke_off(endpoint: Endpoint) -> None:
    """The engine keeps what it wrote before an error, and puts it before the connection's next answer."""
    assert endpoint.answers.at_once == 1
    for statement in (
        "select number from numbers(2000000)",
        "select throwIf(number = 500000) from numbers(600000)",
        "select number from numbers(1e9)",
    ):
        assert endpoint.ask(statement, max_execution_time=20).status >= 400
        assert endpoint.ask("select 7").body == b"7\n"


def test_the_letters_of_a_table_function_name_no_other(endpoint: Endpoint) -> None:
    """Its case does not matter to the check, so there may be nothing that differs in case only."""
    for table in ("functions", "table_functions"):
        named = [name for (name,) in endpoint.answers.rows(f"select name from system.{table}")]
        same = {name for name in named if name.lower() in {known.lower() for known in TABLE_FUNCTIONS}}
        assert same <= TABLE_FUNCTIONS
        assert bool(same) == (table == "table_functions")


def test_more_connections_can_not_be_had_of_a_server(endpoint: Endpoint) -> None:
    assert isinstance(endpoint.store, Store)
    second = Answers.of(endpoint.store, 2)
    assert second.answer("select 1", "TSV").body == b"1\n"
    second.close()

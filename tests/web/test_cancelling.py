"""Questions that nobody waits for any more: the engine stops, the place is free, nothing is left behind."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from clickhouse_connect.driver.httputil import get_pool_manager
from starlette.responses import Response

from pipeline.web.refusals import QUERY_WAS_CANCELLED, Refused
from pipeline.web.underway import Asker, UnderWay
from tests.web.conftest import ENDLESS, SECURITY_TOKEN, TOKEN, Endpoint, Got, sockets, wait_until_left

#: less than an endless question's own limit: whatever ends before was stopped
SOON_SECONDS = 15
PROCESS_SECONDS_MAX = 60
KILL = "KILL QUERY WHERE query_id = '{}'"
ASKING = """
import sys
import clickhouse_connect

client = clickhouse_connect.get_client(host="127.0.0.1", port=int(sys.argv[1]), password=sys.argv[2])
client.query(sys.argv[3])
"""


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@contextmanager
def connected(endpoint: Endpoint, seconds: float = 60) -> Iterator[Client]:
    # a pool of its own: the one that clients share keeps a connection when they are closed
    pool = get_pool_manager()
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=endpoint.port,
        password=TOKEN,
        send_receive_timeout=seconds,
        autogenerate_session_id=False,
        pool_mgr=pool,
    )
    try:
        yield client
    finally:
        client.close()
        pool.clear()


def begun(endpoint: Endpoint, threads: ThreadPoolExecutor, query_id: str, **told: object) -> Future[Got]:
    """An endless question; returns when the engine works on it, unless another one has the only place."""
    future = threads.submit(endpoint.ask, ENDLESS, query_id=query_id, **told)  # type: ignore[arg-type]
    endpoint.wait_for(1)
    return future


def was_cancelled(future: Future[Got]) -> bool:
    got = future.result(SOON_SECONDS)
    assert b"Query was cancelled" in got.body
    return (got.status, got.code) == (500, QUERY_WAS_CANCELLED)


def test_a_question_is_taken_back_by_its_id(endpoint: Endpoint, threads: ThreadPoolExecutor) -> None:
    before = sockets()
    for statement in (
        KILL.format("mine"),
        "kill query where query_id='mine' sync",
        " KILL QUERY\nWHERE query_id = 'mine' ASYNC ;",
    ):
        asked = begun(endpoint, threads, "mine")
        # it is answered beside the one place, which is taken
        got = endpoint.ask(statement)
        assert (got.status, got.body) == (200, b"")
        assert was_cancelled(asked)
        assert endpoint.computing() == 0
        assert endpoint.ask("select 7").body == b"7\n"
    wait_until_left(before)


def test_a_question_is_taken_back_before_its_turn(endpoint: Endpoint, threads: ThreadPoolExecutor) -> None:
    first = begun(endpoint, threads, "first")
    second = threads.submit(endpoint.ask, "select 2", query_id="second")
    while not second.done():
        endpoint.ask(KILL.format("second"))
        time.sleep(0.05)
    assert was_cancelled(second)
    assert endpoint.computing() == 1
    endpoint.ask(KILL.format("first"))
    assert was_cancelled(first)


def test_nobody_takes_back_the_question_of_another(endpoint: Endpoint, threads: ThreadPoolExecutor) -> None:
    asked = begun(endpoint, threads, "mine", password=SECURITY_TOKEN)
    assert endpoint.ask(KILL.format("mine")).body == b""
    assert endpoint.ask(KILL.format("other"), password=SECURITY_TOKEN).body == b""
    assert endpoint.ask(KILL.format("mine"), password="wrong").status == 401
    time.sleep(0.5)
    assert not asked.done()
    assert endpoint.computing() == 1
    assert endpoint.ask(KILL.format("mine"), password=SECURITY_TOKEN).body == b""
    assert was_cancelled(asked)


@pytest.mark.parametrize(
    "statement",
    [
        "KILL QUERY WHERE 1",
        "KILL QUERY WHERE query_id = 'a' OR 1",
        "KILL QUERY WHERE query_id != 'a'",
        "KILL QUERY WHERE query_id = 'a\\' or \\'b'",
        "KILL QUERY ON CLUSTER c WHERE query_id = 'a'",
        "KILL QUERY WHERE user = 'default'",
        "KILL MUTATION WHERE mutation_id = 'a'",
        "KILL QUERY WHERE query_id = 'a'; DROP TABLE changes",
    ],
)
def test_nothing_else_can_be_killed(endpoint: Endpoint, statement: str) -> None:
    got = endpoint.ask(statement)
    assert (got.status, got.code) in ((403, 164), (400, 62)), got.body


@pytest.mark.slow
def test_clickhouse_connect_gives_up(endpoint: Endpoint) -> None:
    before = sockets()
    for _ in range(3):
        with connected(endpoint, seconds=1) as client:
            with pytest.raises(OperationalError, match="timed out"):
                client.query(ENDLESS)
            # answered within its second, so the one place was free
            assert client.query("SELECT 7").result_rows == [(7,)]
    assert endpoint.computing() == 0
    wait_until_left(before)


def test_clickhouse_connect_leaves_an_answer_half_read(endpoint: Endpoint) -> None:
    before = sockets()
    with connected(endpoint) as client:
        for _ in range(3):
            with client.query_row_block_stream("SELECT number FROM numbers(900000)") as blocks:
                assert len(next(iter(blocks))) > 0
            assert client.query("SELECT 7").result_rows == [(7,)]
    wait_until_left(before)


def test_clickhouse_connect_takes_its_question_back(endpoint: Endpoint, threads: ThreadPoolExecutor) -> None:
    with connected(endpoint) as asking, connected(endpoint) as other:
        asked = threads.submit(asking.query, ENDLESS, settings={"query_id": "mine"})
        endpoint.wait_for(1)
        other.command(KILL.format("mine"))
        with pytest.raises(DatabaseError) as caught:
            asked.result(SOON_SECONDS)
        assert caught.value.code == QUERY_WAS_CANCELLED
        assert other.query("SELECT 7").result_rows == [(7,)]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_client_that_is_interrupted_or_dies_leaves_nothing(
    endpoint: Endpoint, sent: signal.Signals, tmp_path: Path
) -> None:
    before = sockets()
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", ASKING, str(endpoint.port), TOKEN, ENDLESS], stderr=said
        )
    endpoint.wait_for(1)
    process.send_signal(sent)
    assert process.wait(PROCESS_SECONDS_MAX) != 0
    if sent is signal.SIGINT:
        assert "KeyboardInterrupt" in (tmp_path / "said").read_text()
    endpoint.wait_for(0)
    assert endpoint.ask("select 7").body == b"7\n"
    wait_until_left(before)


# what is under way, without a server

ASKER = Asker("viewer", "a token", "mine")


async def never() -> Response:
    await asyncio.sleep(3_600)
    return Response()


async def at_once() -> Response:
    return Response(b"7")


async def stubborn(stopped: list[str]) -> Response:
    """Like an engine that needs a moment to stop."""
    try:
        return await never()
    except asyncio.CancelledError:
        await asyncio.sleep(0.05)
        stopped.append("stopped")
        raise


def test_only_who_asked_is_told_and_nothing_is_remembered() -> None:
    async def run() -> None:
        under_way = UnderWay()
        assert (await under_way.answered(ASKER, at_once())).body == b"7"
        tasks = [asyncio.ensure_future(under_way.answered(ASKER, never())) for _ in range(3)]
        others = [ASKER._replace(role="admin"), ASKER._replace(token=""), ASKER._replace(query_id="min")]
        for other in others:
            under_way.take_back(other)
        other_task = asyncio.ensure_future(under_way.answered(others[0], never()))
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        under_way.take_back(ASKER)
        # all with the id, which a client may use several times
        for task in tasks:
            with pytest.raises(Refused) as caught:
                await task
            assert caught.value.code == QUERY_WAS_CANCELLED
        assert not other_task.done()
        other_task.cancel()
        # who ends the server ends the question, and that is no refusal
        with pytest.raises(asyncio.CancelledError):
            await other_task
        assert vars(under_way) == vars(UnderWay())

    asyncio.run(run())


def test_taking_back_twice_waits_until_it_has_stopped() -> None:
    async def run() -> None:
        under_way, stopped = UnderWay(), list[str]()
        task = asyncio.ensure_future(under_way.answered(ASKER, stubborn(stopped)))
        await asyncio.sleep(0.01)
        for _ in range(3):
            under_way.take_back(ASKER)
            await asyncio.sleep(0.01)
        with pytest.raises(Refused):
            await task
        assert stopped == ["stopped"]

    asyncio.run(run())

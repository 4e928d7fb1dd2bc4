"""The ClickHouse HTTP interface for reading, in front of the embedded engine.

What clickhouse-connect, clickhouse-go, JDBC and curl expect of a server, and nothing that changes
anything. An answer is bounded in time, rows and bytes, and held in memory until it is whole, so that
an error always comes with its status.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from pipeline.store import StoreUnavailable
from pipeline.store.answering import Answer, Answers, EngineError, quoted
from pipeline.web import blocks, encodings, native
from pipeline.web.guard import Checked, Guard
from pipeline.web.questions import Question, in_blocks, question, token
from pipeline.web.refusals import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    TOO_LARGE,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    Refused,
    engine_refusal,
    refusal,
)
from pipeline.web.underway import Asker, UnderWay, taken_back

#: questions that wait for a free connection, beside those being answered; a dashboard asks many at once
WAITING_QUERIES_MAX = 32
WAIT_SECONDS_MAX = 10
#: an answer nobody waits for is told to stop again so often, until it has stopped
STOP_EVERY_SECONDS = 0.1
SERVER_NAME: Final = "aftermerge"

_QUERY_ID = re.compile(r"[\x21-\x7e]{1,100}")
_SPENT = 499  # the client has gone: nobody reads this


class ClickHouseHttp:
    """The endpoint. ``check`` gives the role of who sent a token ("": none was sent) in a request.

    ``hidden`` maps a role to the tables it may not read; ``shown`` maps a role to a condition by table,
    which the rows it reads there fulfil, also through views.
    """

    def __init__(
        self,
        answers: Answers,
        check: Callable[[str, Scope], str | None],
        hidden: Mapping[str, Collection[str]] = {},
        shown: Mapping[str, Mapping[str, str]] = {},
    ) -> None:
        self._answers = answers
        self._check = check
        self._guard = Guard(answers, hidden)
        self._filters = {role: row_filters(answers.database, tables) for role, tables in shown.items()}
        ((self._timezone,),) = answers.rows("SELECT timezone()")
        self._limiter = CapacityLimiter(answers.at_once)
        self._free = asyncio.Semaphore(answers.at_once)
        self._waiting = 0
        self._under_way = UnderWay()

    def routes(self) -> list[Route]:
        """Everything it serves; for the root of a server."""
        return [
            Route("/", self.query, methods=["GET", "POST", "HEAD"]),
            Route("/ping", _ok, methods=["GET", "HEAD"]),
            Route("/replicas_status", _ok, methods=["GET", "HEAD"]),
        ]

    async def query(self, request: Request) -> Response:
        """One question and its answer."""
        query_id = request.query_params.get("query_id", "")
        if not _QUERY_ID.fullmatch(query_id):
            query_id = str(uuid.uuid4())
        told = token(request)
        role = self._check(told, request.scope)
        if role is None:
            message = "default: Authentication failed: the password is a token for reading"
            return self._headed(_packed(refusal(AUTHENTICATION_FAILED, message, query_id), request), query_id)
        if request.method in ("GET", "HEAD") and "query" not in request.query_params:
            return await _ok(request)
        try:
            asked = await question(request, role, query_id, self._answers.database)
            if other := taken_back(asked.text):
                # in no queue: it is what makes room
                self._under_way.take_back(Asker(role, told, other))
                response = Response(headers={"X-ClickHouse-Format": asked.format})
            else:
                asker = Asker(role, told, query_id)
                response = await self._under_way.answered(asker, self._queued(asked, request))
        except Refused as error:
            response = refusal(error.code, str(error), query_id)
        except (EngineError, StoreUnavailable) as error:
            response = engine_refusal(str(error), query_id)
        except encodings.BodyTooLarge as error:
            response = refusal(TOO_LARGE, str(error), query_id)
        except (encodings.WrongEncoding, native.UnknownType) as error:
            response = refusal(BAD_ARGUMENTS, str(error), query_id)
        except ClientDisconnect:
            return Response(status_code=_SPENT)
        return self._headed(_packed(response, request), query_id)

    def _headed(self, response: Response, query_id: str) -> Response:
        response.headers["X-ClickHouse-Query-Id"] = query_id
        response.headers["X-ClickHouse-Timezone"] = self._timezone
        response.headers["X-ClickHouse-Server-Display-Name"] = SERVER_NAME
        return response

    async def _queued(self, asked: Question, request: Request) -> Response:
        """Wait for a free connection, but not long, and not in a long queue."""
        if self._waiting >= WAITING_QUERIES_MAX:
            return _too_many(asked.query_id)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._free.acquire()
        except TimeoutError:
            return _too_many(asked.query_id)
        finally:
            self._waiting -= 1
        try:
            return await self._answered_or_stopped(asked, request)
        finally:
            self._free.release()

    async def _answered_or_stopped(self, asked: Question, request: Request) -> Response:
        """The answer; when the client goes away or takes it back meanwhile, the engine is told to stop."""
        mark = uuid.uuid4().hex
        work = asyncio.ensure_future(
            anyio.to_thread.run_sync(partial(self._answered, asked, mark), limiter=self._limiter)
        )
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await self._stopped(work, mark)
                raise ClientDisconnect
            return work.result()
        except asyncio.CancelledError:
            # the server is stopping, or the question was taken back: the connection must be free before
            # it is closed or has the next question
            await asyncio.shield(self._stopped(work, mark))
            raise
        finally:
            gone.cancel()

    async def _stopped(self, work: asyncio.Future[Response], mark: str) -> None:
        """Stop an answer. It may not have begun yet, so once isn't enough; its time limit ends it anyway."""
        while not work.done():
            with contextlib.suppress(EngineError):
                await anyio.to_thread.run_sync(self._answers.stop, mark)
            await asyncio.wait({work}, timeout=STOP_EVERY_SECONDS)
        if not work.cancelled():
            work.exception()  # it was stopped: nobody needs to hear why

    def _answered(self, asked: Question, mark: str) -> Response:
        """In a thread: check, ask, put into the client's words."""
        checked = self._guard.check(asked.text, asked.role)
        format_ = checked.format or asked.format
        settings = asked.settings | self._filters.get(asked.role, {})
        answer = self._answers.answer(checked.statement, format_, settings, asked.parameters, mark)
        body = answer.body
        if format_.lower() == "native":
            body = native.for_protocol(body or self._no_rows(asked, checked), asked.protocol)
        headers = {"X-ClickHouse-Format": format_, "X-ClickHouse-Summary": _summary(answer)}
        if asked.blocks:
            body = blocks.compressed(body)
        elif asked.encoding:
            # also the shortest: JDBC does not look whether it is compressed
            body = encodings.encoded(body, asked.encoding)
            headers |= {"Content-Encoding": asked.encoding, "Vary": "Accept-Encoding"}
        return Response(body, headers=headers, media_type=_media_type(format_))

    def _no_rows(self, asked: Question, checked: Checked) -> bytes:
        """A block that names the columns: the engine writes none where there are no rows."""
        statement = checked.statement.removesuffix(f"FORMAT {checked.format}") if checked.format else ""
        statement = statement or checked.statement
        if asked.protocol < native.BLOCK_INFO_SINCE or (checked.format and statement == checked.statement):
            return b""
        answer = self._answers.answer(statement, "JSONCompact", asked.settings, asked.parameters)
        return native.header([(column["name"], column["type"]) for column in json.loads(answer.body)["meta"]])


def row_filters(database: str, conditions: Mapping[str, str]) -> dict[str, str | int]:
    """Settings with which only rows are read that fulfil these conditions, by table; also through views."""
    pairs = (
        f"{quoted(f'{database}.{table}')}: {quoted(condition)}" for table, condition in conditions.items()
    )
    return {"additional_table_filters": "{" + ", ".join(pairs) + "}"}


async def _ok(_: Request) -> Response:
    return PlainTextResponse("Ok.\n")


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _packed(response: Response, request: Request) -> Response:
    """An error in the blocks that were asked for: as a server's are, which clickhouse-go relies on."""
    if response.status_code < 400 or not in_blocks(request):
        return response
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(blocks.readable(bytes(response.body)), response.status_code, headers)


def _too_many(query_id: str) -> Response:
    return refusal(TOO_MANY_SIMULTANEOUS_QUERIES, "Too many simultaneous queries: ask again later", query_id)


def _summary(answer: Answer) -> str:
    return json.dumps(
        {
            "read_rows": str(answer.rows_read),
            "read_bytes": str(answer.bytes_read),
            "written_rows": "0",
            "written_bytes": "0",
            "total_rows_to_read": str(answer.rows_read),
            "result_rows": str(answer.rows),
            "result_bytes": str(len(answer.body)),
            "elapsed_ns": str(int(answer.seconds * 1_000_000_000)),
        }
    )


def _media_type(format_: str) -> str:
    lowered = format_.lower()
    if lowered.startswith("json") and "eachrow" not in lowered:
        return "application/json; charset=UTF-8"
    if lowered.startswith("csv"):
        return "text/csv; charset=UTF-8"
    if lowered.startswith(("tab", "tsv", "raw")) and lowered != "rawblob":
        return "text/tab-separated-values; charset=UTF-8"
    if lowered.startswith(
        ("native", "rowbinary", "arrow", "avro", "parquet", "orc", "msgpack", "bson", "rawblob")
    ):
        return "application/octet-stream"
    return "text/plain; charset=UTF-8"

"""The control socket of a running process: its log, and what it can be asked to do.

Whoever may open the socket may do everything that the owner of the data directory may: its file mode
is the guard (``control_socket``). The forms of the calls are in ``pipeline.log.served.calls``.

An action is ``POST /1/actions/<name>`` with its arguments as a JSON object. It runs in a thread; the
answer, and that of ``GET /1/jobs/<number>``, is its ``JobState``, at once when the action ended and
after a second when it did not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pipeline.log.protocol import Log, LogUnavailable, Record
from pipeline.log.served.calls import (
    ACTION_PATH,
    ANSWER_BYTES_MAX,
    BATCH_BYTES_MAX,
    CALL_PATH,
    CALLS,
    JOB_PATH,
    JSON,
    LENGTH_BYTES,
    MSGPACK,
    PIECE_BYTES_MAX,
    READ_RECORDS_MAX,
    Failure,
    Piece,
    ReadAnswer,
    too_large,
)
from pipeline.web.jobs import Job, Jobs

#: calls of the log under way at a time; the next ones wait before their body is read
CALLS_AT_ONCE_MAX = 8
BODY_SECONDS_MAX = 60
ARGUMENTS_BYTES_MAX = 1_000_000
#: how long the answer waits for the end of an action before it says how far it is
JOB_WAIT_SECONDS = 1.0
#: a read begins with so many records, and learns how large they are
READ_STEP_RECORDS_MIN = 64

_encode = msgspec.msgpack.Encoder().encode
_decoders: Mapping[str, msgspec.msgpack.Decoder[Any]] = {
    name: msgspec.msgpack.Decoder(types) for name, types in CALLS.items()
}


def control_app(log: Log, actions: Mapping[str, Callable[..., object]]) -> Starlette:
    """The application that serves a log and actions; close neither before it has ended.

    ``actions``: name -> a function that takes the arguments of the request by name, and, when it has a
    parameter ``progress``, a function to call with (phase, done, total or ``None``). What it returns
    goes out as JSON. It is called in a thread of its own, also while another call of it still runs.
    """
    served = _Served(log, Jobs(actions))
    return Starlette(
        routes=[
            Route(CALL_PATH + "{name}", served.call, methods=["POST"]),
            Route(ACTION_PATH + "{name}", served.act, methods=["POST"]),
            Route(JOB_PATH + "{number:int}", served.job, methods=["GET"]),
        ],
        lifespan=served.lifespan,
    )


class _Served:
    def __init__(self, log: Log, jobs: Jobs) -> None:
        self._log = log
        self._jobs = jobs
        self._room = asyncio.Semaphore(CALLS_AT_ONCE_MAX)
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE_MAX, thread_name_prefix="control")

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """At the end, actions stop where they next tell their progress."""
        try:
            yield
        finally:
            self._jobs.stop()
            self._threads.shutdown(wait=True)

    async def call(self, request: Request) -> Response:
        """One call of the log."""
        name = request.path_params["name"]
        if name not in _decoders:
            return Response(f"the log has no call {name}", 404)
        async with self._room:
            try:
                body = await _body(request, BATCH_BYTES_MAX)
                arguments = _decoders[name].decode(body)
                del body  # not beside what it was decoded to
                if name == "latest":
                    pieces = await self._in_thread(partial(_pieces, self._log.latest(*arguments)))
                    return StreamingResponse(_sent(pieces), media_type=MSGPACK)
                answer = await self._in_thread(partial(_answer, self._log, name, arguments))
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as error:  # noqa: BLE001 - whatever the log raises is told to who asked
                return _refused(error)
        return Response(answer, media_type=MSGPACK)

    async def act(self, request: Request) -> Response:
        """Begin an action, and say how it ended, or how far it is."""
        try:
            body = await _body(request, ARGUMENTS_BYTES_MAX)
            arguments = msgspec.json.decode(body or b"{}", type=dict[str, Any])
            job = self._jobs.begin(request.path_params["name"], arguments)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - told to who asked
            return _refused(error)
        return await _state_of(job)

    async def job(self, request: Request) -> Response:
        """How an action ended, or how far it is."""
        try:
            return await _state_of(self._jobs[request.path_params["number"]])
        except KeyError as error:
            return _refused(error)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def _body(request: Request, bytes_max: int) -> bytes:
    """The body of a request; refuses a large one before it is held, and a slow one."""
    told = int(request.headers.get("content-length") or 0)
    if told > bytes_max:
        raise too_large(told)
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                found += chunk
                if len(found) > bytes_max:
                    raise too_large(len(found))
    except TimeoutError:
        raise LogUnavailable(f"the request was not there after {BODY_SECONDS_MAX} s: send it again") from None
    return bytes(found)


def _answer(log: Log, name: str, arguments: tuple[Any, ...]) -> bytes:
    match name:
        case "create_topic":
            topic, partitions, compacted = arguments
            log.create_topic(topic, partitions=partitions, compacted=compacted)
            return _encode(None)
        case "commit":
            *where, appended = arguments
            log.commit(*where, appended=appended)
            return _encode(None)
        case "read":
            return _encode(_read(log, *arguments))
        case _:
            return _encode(getattr(log, name)(*arguments))


def _read(log: Log, topic: str, partition: int, offset: int, limit: int) -> ReadAnswer:
    """As many records as the limits allow, read in steps so that large ones never pile up."""
    limit = min(limit, READ_RECORDS_MAX)
    found: list[Record] = []
    size_bytes, step = 0, READ_STEP_RECORDS_MIN
    while True:
        # the log, too, ends a read that grows too large: only nothing at all says that there is no more
        wanted = max(0, min(step, limit - len(found)))
        records = log.read(topic, partition, found[-1].offset + 1 if found else offset, wanted)
        found += records
        if not records:
            return found, False
        size_bytes += sum(len(record.key) + len(record.value) for record in records)
        if len(found) >= limit or size_bytes >= ANSWER_BYTES_MAX:
            return found, True
        # twice as many at most, and no more than fit when they are as large as those before
        fitting = (ANSWER_BYTES_MAX - size_bytes) * len(found) // max(1, size_bytes)
        step = max(1, min(2 * step, fitting))


def _pieces(latest: dict[bytes, bytes]) -> list[bytes]:
    """Encoded pieces of about the same size, each small enough to be held beside the others."""
    pieces: list[bytes] = []
    piece: Piece = []
    size_bytes = 0
    for key, value in latest.items():
        piece.append((key, value))
        size_bytes += len(key) + len(value)
        if size_bytes >= PIECE_BYTES_MAX:
            pieces.append(_encode(piece))
            piece, size_bytes = [], 0
    if piece:
        pieces.append(_encode(piece))
    return pieces


async def _sent(pieces: list[bytes]) -> AsyncIterator[bytes]:
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        yield len(piece).to_bytes(LENGTH_BYTES, "big")
        yield piece
    yield bytes(LENGTH_BYTES)


async def _state_of(job: Job) -> Response:
    await asyncio.wait([asyncio.wrap_future(job.future)], timeout=JOB_WAIT_SECONDS)
    return Response(msgspec.json.encode(job.state()), media_type=JSON)


def _refused(error: Exception) -> Response:
    if isinstance(error, msgspec.DecodeError):
        error = ValueError(f"the request can't be read: {error}")
    failure = Failure.of(error)
    return Response(_encode(failure), failure.status, media_type=MSGPACK)

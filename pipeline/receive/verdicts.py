"""A person's word about an incident over HTTP: who says it, is it well-formed; judge it, then answer.

Whose word it is, the reader's token or the proxy says, and never the request itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from pipeline.core.events import InvalidEvent
from pipeline.log.protocol import LogUnavailable
from pipeline.receive.access import Role
from pipeline.receive.configuration import ReceiverSettings
from pipeline.receive.identifying import identify
from pipeline.receive.problems import Problem
from pipeline.sources.deliveries import decoded

WORD_BYTES_MAX = 64 * 1024
NAME_CHARACTERS_MAX = 500
REASON_CHARACTERS_MAX = 2_000
#: words judged at a time, and those that wait for a place: each asks the store
JUDGED_AT_ONCE_MAX = 2
WAITING_WORDS_MAX = 32

#: a page of another site can send a form with somebody's session, but no JSON under its name
MEDIA_TYPE = "application/json"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARACTERS_MAX, pattern=r"\S")]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body: an incident, at least one thing about it, and why. Retracting takes the same word back."""

    incident: Name
    because: Reason
    change: Name | msgspec.UnsetType = msgspec.UNSET
    merge_into: Name | msgspec.UnsetType = msgspec.UNSET
    onset: Instant | msgspec.UnsetType = msgspec.UNSET
    ignore_deployment: Name | msgspec.UnsetType = msgspec.UNSET
    retract: bool = False


class Given(NamedTuple):
    """What became of a word: the ids of its events, which are in the log.

    ``waits_for_rebuild``: its incident lies behind the horizon of what was told of the workspace since.
    """

    events: list[str]
    waits_for_rebuild: bool


#: workspace, what is said, and the login of who says it -> what became of it; called in a thread. Raises
#: ``Problem`` (404, 422) or ``LogUnavailable``.
Judge = Callable[[str, Said, str], Given]

_decoder = msgspec.json.Decoder(Said)
_encode = msgspec.json.encode


class Verdicts:
    """The endpoint behind ``POST /verdicts/{workspace}``."""

    def __init__(self, settings: ReceiverSettings, judge: Judge) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._judge = judge
        self._places = asyncio.Semaphore(JUDGED_AT_ONCE_MAX)
        self._waiting = 0

    async def give(self, request: Request) -> Response:
        """Take one word of somebody who may."""
        identity = identify(self._settings.access, Role.RESPONDER, request)
        workspace = str(request.path_params["workspace"])
        if not self._settings.accepts(workspace):
            raise Problem(404, "no such workspace: the address ends in /verdicts/{workspace}")
        if not identity.person:
            raise Problem(
                403,
                "a verdict needs a person: let the proxy name the login in the header of"
                " AFTERMERGE_PROXY_PERSON_HEADER, once and without spaces or commas",
            )
        try:
            said = decoded(_decoder, await self._body(request))
        except InvalidEvent as error:
            raise Problem(422, f"this is no verdict: {error}; /openapi.json describes one") from None
        except ClientDisconnect:
            return Response(status_code=400)  # nobody will read it
        given = await self._judged(workspace, said, identity.person)
        told = {"events": given.events, "waits_for_rebuild": given.waits_for_rebuild}
        return Response(_encode(told), 201, {"cache-control": "no-store"}, media_type="application/json")

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        packed = request.headers.get("content-encoding", "").strip().lower() not in ("", "identity")
        if kind != MEDIA_TYPE or packed:
            raise Problem(415, f"send the verdict as {MEDIA_TYPE}, not compressed")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds_max):
                async for part in request.stream():
                    body += part
                    if len(body) > WORD_BYTES_MAX:
                        raise Problem(413, f"the body is larger than {WORD_BYTES_MAX} bytes: say it shorter")
        except TimeoutError:
            seconds = self._limits.body_seconds_max
            raise Problem(408, f"the body did not arrive within {seconds:g} seconds: send it again") from None
        return bytes(body)

    async def _judged(self, workspace: str, said: Said, login: str) -> Given:
        """In a thread, a few at a time; one that was begun is ended, whoever still waits for it."""
        if self._waiting >= WAITING_WORDS_MAX:
            raise self._later("too many verdicts are being given at once: send it again later")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.append_seconds_max):
                await self._places.acquire()
                work = asyncio.ensure_future(asyncio.to_thread(self._judge, workspace, said, login))
                work.add_done_callback(self._ended)
                return await asyncio.shield(work)
        except LogUnavailable:
            raise self._later("log or store are away: send it again later") from None
        except TimeoutError:
            # twice is once: the same word again changes nothing
            raise self._later("store or disk are too slow to say that it is kept: send it again") from None
        finally:
            self._waiting -= 1

    def _ended(self, work: asyncio.Future[Given]) -> None:
        self._places.release()
        if not work.cancelled():
            work.exception()  # somebody who gave up waiting does not look

    def _later(self, detail: str) -> Problem:
        return Problem(503, detail, retry_after_seconds=self._limits.retry_after_seconds)

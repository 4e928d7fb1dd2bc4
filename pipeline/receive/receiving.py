"""One delivery over HTTP: who sends it, how big is it, is it genuine, is it new; store it, then answer.

Nothing is parsed here. What is refused is refused as early as it can be known: before the body is read
where the headers tell.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.log.protocol import LogUnavailable
from pipeline.receive.access import from_this_machine, headers_of, peer_of
from pipeline.receive.appending import Appender, QueueFull
from pipeline.receive.configuration import ReceiverSettings, SourceSecurity
from pipeline.receive.keeping import kept_headers
from pipeline.receive.limits import (
    DEFLATE_RATIO_MAX,
    ENCODINGS,
    Crowded,
    Place,
    Rates,
    Room,
    TooLarge,
    Undecodable,
    inflate,
)
from pipeline.receive.metrics import REPEATED, STORED, ReceiverMetrics
from pipeline.receive.problems import Problem
from pipeline.receive.replays import Replays
from pipeline.receive.signatures import Outcome, Rejected, Verified, needs_body, verify
from pipeline.sources.deliveries import Delivery

MICROSECONDS = 1_000_000
#: work on a body of this size is done beside the event loop, which others wait for
LARGE_BODY_BYTES = 512 * 1024
REFUSALS_LOGGED_PER_SECOND = 0.1

_CHALLENGES = {"bearer": "Bearer", "basic": 'Basic realm="aftermerge"'}
_log_lines = logging.getLogger("aftermerge.receive")


class _Sent(NamedTuple):
    """What is known of a delivery before its body is read."""

    workspace: str
    source: str
    label: str
    peer: str
    headers: dict[str, str]
    security: SourceSecurity
    encoding: str


class Receiving:
    """The ASGI endpoint behind ``POST /receive/{workspace}/{source}``."""

    def __init__(
        self,
        settings: ReceiverSettings,
        appender: Appender,
        metrics: ReceiverMetrics,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        """``now`` is in microseconds UTC."""
        limits = settings.limits
        self._settings = settings
        self._limits = limits
        self._appender = appender
        self._metrics = metrics
        self._now = now
        self._rates = Rates(limits.deliveries_per_second, limits.deliveries_burst)
        self._logged = Rates(REFUSALS_LOGGED_PER_SECOND, 1)
        self._replays = Replays(limits.replays_max)
        self.room = Room(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = time.monotonic()
        source = str(scope["path_params"]["source"])
        label = self._metrics.source(source)
        stored_bytes = 0
        try:
            sent = self._look(scope, source, label)
            outcome, offset, stored_bytes = await self._take(sent, receive)
            response = Response(
                json.dumps({"received": offset}),
                202 if outcome == STORED else 200,
                media_type="application/json",
            )
        except Problem as problem:
            outcome, response = problem.outcome, problem.response()
        except ClientDisconnect:
            outcome, response = "left", Response(status_code=400)  # nobody will read it
        self._metrics.answered(label, outcome, time.monotonic() - begun, stored_bytes)
        await response(scope, receive, send)

    # before the body

    def _look(self, scope: Scope, source: str, label: str) -> _Sent:
        """Refuse what the request line and the headers are enough to refuse."""
        workspace = str(scope["path_params"]["workspace"])
        if not self._settings.accepts(workspace):
            raise Problem(
                404,
                "no such workspace: the address ends in /receive/{workspace}/{source}; check both, or add the"
                " workspace to the settings",
                outcome="unknown_workspace",
            )
        security = self._settings.security(workspace, source)
        if security is None:
            raise Problem(
                404,
                "no such source in this workspace: enable it in the settings, or correct the address",
                outcome="unknown_source",
            )
        peer = peer_of(scope)
        headers = headers_of(scope)
        sent = _Sent(workspace, source, label, peer, headers, security, _encoding(headers))
        if wait := self._rates.wait(f"{workspace}/{source}", time.monotonic()):
            raise _slow_down(wait)
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limits.body_bytes_max:
            raise self._too_large()
        if not needs_body(security.schemes) or not security.secrets:
            self._require(sent, self._verdict(sent, b""))
        return sent

    def _is_proxy(self, peer: str) -> bool:
        proxy = self._settings.access.proxy
        return proxy is not None and proxy.trusts(peer)

    # the body

    async def _take(self, sent: _Sent, receive: Receive) -> tuple[str, int, int]:
        """Read, verify and store: the outcome, the offset and the size."""
        try:
            with self.room.place("" if self._is_proxy(sent.peer) else sent.peer) as place:
                body = await self._read(receive, place)
                large = len(body) > LARGE_BODY_BYTES
                if large:
                    verdict = await asyncio.to_thread(self._verdict, sent, body)
                else:
                    verdict = self._verdict(sent, body)
                verified = self._require(sent, verdict)
                self._charge(sent)
                if sent.encoding:
                    body = await self._inflated(sent.encoding, body, place)
                seen = self._replays.seen(sent.workspace, sent.source, verified.identity)
                if seen is not None:
                    return REPEATED, seen, 0
                offset = await self._store(sent, body, large)
        except Crowded:
            raise Problem(
                503,
                "too many deliveries are being received at once: send it again later",
                outcome="crowded",
                retry_after_seconds=self._limits.retry_after_seconds,
            ) from None
        self._replays.remember(sent.workspace, sent.source, verified.identity, offset)
        return STORED, offset, len(body)

    async def _read(self, receive: Receive, place: Place) -> bytes:
        parts = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds_max):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self._limits.body_bytes_max:
                        raise self._too_large()
                    place.grow(len(part))
                    parts.append(part)
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise Problem(
                408,
                f"the body did not arrive within {self._limits.body_seconds_max:g} seconds: send it again",
                outcome="too_slow",
            ) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _verdict(self, sent: _Sent, body: bytes) -> Outcome:
        """Whether the delivery is genuine."""
        security = sent.security
        if security.open and not security.secrets:
            if from_this_machine(sent.headers, sent.peer):
                return Verified("open")
            return Rejected("without a secret, this source takes deliveries from its own machine alone")
        return verify(security.schemes, security.secrets, sent.headers, body, self._now() // MICROSECONDS)

    def _require(self, sent: _Sent, verdict: Outcome) -> Verified:
        """Raises a problem that tells what to set right, and no secret."""
        if isinstance(verdict, Verified):
            return verdict
        if not self._logged.take(sent.label, time.monotonic()):
            _log_lines.warning("a delivery to source %s was refused: %s", sent.label, verdict.reason)
        challenge = ", ".join(sorted({_CHALLENGES.get(name, "Signature") for name in sent.security.schemes}))
        raise Problem(401, verdict.reason, outcome="wrong_secret", challenge=challenge or "Signature")

    def _charge(self, sent: _Sent) -> None:
        # only what is genuine counts, so that a stranger can't use up a sender's rate
        if wait := self._rates.take(f"{sent.workspace}/{sent.source}", time.monotonic()):
            raise _slow_down(wait)

    async def _inflated(self, encoding: str, body: bytes, place: Place) -> bytes:
        bytes_max = self._limits.inflated_bytes_max
        reserved = min(bytes_max, len(body) * DEFLATE_RATIO_MAX)
        place.grow(reserved)
        try:
            plain = await asyncio.to_thread(inflate, encoding, body, bytes_max)
        except TooLarge:
            raise Problem(
                413,
                f"decompressed, the body is larger than {bytes_max} bytes: send less in one delivery",
                outcome="too_large",
            ) from None
        except Undecodable as error:
            raise Problem(400, f"{error}: send it as the header says", outcome="undecodable") from None
        place.shrink(reserved - len(plain))
        return plain

    async def _store(self, sent: _Sent, body: bytes, large: bool) -> int:
        headers = kept_headers(sent.headers)
        delivery = Delivery(sent.workspace, sent.source, self._now(), headers, body)
        seal = self._settings.keys.seal
        record = await asyncio.to_thread(seal, delivery) if large else seal(delivery)
        try:
            async with asyncio.timeout(self._limits.append_seconds_max):
                return await self._appender.append(sent.workspace.encode(), record)
        except QueueFull:
            outcome, detail = "queue_full", "too many deliveries wait for the disk: send it again later"
        except LogUnavailable:
            outcome, detail = "log_unavailable", "the log can't be written now: send it again later"
        except TimeoutError:
            outcome, detail = "log_slow", "the disk is too slow to say that it is stored: send it again later"
        raise Problem(
            503,
            f"{detail}; nothing was lost that was answered with 2xx",
            outcome=outcome,
            retry_after_seconds=self._limits.retry_after_seconds,
        )

    def _too_large(self) -> Problem:
        return Problem(
            413,
            f"the body is larger than {self._limits.body_bytes_max} bytes: send less in one delivery,"
            " or raise the limit in the settings",
            outcome="too_large",
        )


def _encoding(headers: dict[str, str]) -> str:
    """How a body is compressed; "" for not at all."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return ""
    if encoding not in ENCODINGS:
        raise Problem(
            415,
            "this Content-Encoding is not understood: use gzip or deflate, or send the body as it is",
            outcome="unknown_encoding",
        )
    return encoding


def _slow_down(wait_seconds: float) -> Problem:
    seconds = max(math.ceil(wait_seconds), 1)
    return Problem(
        429,
        f"this source sends more than its limit allows: wait {seconds} seconds, or raise the limit",
        outcome="rate_limited",
        retry_after_seconds=seconds,
    )

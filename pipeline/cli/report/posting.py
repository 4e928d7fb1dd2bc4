"""One event to a receiver, within a bounded time: what comes of it is an answer, or a reason.

A job that waits for us waits for nothing, so everything has an end, name look-ups and answers that never
end included: a try runs in a thread that nobody waits for longer than the time that is left.
"""

from __future__ import annotations

import json
import queue
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, HTTPMessage
from ipaddress import ip_address
from typing import IO, NamedTuple
from urllib.parse import quote, urlsplit

from pipeline.cli.exits import Exit, Problem

TRIES_MAX = 8
WAIT_SECONDS_MAX = 600.0
FIRST_PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 8 * 1024
ANSWER_SHOWN_CHARACTERS_MAX = 300
CONTENT_TYPE = "application/cloudevents+json"

#: answers that another try may change
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_SECRET_ASK = "set AFTERMERGE_REPORT_TOKEN (or --token-file) to the receiver's AFTERMERGE_SECRET_CLOUDEVENTS"


class Answer(NamedTuple):
    """What a try came to: the status (0 when there was none), the text, and how long to wait at least."""

    status: int
    text: str
    pause_seconds: float = 0.0


class _Unfollowed(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to an address that nobody named."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def receiver(url: str, workspace: str) -> str:
    """The address that events are posted to; exit 2 for what is no address."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if parts.username or parts.password:
        raise Problem(
            "the address of the receiver holds a user or a password, and would end up in logs",
            hint="leave them out of --url; the token comes from AFTERMERGE_REPORT_TOKEN or --token-file",
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise Problem(
            f"--url: {url!r} is no address of a receiver",
            hint="write it as https://aftermerge.example.com (or set AFTERMERGE_URL)",
        )
    return f"{url.rstrip('/')}/receive/{quote(workspace, safe='')}/cloudevents"


def overheard(url: str) -> bool:
    """Whether a token would travel in the clear, beyond this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return False
    try:
        return not ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True


def post(url: str, body: bytes, token: str, wait_seconds: float, say: Callable[[str], None]) -> Answer:
    """Post, again and again while that may help, for at most ``wait_seconds``; the last answer.

    Raises ``Problem`` when it was not taken; nothing that is said or raised holds the token.
    """
    deadline = time.monotonic() + wait_seconds
    pause = FIRST_PAUSE_SECONDS
    answer = Answer(0, "was not asked")
    for tried in range(1, TRIES_MAX + 1):
        answer = _within(deadline - time.monotonic(), url, body, token)
        if 200 <= answer.status < 300:
            return answer
        rest = max(min(pause, PAUSE_SECONDS_MAX), answer.pause_seconds)
        if answer.status not in _PASSING and answer.status:
            break
        if tried == TRIES_MAX or time.monotonic() + rest >= deadline:
            break
        say(f"try {tried}: {_told(answer)}; again in {rest:g} s")
        time.sleep(rest)
        pause *= 2
    raise _problem(url, answer, bool(token), wait_seconds)


def _within(seconds: float, url: str, body: bytes, token: str) -> Answer:
    if seconds <= 0:
        return Answer(0, "no time was left")
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    # a look-up of a name can't be given a time: whoever takes too long is left behind
    threading.Thread(
        target=lambda: answers.put(_try(url, body, token, seconds)), name="post", daemon=True
    ).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return Answer(0, f"no answer within {seconds:.3g} s")


def _try(url: str, body: bytes, token: str, seconds: float) -> Answer:
    headers = {"Content-Type": CONTENT_TYPE, "User-Agent": "aftermerge-report"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.build_opener(_Unfollowed).open(request, timeout=seconds) as response:
            return Answer(response.status, _shown(response.read(ANSWER_BYTES_MAX), token))
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(
                refused.code,
                _shown(_rest(refused), token),
                _pause(refused.headers.get("Retry-After", "")),
            )
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ssl.SSLCertVerificationError):
            reason = f"its certificate is not trusted here ({reason.verify_message}); SSL_CERT_FILE may help"
        return Answer(0, _shown(str(reason).encode(), token))
    except (OSError, HTTPException, ValueError) as error:
        return Answer(0, _shown((str(error) or type(error).__name__).encode(), token))


def _rest(refused: urllib.error.HTTPError) -> bytes:
    try:
        return refused.read(ANSWER_BYTES_MAX)
    except (OSError, HTTPException):
        return b""


def _pause(told: str) -> float:
    return float(told) if told.isascii() and told.isdigit() and len(told) < 6 else 0.0


def _shown(said: bytes, token: str) -> str:
    text = said.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        told = json.loads(text)
        if isinstance(told, dict) and isinstance(told.get("detail"), str):
            text = told["detail"]  # a problem document
    if token:
        text = text.replace(token, "***")
    return _CONTROL.sub(" ", text).strip()[:ANSWER_SHOWN_CHARACTERS_MAX]


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.text}".strip() if answer.status else answer.text


def _problem(url: str, answer: Answer, with_token: bool, wait_seconds: float) -> Problem:
    told = f"{url}: {_told(answer)}"
    if answer.status in (401, 403):
        if with_token:
            return Problem(f"the token was refused: {told}", hint=_SECRET_ASK)
        return Problem(f"no token was sent, and one is needed: {told}", hint=_SECRET_ASK)
    if 300 <= answer.status < 400:
        return Problem(f"redirected, which is not followed: {told}", hint="give --url where it leads to")
    if answer.status == 404:
        return Problem(
            f"nobody receives there: {told}", hint="check --url, --workspace and the receiver's secrets"
        )
    if 400 <= answer.status < 500 and answer.status not in _PASSING:
        return Problem(f"refused: {told}", hint="`--dry-run` prints the event")
    return Problem(
        f"not received within {wait_seconds:g} s: {told}",
        hint="--best-effort lets the job go on; --to-file FILE keeps the event for `aftermerge replay FILE`",
        code=Exit.UNAVAILABLE,
    )

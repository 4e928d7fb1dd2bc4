"""What went wrong with a request, as RFC 9457 problem details: what, where, and what to do."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.responses import Response

PROBLEM_TYPE = "application/problem+json"


class Problem(Exception):  # noqa: N818 - the standard's word
    """A request is answered with a problem. ``outcome`` is how it is counted."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        outcome: str = "",
        retry_after_seconds: int = 0,
        challenge: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.outcome = outcome
        self.headers: dict[str, str] = {}
        if retry_after_seconds:
            self.headers["retry-after"] = str(retry_after_seconds)
        if challenge:
            self.headers["www-authenticate"] = challenge

    def response(self) -> Response:
        """The answer to send."""
        return problem_response(self.status, self.detail, self.headers)


def problem_response(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Problem details as an answer."""
    told = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(
        json.dumps(told), status, {**(headers or {}), "cache-control": "no-store"}, media_type=PROBLEM_TYPE
    )

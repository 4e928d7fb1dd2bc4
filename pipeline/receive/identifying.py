"""Who sent a request, or the problem that answers it."""

from __future__ import annotations

from starlette.requests import Request

from pipeline.receive.access import Access, AccessRefused, Identity, Role, headers_of, peer_of
from pipeline.receive.problems import Problem


def identify(access: Access, role: Role, request: Request) -> Identity:
    """Who sent a request, if that may act in a role. Raises ``Problem`` (401 or 403)."""
    try:
        return access.require(role, headers_of(request.scope), peer_of(request.scope))
    except AccessRefused as refused:
        challenge = "Bearer" if refused.status == 401 else ""
        raise Problem(refused.status, refused.reason, challenge=challenge) from None

"""GitHub's webhooks: one delivery -> events.

The kind of a delivery is its header ``X-GitHub-Event``. Ids are natural keys of what happened
(``github acme/api#17 merged``), whatever the delivery, so a redelivery and a backfill tell the same.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import msgspec

from pipeline.core.events import InvalidEvent
from pipeline.sources.deliveries import Delivery, Reader, Reading, decoded
from pipeline.sources.github.heard import PARSER_VERSION, Heard
from pipeline.sources.github.kinds import KINDS

__all__ = ["PARSER_VERSION", "parse"]

KIND_HEADER = "x-github-event"
#: a webhook is either set up to send JSON, or a form with the JSON in its one field
_FORM = b"payload="
_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}")


class _Bare(msgspec.Struct, frozen=True):
    action: str | None = None


_BARE = msgspec.json.Decoder(_Bare)


def parse(delivery: Delivery, reader: Reader) -> Reading:
    """Read one delivery; raises ``InvalidEvent`` for what GitHub doesn't send."""
    kind_name = delivery.header(KIND_HEADER)
    if not _WORD.fullmatch(kind_name):
        raise InvalidEvent(f"the header X-GitHub-Event names no kind of delivery: {kind_name[:60]!r}")
    body = delivery.body
    if body.startswith(_FORM):
        body = unquote_to_bytes(body[len(_FORM) :].replace(b"+", b" "))
    if not body.isascii():
        _check_utf8(body)
    kind = KINDS.get(kind_name)
    if kind is None:
        return Reading([], _unused(kind_name, decoded(_BARE, body).action))
    posted = decoded(kind.decoder, body)
    if posted.action not in kind.actions:
        return Reading([], _unused(kind_name, posted.action))
    events = kind.read(posted, Heard(delivery, reader, _sender(posted)))
    return Reading(events, "" if events else _unused(kind_name, posted.action))


def _sender(posted: object) -> str:
    """The repository that a delivery is about; the organisation, where it is about all of them."""
    repository = getattr(posted, "repository", None)
    if repository is not None:
        return str(repository.full_name)
    organization = getattr(posted, "organization", None)
    if organization is None:
        raise InvalidEvent("the payload names neither a repository nor an organization")
    return str(organization.login)


def _check_utf8(body: bytes) -> None:
    """Fields that nobody reads are skipped without a look, so the text is looked at as a whole."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidEvent(f"the payload is no UTF-8: {error.reason} at byte {error.start}") from None


def _unused(kind: str, action: str | None) -> str:
    """What to count it under; an action that a person can make up is left out."""
    return (
        f"{kind} {action}" if action and _WORD.fullmatch(action) and kind != "repository_dispatch" else kind
    )

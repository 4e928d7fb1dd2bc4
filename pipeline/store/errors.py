"""What can go wrong with the store, and the translation of its driver's errors into that.

The engine answers with a code, a stack of C++ words and its version; people get one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

_MESSAGE_CHARACTERS_MAX = 500


class StoreUnavailable(RuntimeError):
    """The store can't be reached, or can't take rows now (outage, full disk): retry, then stop."""


class StoreHeld(StoreUnavailable):
    """Another process has the embedded store's directory open; ``pid`` is its id where known."""

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class InvalidQuery(ValueError):
    """The query is wrong: the text says why, without the engine's stack trace."""


class MigrationRefused(RuntimeError):
    """The migrations on disk and those already applied don't agree; nothing was changed."""


#: Error codes of ClickHouse after which the same request may succeed later, or on a healthier machine.
_OUTAGES = {
    3: "unexpected end of file",
    74: "the disk can't be read",
    75: "the disk can't be written, it may be full",
    76: "a file can't be opened, the disk may be full or read-only",
    159: "it took longer than the time limit",
    160: "it would have taken longer than the time limit",
    202: "too many queries run at once",
    209: "the network timed out",
    210: "the network failed",
    241: "there isn't enough memory",
    242: "the table is read-only",
    243: "the disk is full",
    252: "inserts come faster than parts can be merged",
    279: "no connection could be made",
    394: "the query was cancelled",
    425: "the operating system refused a call",
    439: "no thread could be started",
    516: "the user or the password is wrong",
}

#: what the driver puts around the words of a server
_WRAPPED = re.compile(
    r"^Received ClickHouse exception, code: \d+, server response: (.*?)(?: \(for url [^()]*\))?$", re.DOTALL
)
_PREFIX = re.compile(r"^(?:Code: \d+\. )?(?:DB::Exception: )+")
_VERSION = re.compile(r"\s*\(version [^)]*\)")
_NAME = re.compile(r"\s*\([A-Z][A-Z0-9_]+\)\.?\s*$")
_FORMAT_CLAUSE = re.compile(r"\n FORMAT Native")
_EXPECTED = re.compile(r"\.?\s*Expected one of:.*$", re.DOTALL)


def short_message(error: BaseException) -> str:
    """The engine's message in one line: no code, no version, no list of every possible token."""
    text = _WRAPPED.sub(r"\1", str(error)).split("Stack trace:")[0]
    text = _FORMAT_CLAUSE.sub("", _VERSION.sub("", text))
    text = _EXPECTED.sub("", text)
    before = ""
    while before != text:  # the embedded engine nests its prefixes and names
        before, text = text, _NAME.sub("", _PREFIX.sub("", text.strip()))
    return " ".join(text.split())[:_MESSAGE_CHARACTERS_MAX]


def outage_reason(error: BaseException) -> str:
    """Why a server can't be reached, as the system says it (``Connection refused``).

    The driver wraps that three times, with addresses and request ids; it is the innermost error. What
    the server itself answered comes in the engine's own words.
    """
    inner: BaseException | None = error
    reason = ""
    while inner is not None:
        if isinstance(inner, OSError):
            reason = inner.strerror or str(inner)
        inner = inner.__cause__ or inner.__context__
    return reason or short_message(error)


@contextmanager
def translated(place: str, action: str) -> Iterator[None]:
    """Turn the driver's errors into ``StoreUnavailable`` and ``InvalidQuery``.

    ``place`` names the store, ``action`` what was tried (``write 12 rows into changes``).
    """
    try:
        yield
    except ClickHouseError as error:
        code = getattr(error, "code", None)
        if code in _OUTAGES or (code is None and isinstance(error, OperationalError)) or _is_full(error):
            why = _OUTAGES.get(code, "") if code is not None else ""
            said = outage_reason(error) if code is None else short_message(error)
            detail = "; ".join(part for part in (why, said) if part)
            raise StoreUnavailable(f"cannot {action} at {place}: {detail}") from error
        raise InvalidQuery(short_message(error)) from error
    except OSError as error:
        raise StoreUnavailable(f"cannot {action} at {place}: {error.strerror or error}") from error


def _is_full(error: BaseException) -> bool:
    return "No space left on device" in str(error)

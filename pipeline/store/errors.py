"""What can go wrong with the store, and the translation of its driver's errors into that.

The engine answers with a code, a stack of C++ words and its version; people get one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)

_MESSAGE_CHARACTERS_MAX = 500


class StoreUnavailable(RuntimeError):
    """The store can't be reached, or can't take rows now (outage, full disk): retry, then stop."""


class StoreHeld(StoreUnavailable):
    """Another process has the embedded store's directory open; ``pid`` is its id where known."""

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class MissingNow(StoreUnavailable):
    """A table or the database is not there, as on a server that just starts; tried in vain, it is lost."""


class StoreMissing(RuntimeError):
    """A table or the database is gone: waiting does not bring it back, the text says what to do."""


class InvalidQuery(ValueError):
    """The query is wrong: the text says why, without the engine's stack trace."""


class MigrationRefused(RuntimeError):
    """The migrations on disk and those already applied don't agree; nothing was changed."""


class ClusterRefused(RuntimeError):
    """The tables and the named cluster of servers don't go together; nothing was changed."""


#: Error codes of ClickHouse after which the same request may succeed later, or on a healthier machine,
#: whoever asked.
_OUTAGES = {
    3: "unexpected end of file",
    74: "the disk can't be read",
    75: "the disk can't be written, it may be full",
    76: "a file can't be opened, the disk may be full or read-only",
    159: "it took longer than the time limit",
    160: "it would have taken longer than the time limit",
    173: "there isn't enough memory",
    198: "a name can't be resolved",
    202: "too many queries run at once",
    203: "no connection was free",
    209: "the network timed out",
    210: "the network failed",
    225: "there is no keeper",
    236: "the server is shutting down, or stopped it",
    241: "there isn't enough memory",
    242: "the table is read-only",
    243: "the disk is full",
    252: "inserts come faster than parts can be merged",
    254: "no replica is active",
    279: "no connection could be made",
    285: "too few replicas are alive",
    286: "the replicas did not agree in time",
    319: "the server can't tell whether it was written",
    394: "the query was cancelled",
    425: "the operating system refused a call",
    439: "no thread could be started",
    499: "the object storage failed",
    516: "the user or the password is wrong",
    999: "the keeper failed",
    1000: "the server's network or files failed",
}
#: The same for what this program asks by itself: the operator of the server can mend it.
_OPERATED = {
    60: "a table is missing",
    81: "the database is missing",
    164: "the user of the store may only read",
    291: "the user of the store may not use the database",
    359: "the table is larger than the server lets be dropped (max_table_size_to_drop)",
    452: "the user of the store may not use a setting",
    497: "the user of the store lacks a right",
}
_MISSING = frozenset((60, 81))
#: What is wrong with what was said, at any time and on any server. Everything that is in none of these
#: three, codes that newer servers have included, is an outage for what this program asks by itself.
_MISTAKES = frozenset(
    (
        *(2, 7, 8, 9, 10, 15, 16, 20),  # numbers and names of columns
        *(36, 42, 43, 44, 46, 47, 48),  # functions and what they are given
        *(50, 51, 53, 56, 57, 62, 63, 70, 73, 78),  # types, engines, grammar
        *(115, 117, 179, 184, 215),  # settings, broken data, aggregates
        *(344, 349, 352, 386, 407, 456, 457),  # newer ones of all these kinds
    )
)
#: the driver's own refusals, before or after a server had its say
_REFUSED_HERE = (ProgrammingError, DataError, IntegrityError, InterfaceError, NotSupportedError)

#: what the driver puts around the words of a server
_WRAPPED = re.compile(
    r"^Received ClickHouse exception, code: \d+, server response: (.*?)(?: \(for url [^()]*\))?$", re.DOTALL
)
_CODE = re.compile(r"\bCode: (\d+)\. ")
_PREFIX = re.compile(r"^(?:Code: \d+\. )?(?:DB::Exception: )+")
_VERSION = re.compile(r"\s*\(version (?:[^()]|\([^()]*\))*\)")
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
def translated(place: str, action: str, *, asked: bool = False) -> Iterator[None]:
    """Turn the driver's errors into ``StoreUnavailable`` (or its ``MissingNow``) and ``InvalidQuery``.

    ``place`` names the store, ``action`` what was tried (``write 12 rows into changes``). What this
    program says by itself was right yesterday: unless the server names a plain mistake, it is the
    server's trouble, and worth another try. With ``asked`` the words are somebody else's, and what is
    no known outage is theirs to put right.
    """
    try:
        yield
    except ClickHouseError as error:
        code = _code(error)
        if _is_outage(error, code, asked=asked) or _is_full(error):
            why = {**_OUTAGES, **_OPERATED}.get(code, "") if code is not None else ""
            said = outage_reason(error) if code is None else short_message(error)
            detail = "; ".join(part for part in (why, said) if part)
            kind = MissingNow if code in _MISSING else StoreUnavailable
            raise kind(f"cannot {action} at {place}: {detail}") from error
        raise InvalidQuery(short_message(error)) from error
    except OSError as error:
        raise StoreUnavailable(f"cannot {action} at {place}: {error.strerror or error}") from error


def _is_outage(error: ClickHouseError, code: int | None, *, asked: bool) -> bool:
    if code is None:  # nobody understood the question: a proxy, the network, a server that dies
        return not isinstance(error, _REFUSED_HERE)
    if asked:
        return code in _OUTAGES
    return code not in _MISTAKES


def _code(error: ClickHouseError) -> int | None:
    """The engine's code; it stands in its words alone when an answer fails half-way."""
    code: int | None = getattr(error, "code", None)
    if code is None and (match := _CODE.search(str(error))):
        return int(match[1])
    return code


def _is_full(error: BaseException) -> bool:
    return "No space left on device" in str(error)

"""What goes over the control socket: the calls of the ``Log`` protocol, their limits, and their errors.

A call is ``POST /1/log/<name>`` with its arguments as one msgpack array, in the order of the protocol;
the answer is its result in msgpack. What the log raised comes back as the same class with the same
words. The number in the path changes when these forms do, so that two versions which don't understand
each other say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.log.protocol import LogCorrupt, LogHeld, LogUnavailable, NewRecord, Record

PREFIX = "/1"
CALL_PATH = f"{PREFIX}/log/"
ACTION_PATH = f"{PREFIX}/actions/"
JOB_PATH = f"{PREFIX}/jobs/"
MSGPACK = "application/msgpack"
JSON = "application/json"

#: one append or commit is one batch, durable as a whole or not at all, so it is never cut: it is refused
BATCH_BYTES_MAX = 64 * 2**20
#: one answer to ``read`` holds at most so many records ...
READ_RECORDS_MAX = 20_000
#: ... and about so many bytes; it always holds one record, however large that is
ANSWER_BYTES_MAX = 8 * 2**20
#: ``latest`` is answered piece by piece
PIECE_BYTES_MAX = 4 * 2**20
#: each piece begins with its length; a length of nothing ends the answer
LENGTH_BYTES = 4

#: call -> the types of its arguments
CALLS: Mapping[str, Any] = {
    "create_topic": tuple[str, int, bool],
    "partitions": tuple[str],
    "append": tuple[str, int, list[NewRecord]],
    "read": tuple[str, int, int, int],
    "end": tuple[str, int],
    "begin": tuple[str, int],
    "trim": tuple[str, int, int],
    "latest": tuple[str, int],
    "committed": tuple[str, str, int],
    "commit": tuple[str, str, int, int, list[tuple[str, int, list[NewRecord]]]],
}

#: records, and whether there may be more behind the last one
ReadAnswer = tuple[list[Record], bool]
#: a piece of the answer to ``latest``: keys and their values
Piece = list[tuple[bytes, bytes]]

#: what comes back as what it was -> the HTTP status that it travels under
ERRORS: Mapping[type[Exception], int] = {
    LogHeld: 503,
    LogUnavailable: 503,
    LogCorrupt: 500,
    KeyError: 404,
    ValueError: 400,
}
_CLASSES = {kind.__name__: kind for kind in ERRORS}


class Failure(msgspec.Struct, frozen=True):
    """An error on its way: the name of its class, and its words."""

    kind: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """A failure under the first name of its class that the other side knows."""
        # the text of a KeyError is its argument in quotes
        message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        known = next((kind for kind in type(error).__mro__ if kind in ERRORS), type(error))
        return cls(known.__name__, message)

    @property
    def status(self) -> int:
        """The HTTP status to answer with; 500 for what nobody foresaw."""
        kind = _CLASSES.get(self.kind)
        return 500 if kind is None else ERRORS[kind]

    def error(self) -> Exception:
        """The error to raise on this side."""
        kind = _CLASSES.get(self.kind)
        if kind is None:
            return RuntimeError(f"unexpected {self.kind} in the running process: {self.message}")
        return kind(self.message)


def too_large(size_bytes: int) -> ValueError:
    """The refusal of a batch that is larger than one request may be."""
    return ValueError(
        f"a batch of {size_bytes:,} bytes is too large for a log that another process holds:"
        f" append at most {BATCH_BYTES_MAX:,} bytes at a time"
    )

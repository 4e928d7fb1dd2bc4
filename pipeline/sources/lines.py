"""Files of lines: plain or gzip, one record a line, read with bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

LINE_BYTES_MAX = 1 << 20
#: a file with more bad lines than this is not what the user thinks it is
UNREADABLE_LINES_MAX = 10_000
_GZIP_MAGIC = b"\x1f\x8b"


class UnreadableLine(NamedTuple):
    """A line that can't be taken in: its number (from 1), why, and its bytes (cut at the maximum).

    The step that reads the file keeps it as a dead letter, with the file's name and the workspace.
    """

    number: int
    reason: str
    value: bytes


class UnreadableFile(ValueError):
    """The file as a whole can't be read on: missing, a directory, damaged or cut off."""


class LinesFile:
    """The non-empty lines of a file with their numbers; it can be gone through several times.

    A line longer than ``LINE_BYTES_MAX`` comes cut to ``LINE_BYTES_MAX + 1`` bytes, the rest is skipped.
    Raises ``UnreadableFile`` while it is read, naming the file and the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            with open_lines(self.path) as file:
                while line := file.readline(LINE_BYTES_MAX + 1):
                    number += 1
                    rest = line
                    while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
                        rest = file.readline(LINE_BYTES_MAX + 1)
                    if stripped := line.strip():
                        yield number, stripped
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UnreadableFile(
                f"{self.path}: damaged or cut off after line {number} ({error}); the lines before it are good"
            ) from None
        except OSError as error:
            raise UnreadableFile(f"{self.path}: {error.strerror or error}") from None


def open_lines(path: Path) -> BinaryIO:
    """Open a file for reading, through gzip when its first bytes say so (whatever its name)."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")

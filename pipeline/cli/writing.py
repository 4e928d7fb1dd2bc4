"""Files that a command writes: whole or not at all, and the same bytes for the same content."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

STANDARD_OUTPUT = Path("-")


@contextmanager
def written(file: Path | None) -> Iterator[BinaryIO]:
    """Where to write: standard output for none, else a file that has its name when all of it is there.

    A name that ends in .gz is compressed.
    """
    if file is None or file == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = file.with_name(file.name + ".part")
    with unfinished.open("wb") as plain:
        if file.suffix == ".gz":
            # neither its name nor the time of writing, so that equal contents are equal files
            with gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        else:
            yield plain
    unfinished.replace(file)

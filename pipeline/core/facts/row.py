"""What every row is."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Fact(msgspec.Struct, gc=False):
    """One row of one fact table."""

    table: ClassVar[str] = ""
    keys: ClassVar[tuple[str, ...]] = ()

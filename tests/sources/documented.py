"""The tables of ``docs/sources.md``, to be held against the code."""

from __future__ import annotations

import re
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs/sources.md"
_ROW = re.compile(r"^\| `([\w.]+)` \|(.*)\|$", re.MULTILINE)


def documented_kinds(section: str) -> dict[str, set[str]]:
    """Kind -> records, as the table of kinds in one section says; fails without such a section."""
    sections = re.split(r"^## ", _DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (text,) = (text for text in sections if text.startswith(f"{section}\n"))
    return {kind: set(re.findall(r"`(\w+)`", row.split("|")[0])) for kind, row in _ROW.findall(text)}

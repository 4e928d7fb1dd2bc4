"""What is wrong in a catalogue file, in words for whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from pipeline.sources.catalogue_models import (
    Written,
    WrittenHolidays,
    WrittenHours,
    WrittenObjective,
    WrittenService,
    WrittenTeam,
)
from pipeline.sources.catalogue_rules import WrittenCatalogue, WrittenClass, WrittenPolicy, WrittenSignal
from pipeline.sources.expressions import near
from pipeline.sources.yaml_text import Document, Place

#: where a model stands in a document, names of entries as ``*``
_MODELS: dict[tuple[str, ...], type[Written]] = {
    (): WrittenCatalogue,
    ("teams", "*"): WrittenTeam,
    ("teams", "*", "hours"): WrittenHours,
    ("teams", "*", "holidays"): WrittenHolidays,
    ("services", "*"): WrittenService,
    ("services", "*", "slos", "*"): WrittenObjective,
    ("classes", "*"): WrittenClass,
    ("policies", "*"): WrittenPolicy,
    ("signals", "*"): WrittenSignal,
}
#: kind of a mistake in pydantic's words -> ours; what is missing here speaks for itself
_WORDS = {
    "list_type": "write a list, as in [a, b]",
    "dict_type": "write names, and what they mean below each",
    "model_type": "write keys and their values",
    "model_attributes_type": "write keys and their values",
    "string_type": "write a text",
    "int_parsing": "write a whole number",
    "bool_parsing": "write true or false",
    "too_long": "{actual_length} of them, at most {max_length} are read",
    "greater_than_equal": "{ge} or more is meant",
    "less_than_equal": "{le} or less is meant",
}


def mistakes_of(error: ValidationError, document: Document, name: str) -> Iterator[str]:
    """Each mistake with file, line and place, in words for whoever wrote the file."""
    for found in error.errors(include_url=False):
        place = tuple(part for part in found["loc"] if part != "[key]")
        shown = ".".join(map(str, place)) or "the document"
        yield f"{name}:{document.line(place)}: {shown[:200]}: {_reason(found, place)}"


def _reason(found: Any, place: Place) -> str:
    if found["type"] == "extra_forbidden":
        above = place[:-1]
        shape = tuple("*" if depth % 2 else str(part) for depth, part in enumerate(above))
        return f"unknown: {near(str(place[-1]), _MODELS[shape].known_keys())}"
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    words = _WORDS.get(found["type"])
    return str(found["msg"]) if words is None else words.format(**found.get("ctx", {}))

"""Findings as one JSON document: stable names, times in ISO 8601 UTC, nothing left out.

The names are those of the tables' columns. A list is always a list, and what isn't known is null or "".
"""

from __future__ import annotations

import msgspec

from pipeline.explain.findings import Findings
from pipeline.explain.reasons import Reason
from pipeline.explain.words import iso

Document = dict[str, object]
#: fields of the findings whose members are taken up one level
_INLINE = "row"


def document(findings: Findings) -> Document:
    """The document of an explanation."""
    found = _plain("", findings)
    assert isinstance(found, dict)
    return {"kind": findings.__struct_config__.tag, **found}


def _plain(name: str, value: object) -> object:
    if isinstance(value, Reason):
        return {
            "name": value.name,
            "log": value.log,
            "compared_with": value.beside,
            "side": value.side,
            "text": value.text,
        }
    if isinstance(value, msgspec.Struct):
        fields: Document = {}
        for field in value.__struct_fields__:
            plain = _plain(field, getattr(value, field))
            if field == _INLINE and isinstance(plain, dict):
                fields.update(plain)
            else:
                fields[field] = plain
        return fields
    if isinstance(value, int) and not isinstance(value, bool) and _is_time(name):
        return iso(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _plain(key, item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): _plain("", item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain("", item) for item in value]
    return value


def _is_time(name: str) -> bool:
    return name in ("time", "as_of") or name.endswith("_at")

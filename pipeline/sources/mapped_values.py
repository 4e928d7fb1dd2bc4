"""How one value of a mapping is found in a JSON document: by expression, text, table, time or constant.

Everything that can be wrong with the way it is written is found when it is read (``MappingError``);
what is wrong with a document's value is ``InvalidEvent``. A value that is not there is ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from pipeline.core.events import InvalidEvent
from pipeline.sources.expressions import (
    EXPRESSION_CHARACTERS_MAX,
    Context,
    MappingError,
    Value,
    brief,
    expression,
)
from pipeline.sources.times import MICROSECONDS, TIME_MAX, TIME_MIN, AwareTime, micros

TEXT_CHARACTERS_MAX = 20_000
LIST_ITEMS_MAX = 10_000
_INT64_MAX = 2**63 - 1


Kind = Literal["text", "whole number", "number", "flag", "texts", "whole numbers", "time", "version"]
#: annotation of a struct's field -> what it takes; fields named ``..._at`` are times
KINDS: dict[Any, Kind] = {
    str: "text",
    int: "whole number",
    int | None: "whole number",
    float | None: "number",
    bool: "flag",
    list[str]: "texts",
    list[int]: "whole numbers",
}
#: unit of a number that tells a time -> microseconds
UNITS = {"seconds": MICROSECONDS, "milliseconds": 1_000, "microseconds": 1}

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"-?[0-9]{1,19}(?:\.[0-9]{1,19})?")
_TEXT_PARTS = re.compile(r"(\{\{|\}\}|\{[^{}]*\})")
_FLAGS = {"true": True, "false": False}


def value(told: object, kind: Kind, where: str) -> Value:
    """A value as a rule writes it, fitted to what the field takes."""
    find = _time_value(told, where) if kind in ("time", "version") else None
    if find is None:
        find = _plain_value(told, kind, where)

    def fitted(context: Context) -> Any:
        found = find(context)
        return None if found is None else fit(found, kind)

    return fitted


def fit(found: Any, kind: Kind) -> Any:
    """A JSON value as what a field takes; raises ``InvalidEvent`` when it can't be."""
    return _FITS[kind](found)


def text_of(found: Any) -> str:
    """A text, or a number or a flag as JSON writes it."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str | int | float):
        text = str(found)
        if len(text) > TEXT_CHARACTERS_MAX:
            raise InvalidEvent(f"a text of {len(text)} characters, at most {TEXT_CHARACTERS_MAX} are read")
        return text
    raise InvalidEvent(f"expected a text, got {brief(found)}")


def _plain_value(told: object, kind: Kind, where: str) -> Value:
    if isinstance(told, str):
        return expression(told, where)
    if not isinstance(told, dict):
        raise MappingError(
            f"{where}: write an expression in quotes, or {{text: ...}}, {{constant: ...}}, "
            "{value: ..., table: ...}"
        )
    forms = set(told)
    if forms == {"constant"}:
        constant = _constant(told["constant"], kind, where)
        return lambda _: constant
    if forms == {"text"}:
        return _template(told["text"], where)
    if {"value", "table"} <= forms <= {"value", "table", "otherwise"}:
        return _table(told, kind, where)
    shown = ", ".join(sorted(map(str, told)))
    raise MappingError(
        f"{where}: {{{shown}}} is no value: write text, constant, or value with table"
        + (f", or one of iso, {', '.join(UNITS)}, received" if kind in ("time", "version") else "")
    )


def _constant(told: Any, kind: Kind, where: str) -> Any:
    try:
        return fit(told, kind)
    except InvalidEvent as error:
        raise MappingError(f"{where}: {brief(told)} is no {kind}: {error}") from None


def _template(told: object, where: str) -> Value:
    """A text with expressions in braces; ``None`` as soon as one of them finds nothing."""
    if not isinstance(told, str) or len(told) > EXPRESSION_CHARACTERS_MAX:
        raise MappingError(
            f"{where}: text takes at most {EXPRESSION_CHARACTERS_MAX} characters, with expressions in braces"
        )
    parts: list[str | Value] = []
    for part in _TEXT_PARTS.split(told):
        if part in ("{{", "}}"):
            parts.append(part[0])
        elif part.startswith("{") and part.endswith("}"):
            parts.append(expression(part[1:-1], where))
        elif "{" in part or "}" in part:
            raise MappingError(f"{where}: a brace that doesn't close: write {{{{ or }}}} for the sign itself")
        else:
            parts.append(part)

    def filled(context: Context) -> str | None:
        texts = []
        for part in parts:
            found = part if isinstance(part, str) else part(context)
            if found is None:
                return None
            texts.append(text_of(found))
        return "".join(texts)

    return filled


def _table(told: dict[Any, Any], kind: Kind, where: str) -> Value:
    """A value by way of a table: what is not in it becomes ``otherwise``, or nothing."""
    if not isinstance(told["table"], dict):
        raise MappingError(f"{where}: table takes pairs, what comes in -> what goes out")
    find = expression(told["value"], f"{where}.value")
    table = {_constant(key, "text", where): _constant(out, kind, where) for key, out in told["table"].items()}
    otherwise = _constant(told["otherwise"], kind, where) if "otherwise" in told else None

    def looked_up(context: Context) -> Any:
        found = find(context)
        return otherwise if found is None else table.get(text_of(found), otherwise)

    return looked_up


def _time_value(told: object, where: str) -> Value | None:
    """The forms that only times have."""
    if not isinstance(told, dict) or len(told) != 1:
        return None
    ((form, inner),) = told.items()
    if form == "received" and inner is True:
        return lambda context: context.received_at
    if form == "iso":
        find = expression(inner, where)
        return lambda context: None if (found := find(context)) is None else _instant(found)
    if form in UNITS:
        find, unit = expression(inner, where), UNITS[form]
        return lambda context: None if (found := find(context)) is None else _counted(found, unit)
    return None


def _texts(found: Any) -> list[str]:
    return [text_of(part) for part in _items(found)]


def _whole_numbers(found: Any) -> list[int]:
    return [_whole(part) for part in _items(found)]


def _items(found: Any) -> list[Any]:
    parts: list[Any] = found if isinstance(found, list) else [found]
    if len(parts) > LIST_ITEMS_MAX:
        raise InvalidEvent(f"{len(parts)} items, at most {LIST_ITEMS_MAX} are read")
    return parts


def _flag(found: Any) -> bool:
    flag = found if isinstance(found, bool) else _FLAGS.get(str(found).casefold())
    if flag is None:
        raise InvalidEvent(f"expected true or false, got {brief(found)}")
    return flag


def _instant(found: Any) -> int:
    """Microseconds of a text in RFC 3339. What is a number already was counted by its unit."""
    if isinstance(found, int) and not isinstance(found, bool) and TIME_MIN <= found <= TIME_MAX:
        return found
    if isinstance(found, str):
        try:
            return micros(msgspec.convert(found, AwareTime), "time")
        except msgspec.ValidationError:
            pass
    raise InvalidEvent(
        f"{brief(found)} is no time with a zone like 2024-05-01T12:00:00Z: "
        "of a number say what it counts, as in {seconds: ...}"
    )


def _counted(found: Any, unit: int) -> int:
    number = _number(found)
    # compared before it is multiplied: a float may be infinite afterwards
    if not TIME_MIN <= number * unit <= TIME_MAX:
        raise InvalidEvent(f"{brief(found)} is outside the years 1990 to 2262: is the unit right?")
    return int(number) * unit if number == int(number) else round(number * unit)


def _whole(found: Any) -> int:
    if isinstance(found, str) and _WHOLE.fullmatch(found):
        found = int(found)
    if isinstance(found, float) and abs(found) <= _INT64_MAX and found == int(found):
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not -_INT64_MAX <= found <= _INT64_MAX:
        raise InvalidEvent(f"expected a whole number, got {brief(found)}")
    return found


def _number(found: Any) -> int | float:
    if isinstance(found, str) and _DECIMAL.fullmatch(found):
        found = float(found)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= _INT64_MAX:
        raise InvalidEvent(f"expected a number, got {brief(found)}")
    return found


def _rounded(found: Any) -> float:
    return float(_number(found))


_FITS: dict[Kind, Callable[[Any], Any]] = {
    "text": text_of,
    "texts": _texts,
    "whole number": _whole,
    "whole numbers": _whole_numbers,
    "version": _whole,
    "number": _rounded,
    "flag": _flag,
    "time": _instant,
}

"""JMESPath expressions of a mapping, and what is checked of them before any document comes."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from pipeline.core.events import InvalidEvent

EXPRESSION_CHARACTERS_MAX = 2_000
_SHOWN_CHARACTERS_MAX = 80
#: an alias in YAML may stand for far more than its few characters
_short = reprlib.Repr()
_short.maxlevel = 2
_short.maxstring = _short.maxother = _SHOWN_CHARACTERS_MAX
#: what jmespath lets through of the values that an expression meets
_FAULTS = (JMESPathError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


class MappingError(ValueError):
    """A mapping is written wrongly: the message names its file, the rule, and what to write instead."""


class Context(NamedTuple):
    """What expressions see, and when the delivery came in (microseconds UTC)."""

    document: dict[str, Any]
    received_at: int


Value = Callable[[Context], Any]


def expression(told: object, where: str) -> Value:
    """A JMESPath expression."""
    if not isinstance(told, str) or not told.strip():
        raise MappingError(f"{where}: write a JMESPath expression, in quotes")
    if len(told) > EXPRESSION_CHARACTERS_MAX:
        raise MappingError(f"{where}: the expression is longer than {EXPRESSION_CHARACTERS_MAX} characters")
    try:
        compiled = jmespath.compile(told)
    except JMESPathError as error:
        reason = " ".join(str(error).split())[: 2 * _SHOWN_CHARACTERS_MAX]
        raise MappingError(f"{where}: no JMESPath expression: {reason}") from None
    except RecursionError:
        raise MappingError(f"{where}: the expression is nested too deeply") from None
    _check_tree(compiled.parsed, where)

    def find(context: Context) -> Any:
        try:
            return compiled.search(context.document)
        except _FAULTS as error:
            raise InvalidEvent(f"{brief(told)}: {brief(str(error))}") from None

    return find


def near(name: str, names: Iterable[str]) -> str:
    """``did you mean 'environment'?`` for a slip, else the names that there are."""
    close = get_close_matches(name, known := sorted(names), n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def brief(found: object) -> str:
    """A value for a message."""
    return _short.repr(found)


def _check_tree(parsed: Any, where: str) -> None:
    """What jmespath takes, and finds wrong or never true only when a document comes."""
    table: dict[str, Any] = getattr(Functions, "FUNCTION_TABLE")  # noqa: B009 - the stubs don't have it
    left = [parsed]
    while left:
        node = left.pop()
        if not isinstance(node, dict):
            continue
        children = node.get("children", ())
        left.extend(children)
        if node.get("type") == "subexpression" and children[0].get("type") == "not_expression":
            # the sign binds closer than the dot: !a.b is (!a).b, which is never there
            raise MappingError(f"{where}: write !(a.b) for !a.b")
        if node.get("type") != "function_expression":
            continue
        if node["value"] not in table:
            raise MappingError(f"{where}: no function {node['value']!r}: {near(node['value'], table)}")
        signature = table[node["value"]]["signature"]
        variadic = bool(signature and signature[-1].get("variadic"))
        if len(children) < len(signature) or (len(children) > len(signature) and not variadic):
            raise MappingError(f"{where}: {node['value']}() takes {len(signature)} arguments")

"""What a statement from outside may do: read our tables with harmless functions, and nothing else.

The engine parses the statement and gives its syntax tree; every node of it must be of a kind, a
function, a table or a setting that is on a list here. What the lists don't know is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.store.answering import Answers, EngineError
from pipeline.web.allowed import (
    EXPLAINED,
    FUNCTION_CATEGORIES,
    FUNCTIONS,
    INFORMATION_SCHEMA,
    NODES,
    REFUSED_FUNCTIONS,
    SHOWN,
    STATEMENTS,
    SYSTEM_TABLES,
    TABLE_FUNCTIONS,
)
from pipeline.web.refusals import ACCESS_DENIED, READONLY, SYNTAX_ERROR, Refused
from pipeline.web.wishes import checked_format, checked_setting

STATEMENT_CHARACTERS_MAX = 256 * 1024
#: levels of nesting in a statement's tree
TREE_LEVELS_MAX = 600

#: statements whose tree the engine doesn't give; what they name stands where a SELECT has its table
_DESCRIBE = re.compile(r"\ADESCRIBE TABLE\s", re.ASCII)
_NAMED = re.compile(r"\A(?:EXISTS|SHOW CREATE) (?:TABLE|VIEW)\s", re.ASCII)
_IN = re.compile(r"\A(?:global)?(?:not)?(?:null)?in(?:ignoreset)?\Z", re.IGNORECASE)
#: what an aggregate function's name may end in, which changes how it is applied
_COMBINATOR = re.compile(
    r"(?:SimpleState|OrDefault|Distinct|Resample|ForEach|ArgMax|ArgMin|OrNull|Tuple|Merge|State|Array|Null|Map|If)\Z"
)


class Checked(NamedTuple):
    """A statement that may be answered, as the engine understood it."""

    statement: str
    #: the format that it names itself; empty: none
    format: str


class Guard:
    """Checks statements for one store; ``hidden`` maps a role to the tables it may not read."""

    def __init__(self, answers: Answers, hidden: Mapping[str, Collection[str]]) -> None:
        self._answers = answers
        self._hidden = {role: frozenset(tables) for role, tables in hidden.items()}
        listed = answers.rows("SELECT name, categories, alias_to, origin FROM system.functions")
        self._functions = _harmless(listed)
        self._harmful = frozenset(str(name).lower() for name, *_ in listed) - self._functions

    def check(self, text: str, role: str) -> Checked:
        """What is answered for ``text``. Raises ``Refused``, or ``EngineError`` for wrong SQL."""
        if len(text) > STATEMENT_CHARACTERS_MAX:
            raise Refused(SYNTAX_ERROR, f"a statement has at most {STATEMENT_CHARACTERS_MAX} characters")
        if "\0" in text:
            raise Refused(SYNTAX_ERROR, "a statement has no NUL characters")
        if not text.strip():
            raise Refused(SYNTAX_ERROR, "Empty query")
        # what is checked and answered is the engine's own wording, so there are not two readings of one text
        statement = self._answers.canonical(text)
        select = statement
        only_names = False
        if _DESCRIBE.match(statement):
            select = _DESCRIBE.sub("SELECT * FROM ", statement, count=1)
        elif _NAMED.match(statement):
            select = _NAMED.sub("SELECT * FROM ", statement, count=1)
            only_names = True
        tree = self._tree(select)
        if only_names and not _is_table_alone(tree):
            raise _denied("only a table's or a view's name is taken here")
        if tree["type"] not in STATEMENTS:
            raise Refused(READONLY, f"only statements that read are answered here, not {tree['type']}")
        try:
            _Walk(self, role, _names(tree)).node(tree, 0)
        except RecursionError:
            raise _too_deep() from None
        return Checked(statement, str((tree.get("format_ast") or {}).get("name", "")))

    def _tree(self, statement: str) -> Any:
        try:
            return self._answers.tree(statement)
        except EngineError as error:
            if "parseQueryToJSON" in str(error) and "does not support" in str(error):
                raise Refused(
                    READONLY, "only SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN are answered here"
                ) from None
            raise
        except RecursionError:
            raise _too_deep() from None

    def function(self, name: str) -> None:
        """Refuse a function that could reach outside the tables; also one nobody knows."""
        found = name
        while found.lower() not in self._functions:
            shorter = _COMBINATOR.sub("", found)
            if shorter == found:
                raise _denied(f"the function {name} is not available here")
            found = shorter

    def argument(self, name: str) -> None:
        """Refuse a bare name that would be called: `arrayMap(file, ...)` is `arrayMap(x -> file(x), ...)`."""
        if name.lower() in self._harmful:
            raise _denied(f"the function {name} is not available here; a column of this name needs its table")

    def table(self, role: str, database: str, table: str) -> None:
        """Refuse a table that is not ours to show to ``role``; no database: the current one."""
        mine = self._answers.database
        if database in ("", mine):
            if table in self._hidden.get(role, frozenset()):
                raise _denied(f"the role {role} may not read the table {table}")
        elif database == "system":
            if table not in SYSTEM_TABLES:
                raise _denied(f"the table system.{table} is not available here")
        elif database.lower() != INFORMATION_SCHEMA:
            raise _denied(f"only the database {mine} is available here, not {database}")

    def database(self, name: str) -> None:
        """Refuse a database whose tables may not be listed."""
        if name not in ("", self._answers.database, "system") and name.lower() != INFORMATION_SCHEMA:
            raise _denied(f"only the database {self._answers.database} is available here, not {name}")

    def is_database(self, name: str) -> bool:
        return any(name == row[0] for row in self._answers.rows("SELECT name FROM system.databases"))


def _too_deep() -> Refused:
    return Refused(SYNTAX_ERROR, "the statement is nested too deeply")


def _denied(message: str) -> Refused:
    return Refused(ACCESS_DENIED, message)


class _Walk:
    """One pass over the tree of one statement."""

    def __init__(self, guard: Guard, role: str, names: frozenset[str]) -> None:
        self._guard = guard
        self._role = role
        self._names = names

    def node(self, value: Any, level: int) -> None:
        if level > TREE_LEVELS_MAX:
            raise _too_deep()
        if isinstance(value, list):
            for item in value:
                self.node(item, level + 1)
        if not isinstance(value, dict):
            return
        kind = value.get("type")
        if kind == "Literal":
            return
        if kind is not None:
            if kind not in NODES:
                raise _denied(f"{kind} is not available here")
            self._one(kind, value)
        for child in value.values():
            self.node(child, level + 1)

    def _one(self, kind: str, node: dict[str, Any]) -> None:
        if node.get("out_file") is not None or node.get("compression") is not None:
            raise Refused(READONLY, "nothing can be written to a file here")
        if (found := node.get("format_ast")) is not None:
            checked_format(str(found.get("name", "")))
        if kind == "Function":
            self._function(node)
        elif kind == "TableIdentifier":
            self._table(node)
        elif kind == "TableExpression":
            function = node.get("table_function")
            # in lower case: the engine knows VALUES, too, which JDBC writes; no other has the same letters
            if function is not None and str(function.get("name")).lower() not in TABLE_FUNCTIONS:
                raise _denied(f"the table function {function.get('name')} is not available here")
        elif kind == "ColumnsApplyTransformer":
            if name := node.get("func_name"):
                self._guard.function(name)
        elif kind == "SetQuery":
            for change in node.get("changes", ()):
                checked_setting(str(change["name"]), change["value"].get("value"))
            if set(node) - {"type", "changes"}:
                raise Refused(READONLY, "settings are changed by SETTINGS name = value only")
        elif kind == "QueryParameter":
            if node.get("param_type") == "Identifier":
                raise _denied("parameters of the type Identifier are not available here: write the name")
        elif kind == "ExplainQuery":
            self._explained(node)
        elif kind in SHOWN:
            self._shown(kind, node)

    def _function(self, node: dict[str, Any]) -> None:
        name = str(node["name"])
        if name.lower() not in TABLE_FUNCTIONS:
            self._guard.function(name)
        arguments = (node.get("arguments") or {}).get("children", [])
        for argument in arguments:
            if argument.get("type") == "Identifier" and len(argument.get("name_parts", ())) < 2:
                self._guard.argument(str(argument.get("name", "")))
        if _IN.match(name) and len(arguments) == 2 and arguments[1].get("type") == "Identifier":
            # on the right of IN a name is a table when there is such a table
            parts = arguments[1].get("name_parts") or [arguments[1].get("name", "")]
            if len(parts) == 1:
                self._guard.table(self._role, "", parts[0])
            elif parts[0] not in self._names or self._guard.is_database(parts[0]):
                self._guard.table(self._role, parts[0], parts[1])

    def _table(self, node: dict[str, Any]) -> None:
        parts = node.get("name_parts") or [node.get("name", "")]
        if not 1 <= len(parts) <= 2:
            raise _denied(f"the table {'.'.join(parts)} is not available here")
        self._guard.table(self._role, parts[0] if len(parts) == 2 else "", parts[-1])

    def _explained(self, node: dict[str, Any]) -> None:
        inner = node.get("query") or {}
        if node.get("kind") not in EXPLAINED or inner.get("type") != "SelectWithUnionQuery":
            raise Refused(READONLY, "only EXPLAIN of a SELECT is answered here")
        # its settings are its own options; the walk checks those of the SELECT
        node["settings"] = None

    def _shown(self, kind: str, node: dict[str, Any]) -> None:
        unknown = {name for name, value in node.items() if value not in (None, False)} - SHOWN[kind]
        if unknown:
            raise _denied(f"SHOW {', '.join(sorted(unknown)).upper()} is not available here")
        database = str((node.get("from") or {}).get("name", "") or node.get("database") or "")
        self._guard.database(database)
        if table := node.get("table"):
            self._guard.table(self._role, database, str(table))


def _names(tree: Any) -> frozenset[str]:
    """Names and aliases of the tables in a statement."""
    return frozenset(_walk_names(tree))


def _walk_names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _walk_names(item)
    elif isinstance(value, dict):
        if value.get("type") == "TableIdentifier":
            yield (value.get("name_parts") or [value.get("name", "")])[-1]
        if "alias" in value:
            yield str(value["alias"])
        for child in value.values():
            yield from _walk_names(child)


def _is_table_alone(tree: Any) -> bool:
    try:
        (select,) = tree["list_of_selects"]["children"]
        (element,) = select["tables"]["children"]
        return (
            set(select) == {"type", "select", "tables"}
            and element["table_expression"]["database_and_table_name"]["type"] == "TableIdentifier"
        )
    except (KeyError, ValueError, TypeError):
        return False


def _harmless(listed: list[list[Any]]) -> frozenset[str]:
    """Names of the engine's functions that compute from their arguments alone, in lower case.

    ``listed``: name, categories, what it is another name for, and where it comes from.
    """
    categories = {name: category for name, category, _, _ in listed}
    found = set()
    for name, category, alias, origin in listed:
        known = name in FUNCTIONS or alias in FUNCTIONS
        pure = (categories.get(alias, "") if alias else category) in FUNCTION_CATEGORIES
        if origin == "System" and (known or pure) and not {name, alias} & REFUSED_FUNCTIONS:
            found.add(str(name).lower())
    return frozenset(found | {"lambda"})

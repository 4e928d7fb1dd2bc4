"""A panel's statement as Grafana's ClickHouse data source is given it: parameters become variables."""

from __future__ import annotations

import re

#: what a choice has for "everything"; an encoded value can't be this, since `*` is encoded, too
EVERYTHING = "*"
UID = "aftermerge"
TYPE = "grafana-clickhouse-datasource"
DATASOURCE = {"type": TYPE, "uid": UID}
PLUGIN_VERSION = "4.20.0"
#: of the data source: how an answer is read
TABLE, LOGS = 1, 2

_PARAMETER = re.compile(r"\{(\w+):(String|DateTime\('UTC'\))\}")
_MACROS = {"from": "$__fromTime", "to": "$__toTime"}


def statement(sql: str) -> str:
    """The text with Grafana's variables and macros in place of ClickHouse's parameters.

    Texts go through percent-encoding, so that no name of a service or a team can end its literal.
    """
    return _PARAMETER.sub(_variable, sql).strip()


def _variable(found: re.Match[str]) -> str:
    name, type_ = found.groups()
    if name in _MACROS:
        return f"toDateTime({_MACROS[name]}, 'UTC')"
    if type_ != "String":
        return f"toDateTime(${{{name}:raw}}, 'UTC')"
    return f"decodeURLComponent(replaceOne('${{{name}:percentencode}}', '{EVERYTHING}', ''))"


def target(sql: str, *, format_: int = TABLE, ref: str = "A") -> dict[str, object]:
    """A query as the data source keeps it."""
    return {
        "datasource": DATASOURCE,
        "editorType": "sql",
        "format": format_,
        "pluginVersion": PLUGIN_VERSION,
        "queryType": {TABLE: "table", LOGS: "logs"}[format_],
        "rawSql": statement(sql),
        "refId": ref,
    }

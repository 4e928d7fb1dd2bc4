"""What Grafana's ClickHouse data source sends: variables as Grafana formats them, then the plugin's macros.

Formats: ``percentencode`` of Grafana's format registry (encodeURIComponent, and ``!'()*`` too); the value
that a variable has for "all" is put in as it is. Macros: ``pkg/macros`` of the data source, version 4.20.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from grafana.statements import EVERYTHING
from pipeline.panels.choices import SINCE, UNTIL
from pipeline.store import Store

#: what encodeURIComponent leaves as it is, less what Grafana encodes besides
_KEPT = "-_.~"
_VARIABLE = re.compile(r"\$\{(\w+):(\w+)\}")
ALL = object()


def interpolated(text: str, chosen: Mapping[str, object]) -> str:
    """The text with the values of variables; one that nobody knows stays as it stands."""

    def formatted(found: re.Match[str]) -> str:
        name, form = found.groups()
        if name not in chosen:
            return found.group()
        if chosen[name] is ALL:
            return EVERYTHING
        value = str(chosen[name])
        return {"raw": value, "percentencode": quote(value, safe=_KEPT)}[form]

    return _VARIABLE.sub(formatted, text)


def expanded(text: str, begin: int, end: int) -> str:
    """The text with the macros of the data source, for a time range in seconds since 1970."""
    text = text.replace("$__fromTime", f"toDateTime({begin})").replace("$__toTime", f"toDateTime({end})")
    assert "$__" not in text, text
    return text


def sent(text: str, chosen: Mapping[str, object], begin: int, end: int) -> str:
    """What the server is asked."""
    asked = expanded(interpolated(text, chosen), begin, end)
    assert "${" not in asked, asked
    return asked


def looked_up(store: Store, workspace: str, begin: int, end: int) -> tuple[int, int]:
    """`since` and `until` as the page of ``aftermerge up`` looks them up."""
    parameters = {"workspace": workspace, "from": begin, "to": end}
    ((since,),) = store.query(SINCE, parameters).rows
    ((until,),) = store.query(UNTIL, parameters).rows
    return int(str(since)), int(str(until))

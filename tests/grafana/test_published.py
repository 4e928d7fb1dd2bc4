"""Dashboards are valid by the schema that Grafana publishes: every field known, every required one there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from grafana.pages import pages
from tests.grafana.published import PLAIN, complaints

#: kind of panel -> its types: module, options, and what its fields have of their own
KINDS = {
    "table": ("table/panelcfg/x/TablePanelCfg_types.gen", "TableFieldOptions", "common/common.gen"),
    "stat": ("stat/panelcfg/x/StatPanelCfg_types.gen", "", ""),
    "timeseries": (
        "timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen",
        "FieldConfig",
        "raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen",
    ),
    "logs": ("logs/panelcfg/x/LogsPanelCfg_types.gen", "", ""),
}


def types() -> Iterator[str]:
    yield 'import type { Dashboard } from "@schema/raw/dashboard/x/dashboard_types.gen";'
    for kind, (module, fields, place) in KINDS.items():
        yield f'import type {{ Options as {kind}Options }} from "@schema/raw/composable/{module}";'
        if fields:
            yield f'import type {{ {fields} as {kind}Fields }} from "@schema/{place}";'
    yield PLAIN


def told(name: str, made: dict[str, Any]) -> Iterator[str]:
    """A dashboard and its panels as values of their types."""
    made = deepcopy(made)
    for annotation in made["annotations"]["list"]:
        # what a data source is asked belongs to the data source
        del annotation["target"]
    for variable in made["templating"]["list"]:
        # the kit writes for each variable what intervals alone have
        for field in ("auto", "auto_min", "auto_count"):
            variable.pop(field, None)
    for panel in made["panels"]:
        if panel["type"] == "row":
            continue
        kind, key = panel["type"], f"{name}_{panel['id']}"
        yield f"export const o_{key}: Plain<Partial<{kind}Options>> = {json.dumps(panel.get('options', {}))};"
        if custom := panel["fieldConfig"]["defaults"].get("custom"):
            yield f"export const f_{key}: Plain<{kind}Fields> = {json.dumps(custom)};"
    yield f"export const d_{name}: Plain<Dashboard> = {json.dumps(made)};"


def test_dashboards_are_valid(tmp_path: Path) -> None:
    lines = [*types()]
    for name, made in pages().items():
        lines += told(name.removesuffix(".json").replace("-", "_"), made)
    assert complaints(tmp_path, lines) == []


def test_what_is_not_valid_is_found(tmp_path: Path) -> None:
    made = pages()["executive.json"]
    wrong: list[dict[str, Any]] = [deepcopy(made) for _ in range(4)]
    wrong[0]["timezon"] = "utc"
    wrong[1]["panels"][1]["options"]["colorMode"] = "rainbow"
    wrong[2]["refresh"] = 5
    del wrong[3]["schemaVersion"]
    lines = [*types()]
    for number, one in enumerate(wrong):
        lines += told(f"wrong{number}", one)
    found = complaints(tmp_path, lines)
    assert len(found) >= len(wrong)
    for said in ("timezon", "rainbow", "number", "schemaVersion"):
        assert any(said in line for line in found), (said, found)

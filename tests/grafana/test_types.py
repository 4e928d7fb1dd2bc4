"""Every dashboard is made of what Grafana's own types know, and of nothing else.

The types are generated from Grafana's schema (version 11.6): what they do not know is lost when they read a
dashboard. That words are those of its enumerations, mypy sees where they are written.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as Known

from grafana.pages import page
from pipeline.panels import DASHBOARDS, Dashboard

register_default_plugins()


def read_back(made: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(Known.from_json(made), cls=JSONEncoder))
    return told


@pytest.mark.parametrize("told", DASHBOARDS, ids=[told.key for told in DASHBOARDS])
def test_its_types_read_all_of_it(told: Dashboard) -> None:
    made = page(told)
    back = read_back(made)
    # what a data source is asked belongs to the data source; the types keep that of panels as it is
    for annotation in (*made["annotations"]["list"], *back["annotations"]["list"]):
        del annotation["target"]
    assert back == made


def test_what_they_do_not_know_is_lost() -> None:
    made = page(DASHBOARDS[0])
    drawn = next(panel for panel in made["panels"] if panel["type"] == "timeseries")
    drawn["fieldConfig"]["defaults"]["custom"]["lineWide"] = 2
    back = read_back(made)
    assert back["panels"] != made["panels"]
    del drawn["fieldConfig"]["defaults"]["custom"]["lineWide"]
    assert back["panels"] == made["panels"]

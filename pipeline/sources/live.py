"""The sources that post to us: the one list of them, and how each of them proves who it is."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.sources import (
    alertmanager,
    cloudevents_http,
    github,
    gitlab,
    grafana_alerting,
    mapping,
    pagerduty,
)
from pipeline.sources.deliveries import Parser, Reader


class LiveSource(NamedTuple):
    """A parser, its version, and the schemes (``receive.signatures``) by which it is proven who sends."""

    parse: Parser
    parser_version: int
    schemes: tuple[str, ...]


#: how a source proves itself that has no signature of its own
_BY_TOKEN = ("bearer", "basic")

SOURCES: dict[str, LiveSource] = {
    "github": LiveSource(github.parse, github.PARSER_VERSION, ("github",)),
    "gitlab": LiveSource(gitlab.parse, gitlab.PARSER_VERSION, ("gitlab-token", "standard-webhooks")),
    "pagerduty": LiveSource(pagerduty.parse, pagerduty.PARSER_VERSION, ("pagerduty",)),
    "alertmanager": LiveSource(alertmanager.parse, alertmanager.PARSER_VERSION, _BY_TOKEN),
    "grafana": LiveSource(grafana_alerting.parse, grafana_alerting.PARSER_VERSION, _BY_TOKEN),
    "cloudevents": LiveSource(cloudevents_http.parse, cloudevents_http.PARSER_VERSION, _BY_TOKEN),
}

#: any other name is a mapping's (``sources.mapping``)
MAPPED = LiveSource(mapping.parse, mapping.PARSER_VERSION, _BY_TOKEN)


def live_source(name: str, reader: Reader) -> LiveSource | None:
    """The source of this name; ``None`` when there is neither a parser nor a mapping for it."""
    found = SOURCES.get(name)
    return found if found is not None else MAPPED if name in reader.mappings else None

"""The receiver does what its own description says: schemathesis makes requests of it, good ones and bad ones.

Checked of each answer: no server error, a status that is described, its media type, its headers and its
schema; that what is described as valid is accepted, and what is not is refused; and that a reader is needed
where it says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup

from tests.receive.running import (
    ADMIN_TOKEN,
    SETTINGS,
    SOURCES,
    TOKEN,
    VIEWER_TOKEN,
    Running,
    bearer,
    limited,
)
from tests.receive.verdicts import ACCESS, RESPONDER_TOKEN, judging, workspace

EXAMPLES = 25
GUARDED = {"/config", "/metrics"}
PAGES = ["/healthz", "/readyz", "/metrics", "/config", "/openapi.json"]
DELIVERIES = "/receive/{workspace}/{source}"
VERDICTS = "/verdicts/{workspace}"


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> Iterator[Running]:
    sources = {name: SOURCES[name] for name in ("local", "github", "alertmanager")}
    told = replace(
        limited(body_bytes_max=2_000), sources=sources, workspaces=SETTINGS.workspaces, access=ACCESS
    )
    with workspace(tmp_path_factory.mktemp("receiver"), dsn) as parts, judging(parts, told) as started:
        yield started


def description(receiver: Running) -> Any:
    """What the receiver says of itself, to a reader."""
    return receiver.ask("/openapi.json", bearer(VIEWER_TOKEN)).json


def asked(
    receiver: Running, path: str, mode: GenerationMode, headers: dict[str, str], described: Any = None
) -> set[int]:
    """Ask, check every answer, and return the statuses that came."""
    statuses: set[int] = set()
    described = described or description(receiver)
    (method,) = set(described["paths"][path]) - {"parameters"}
    told = schemathesis.openapi.from_dict(described)[path][method]

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(case=told.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call_and_validate(base_url=receiver.server.address, headers=headers)
        statuses.add(answer.status_code)

    ask()
    return statuses


def test_every_address_is_tried(receiver: Running) -> None:
    assert sorted(receiver.ask("/openapi.json").json["paths"]) == sorted([*PAGES, DELIVERIES, VERDICTS])


@pytest.mark.parametrize("path", PAGES)
def test_pages_answer_as_described(receiver: Running, path: str) -> None:
    assert asked(receiver, path, GenerationMode.POSITIVE, bearer(ADMIN_TOKEN)) == {200}
    assert asked(receiver, path, GenerationMode.POSITIVE, {}) == ({401} if path in GUARDED else {200})
    if path in GUARDED:
        assert asked(receiver, path, GenerationMode.NEGATIVE, {}) == {401}


def test_deliveries_are_answered_as_described(receiver: Running) -> None:
    # without proof the open source takes them, the others don't
    assert asked(receiver, DELIVERIES, GenerationMode.POSITIVE, {}) >= {202, 401}
    assert asked(receiver, DELIVERIES, GenerationMode.POSITIVE, bearer(TOKEN)) >= {202}
    assert asked(receiver, DELIVERIES, GenerationMode.NEGATIVE, {}) >= {404}


def test_verdicts_are_answered_as_described(receiver: Running) -> None:
    described = description(receiver)
    good, bad = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
    assert asked(receiver, VERDICTS, good, {}) == {401}
    assert asked(receiver, VERDICTS, good, bearer(VIEWER_TOKEN)) == {403}
    assert asked(receiver, VERDICTS, good, bearer(RESPONDER_TOKEN)) == {404}
    assert asked(receiver, VERDICTS, bad, bearer(RESPONDER_TOKEN)) >= {404, 422}
    # of an incident that is there
    body = described["paths"][VERDICTS]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body["properties"]["incident"] = {"type": "string", "enum": ["INC-7", "INC-8"]}
    body["properties"]["change"] = {"type": "string", "enum": ["none", "unseen"]}
    body["required"].append("change")
    for absent in ("merge_into", "onset", "ignore_deployment", "retract"):
        del body["properties"][absent]
    assert asked(receiver, VERDICTS, good, bearer(RESPONDER_TOKEN), described) == {201}


def test_a_wrong_description_is_found(receiver: Running) -> None:
    wrong = description(receiver)
    wrong["paths"]["/healthz"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {
        "type": "array"
    }
    with pytest.raises(FailureGroup):
        asked(receiver, "/healthz", GenerationMode.POSITIVE, {}, wrong)
    wrong = description(receiver)
    del wrong["paths"]["/metrics"]["get"]["responses"]["401"]
    with pytest.raises(FailureGroup):
        asked(receiver, "/metrics", GenerationMode.POSITIVE, {}, wrong)

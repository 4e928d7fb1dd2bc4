"""The HTTP interface described in OpenAPI 3.1, exactly enough to be tested against."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from pipeline.receive.problems import PROBLEM_TYPE
from pipeline.receive.verdicts import MEDIA_TYPE, NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX

_Told = dict[str, object]

_PROBLEM: _Told = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "what is wrong, where, and what to do"},
    },
}
_RECEIVED: _Told = {
    "type": "object",
    "required": ["received"],
    "additionalProperties": False,
    "properties": {
        "received": {"type": "integer", "minimum": 0, "description": "where in the log the delivery is"}
    },
}
_READY: _Told = {
    "type": "object",
    "required": ["ready"],
    "properties": {
        "ready": {"type": "boolean"},
        "missing": {"type": "array", "items": {"type": "string"}},
        "waiting_for": {"type": "string"},
    },
}
_NAME: _Told = {"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS_MAX}
_SAID: _Told = {
    "type": "object",
    "required": ["incident", "because"],
    "anyOf": [{"required": [name]} for name in ("change", "merge_into", "onset", "ignore_deployment")],
    "additionalProperties": False,
    "properties": {
        "incident": {**_NAME, "description": "which incident this is about"},
        "because": {
            "type": "string",
            "minLength": 1,
            "maxLength": REASON_CHARACTERS_MAX,
            "pattern": r"\S",
            "description": "why, in a sentence",
        },
        "change": {
            **_NAME,
            "description": "what caused it: a change, seven or more digits of its commit, `none` (no change"
            " did), or `unseen` (a deployment that nobody reported)",
        },
        "merge_into": {**_NAME, "description": "it is the same as this other incident"},
        "onset": {"type": "string", "format": "date-time", "description": "when the symptoms began"},
        "ignore_deployment": {**_NAME, "description": "this deployment can't have caused it"},
        "retract": {
            "type": "boolean",
            "default": False,
            "description": "take the same word back: the one before it holds again",
        },
    },
}
_GIVEN: _Told = {
    "type": "object",
    "required": ["events", "waits_for_rebuild"],
    "additionalProperties": False,
    "properties": {
        "events": {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "their ids"},
        "waits_for_rebuild": {
            "type": "boolean",
            "description": "the incident lies behind the horizon: `aftermerge rebuild` applies it",
        },
    },
}
_WAIT: _Told = {
    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}, "required": True}
}


def _problem(description: str, headers: _Told | None = None) -> _Told:
    told: _Told = {
        "description": description,
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return {**told, "headers": headers} if headers else told


def _json(description: str, schema: _Told) -> _Told:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_REFUSALS: _Told = {
    "401": _problem("No token, or nobody's"),
    "403": _problem("The role does not allow it"),
}


def _reading(summary: str, responses: _Told, *, guarded: bool = True) -> _Told:
    told: _Told = {"summary": summary, "responses": dict(responses)}
    if not guarded:
        return {"get": {**told, "security": []}}
    return {"get": {**told, "responses": {**responses, **_REFUSALS}, "security": [{"reader": []}]}}


def _name(what: str, pattern: str, known: Sequence[str]) -> _Told:
    schema: _Told = {"type": "string", "enum": list(known)} if known else {"type": "string"}
    schema["pattern"] = pattern
    return {"name": what, "in": "path", "required": True, "schema": schema}


def _workspace(known: Sequence[str]) -> _Told:
    return _name("workspace", "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", known)


def _verdicts(workspaces: Sequence[str]) -> _Told:
    responses: _Told = {
        "201": _json(
            "It is in the log, and survives a crash; rows follow", {"$ref": "#/components/schemas/Given"}
        ),
        **_REFUSALS,
        "404": _problem("No such workspace, incident, change or deployment"),
        "408": _problem("The body took too long to arrive"),
        "413": _problem("The body is too large"),
        "415": _problem("The body is not told to be JSON"),
        "422": _problem("The body says nothing, or what can't be"),
        "503": _problem("It could not be checked or stored", _WAIT),
    }
    return {
        "parameters": [_workspace(workspaces)],
        "post": {
            "summary": "Say what caused an incident, what it is the same as, or when it began; it restates",
            "description": "For responders and admins. Whose word it is, the token or the proxy says.",
            "security": [{"reader": []}],
            "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": _SAID}}},
            "responses": responses,
        },
    }


def _receive(workspaces: Sequence[str], sources: Sequence[str]) -> _Told:
    return {
        "parameters": [_workspace(workspaces), _name("source", "^[a-z0-9][a-z0-9_-]{0,49}$", sources)],
        "post": {
            "summary": "Take one delivery as a source sends it, store it, then answer",
            "description": "Each source proves itself by its own scheme; the body is stored as it came.",
            "security": [{}, {"signature": []}, {"sender": []}],
            "requestBody": {"required": False, "content": {"*/*": {}}},
            "responses": {
                "200": _json("It was received before", {"$ref": "#/components/schemas/Received"}),
                "202": _json(
                    "It is in the log, and survives a crash", {"$ref": "#/components/schemas/Received"}
                ),
                "400": _problem("The body is not compressed as its header says"),
                "401": _problem("The secret is missing or wrong"),
                "404": _problem("No such workspace or source"),
                "408": _problem("The body took too long to arrive"),
                "413": _problem("The body is too large, as sent or decompressed"),
                "415": _problem("The Content-Encoding is not understood"),
                "429": _problem("More than the source's rate", _WAIT),
                "503": _problem("It could not be stored", _WAIT),
            },
        },
    }


def document(workspaces: Sequence[str] = (), sources: Sequence[str] = (), *, verdicts: bool = False) -> _Told:
    """The description, as `/openapi.json` answers it; with names, it says that there are no others."""
    text: _Told = {"type": "string"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Aftermerge",
            "version": _version(),
            "description": "Takes deliveries and verdicts, and says how it is.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/receive/{workspace}/{source}": _receive(workspaces, sources),
            **({"/verdicts/{workspace}": _verdicts(workspaces)} if verdicts else {}),
            "/healthz": _reading(
                "Whether the process works",
                {
                    "200": _json("It does", {"type": "object"}),
                    "503": _json("It is stuck", {"type": "object"}),
                },
                guarded=False,
            ),
            "/readyz": _reading(
                "Whether deliveries are taken",
                {"200": _json("It is", _READY), "503": _json("It is not", _READY)},
                guarded=False,
            ),
            "/metrics": _reading(
                "Its counters, for Prometheus",
                {"200": {"description": "Text", "content": {"text/plain": {"schema": text}}}},
            ),
            "/config": _reading(
                "Its settings, secrets masked", {"200": _json("Settings", {"type": "object"})}
            ),
            "/openapi.json": _reading(
                "This document", {"200": _json("OpenAPI", {"type": "object"})}, guarded=False
            ),
        },
        "components": {
            "schemas": {"Problem": _PROBLEM, "Received": _RECEIVED, "Given": _GIVEN},
            "securitySchemes": {
                "reader": {"type": "http", "scheme": "bearer"},
                "sender": {"type": "http", "scheme": "bearer"},
                "signature": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"},
            },
        },
    }


def _version() -> str:
    try:
        return version("aftermerge")
    except PackageNotFoundError:
        return "0"

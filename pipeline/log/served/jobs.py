"""Asking a running process to do something, and following it until it has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pipeline.log.served.calls import ACTION_PATH, JOB_PATH, JSON, Failure
from pipeline.log.served.connection import ControlConnection
from pipeline.measuring import ProgressCall


class JobState(msgspec.Struct, frozen=True):
    """How far an action is, or how it ended: with ``result`` (JSON) or with a ``failure``."""

    number: int
    name: str
    ended: bool
    phase: str
    done: int
    total: int | None
    result: msgspec.Raw = msgspec.Raw(b"null")
    failure: Failure | None = None


_state = msgspec.json.Decoder(JobState)


def act(socket: Path, name: str, progress: ProgressCall | None = None, **arguments: Any) -> Any:
    """Have the process behind a control socket do something, wait for its end, and return its result.

    Raises what the action raised, as far as its class is known to the log, ``RuntimeError`` for the
    rest, and ``LogUnavailable`` when the process is gone: the action has ended with it.
    """
    connection = ControlConnection(socket)
    try:
        state = _state.decode(connection.post(ACTION_PATH + name, msgspec.json.encode(arguments), JSON))
        # each answer comes after a second, or when the action has ended
        while not state.ended:
            if progress is not None and state.phase:
                progress(state.phase, state.done, state.total)
            state = _state.decode(connection.get(f"{JOB_PATH}{state.number}"))
    finally:
        connection.close()
    if state.failure is not None:
        raise state.failure.error()
    return msgspec.json.decode(state.result)

"""A data directory that a story is replayed into, and questions to it, by the commands that people use."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.core.events import Event
from pipeline.sources.cloudevents import render

WORKSPACE = "acme"
Rows = list[dict[str, Any]]


class Story:
    """Events as somebody posts them, and what the tables say afterwards."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def tell(self, *events: Event) -> None:
        """Replay these events, in the order of their times."""
        file = self._directory / "told.jsonl"
        ordered = sorted(events, key=lambda event: event.time)
        file.write_bytes(b"".join(render(event, WORKSPACE) + b"\n" for event in ordered))
        told = self._run("replay", str(file), "--format", "json")
        assert told.exit_code == Exit.OK, told.output

    def ask(self, question: str) -> Rows:
        """The rows that answer a question in SQL."""
        told = self._run("sql", question, "--format", "json")
        assert told.exit_code in (Exit.OK, Exit.NOTHING), told.output
        rows: Rows = json.loads(told.stdout)
        return rows

    def one(self, question: str) -> dict[str, Any]:
        """The only row of an answer."""
        (row,) = self.ask(question)
        return row

    def _run(self, *arguments: str) -> Result:
        data = str(self._directory / "data")
        return CliRunner().invoke(main, ["--data", data, "--workspace", WORKSPACE, *arguments])


@pytest.fixture
def story(own_engine: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Story:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)
    return Story(tmp_path)

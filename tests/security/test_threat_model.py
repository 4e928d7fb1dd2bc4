"""docs/threat-model.md names a test for each threat, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROWS = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and not line.startswith("| Who")]


def held_by(file: str) -> set[str]:
    path = ROOT / file
    assert path.is_file(), f"{file} is not there"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_threat_has_a_test() -> None:
    assert len(ROWS) > 25
    assert [row for row in ROWS if not NAMED.search(row.split(" | ")[-1])] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(DOCUMENT))))
def test_a_named_test_is_there(file: str, name: str) -> None:
    assert name in held_by(file), f"{file} has no test {name}"


def test_actors_are_introduced() -> None:
    introduced = set(re.findall(r"\*([a-z ]+)\*", DOCUMENT.partition("| Who")[0]))
    assert {row.split(" | ")[0].removeprefix("| ") for row in ROWS} - {"anybody"} == introduced

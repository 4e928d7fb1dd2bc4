"""The README shows what the program prints, and names commands and files that exist.

``python -m tests.test_readme`` runs the demo and writes its words into the README anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
#: stands in the README for what is left out of the demo's words
LEFT_OUT = "[...]"
#: headings of the demo whose sections the README leaves out
NOT_SHOWN = ("What was linked", "What to try next")
DEMO = re.compile(r"(<!-- the demo's own words.*?-->\n```\n)(.*?)(\n```\n)", re.S)


def demo(data: Path) -> str:
    """What the demo prints, from a directory of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "--data", str(data), "demo"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def excerpt(printed: str) -> str:
    """The sections of the demo that the README shows."""
    shown = [
        LEFT_OUT if section.startswith(NOT_SHOWN) else section
        for section in re.split(r"\n\n(?=What|The latest|How often|aftermerge)", printed.strip("\n"))
    ]
    return "\n\n".join(shown)


def shown_commands() -> Iterator[list[str]]:
    """The words after ``aftermerge`` in code of the README, up to the first that can't be a command."""
    text = DEMO.sub("", README.read_text(encoding="utf-8"))
    for found in re.finditer(r"(?:^ {4}|`)aftermerge ([^`\n]+)", text, re.M):
        yield found[1].split()


def test_commands_that_are_shown_exist() -> None:
    shown = list(shown_commands())
    assert len(shown) > 10
    context = click.Context(main)
    seen = set()
    for words in shown:
        command: click.Command = main
        for place, word in enumerate(words):
            if isinstance(command, click.Group):
                found = command.get_command(context, word)
                assert found is not None, f"aftermerge {' '.join(words[: place + 1])}"
                command = found
            elif word.startswith("--"):
                options = {name for parameter in command.params for name in parameter.opts}
                assert word in options, f"aftermerge {' '.join(words)}: no option {word}"
        seen.add(words[0])
    assert seen == set(main.list_commands(context)), "the table names every command"


def test_files_that_are_linked_exist() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text(encoding="utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"^ {4}make ([a-z]+)", README.read_text(encoding="utf-8"), re.M))
    assert named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.M)] == []


@pytest.mark.slow
def test_every_mark_that_leaves_tests_out_is_carried_by_some() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    carried = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for mark in declared["markers"]:
        assert f"mark.{mark.partition(':')[0]}" in carried, mark


def test_the_demo_prints_what_the_readme_shows_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    first = demo(tmp_path)
    held = DEMO.search(README.read_text(encoding="utf-8"))
    assert held is not None
    assert held[2] == excerpt(first), "run `python -m tests.test_readme` and read what it changed"
    wide = [line for line in first.splitlines() if len(line) > 80 and str(tmp_path) not in line]
    assert wide == []
    again = demo(tmp_path)
    added = [line for line in again.splitlines() if line not in first.splitlines()]
    assert added == ["  Nothing new: all 37,040 events were known, 0 rows changed."]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        words = excerpt(demo(Path(directory)))
    README.write_text(
        DEMO.sub(lambda found: found[1] + words + found[3], README.read_text(encoding="utf-8")),
        encoding="utf-8",
    )

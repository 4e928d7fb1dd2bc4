"""Every golden folder says where its files come from, and what it says can be checked where a test can."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
STATEMENT = GOLDEN / "README.md"
_ROW = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)
_MODULE = re.compile(r"`python -m ([\w.]+)`")
_HOST = re.compile(rb"https?://([\w.-]+)")
#: a link in a text is read by the parser, and only one to a forge that there is says whose change it means
REAL_HOSTS = {"github.com"}
HAND_WRITTEN = "ritten by hand"
ORIGINS = (HAND_WRITTEN, "Made by ", "Recorded from ")


def told() -> dict[str, str]:
    return dict(_ROW.findall(STATEMENT.read_text(encoding="utf-8")))


def folders() -> list[str]:
    return sorted(path.name for path in GOLDEN.iterdir() if path.is_dir() and path.name != "__pycache__")


def test_every_folder_has_its_line_and_every_line_its_folder() -> None:
    assert sorted(told()) == folders()


@pytest.mark.parametrize("folder", folders())
def test_a_line_says_where_files_come_from(folder: str) -> None:
    origin = told().get(folder, "")
    assert any(words in origin for words in ORIGINS), f"{folder}: {origin!r} names no origin"
    for module in _MODULE.findall(origin):
        assert find_spec(module) is not None, f"{folder}: {module} makes nothing, it is gone"


@pytest.mark.parametrize("folder", [name for name in folders() if HAND_WRITTEN in told().get(name, "")])
def test_what_was_written_by_hand_names_no_system_that_there_is(folder: str) -> None:
    hosts = {
        host.decode() for path in (GOLDEN / folder).iterdir() for host in _HOST.findall(path.read_bytes())
    }
    assert not {host for host in hosts if not host.endswith(".example")} - REAL_HOSTS

"""The wheel runs alone: no checkout beside it, nothing installed but what its lock file names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
INSTALL_TRIES_MAX = 3
RETRY_WAIT_SECONDS = 5
OUTPUT_SHOWN_CHARACTERS_MAX = 4_000
#: what stands beside the code of pages and has to travel with it
_PAGES_NEED = {".html", ".css", ".js", ".svg", ".txt"}

pytestmark = pytest.mark.slow


def run(command: Sequence[object], cwd: Path, tries: int = 1) -> str:
    """Run a command with nothing of this Python in its environment and return what it printed."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in hidden and not name.startswith("AFTERMERGE")
    }
    arguments = [str(argument) for argument in command]
    for tried in range(1, tries + 1):
        done = subprocess.run(
            arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout
        said = (done.stdout + done.stderr)[-OUTPUT_SHOWN_CHARACTERS_MAX:]
        if tried == tries:
            pytest.fail(f"{' '.join(arguments)} ended with {done.returncode}:\n{said}")
        time.sleep(RETRY_WAIT_SECONDS)
    raise ValueError(f"nothing was tried: {tries} tries")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", dist], cwd=ROOT)
    (built,) = dist.glob("aftermerge-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the commands of an environment that holds the wheel and its lock, no more."""
    room = tmp_path_factory.mktemp("alone")
    run([sys.executable, "-m", "venv", room / "venv"], cwd=room)
    bin_ = room / "venv" / "bin"
    install = [bin_ / "python", "-m", "pip", "install", "--quiet", "--no-input"]
    locked = [*install, "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt"]
    run(locked, cwd=room, tries=INSTALL_TRIES_MAX)
    run([*install, "--no-deps", "--no-index", wheel], cwd=room)
    return bin_


def test_the_wheel_carries_schemas_sql_and_examples(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    for directory in ("schemas", "sql", "examples"):
        files = [path for path in (ROOT / directory).rglob("*") if path.is_file()]
        assert files, f"{directory}/ is empty: the wheel could not run the demo"
        missing = {f"pipeline/_data/{path.relative_to(ROOT)}" for path in files} - carried
        assert not missing
    beside_code = [path for path in (ROOT / "pipeline" / "pages").rglob("*") if path.suffix in _PAGES_NEED]
    assert beside_code
    assert not {str(path.relative_to(ROOT)) for path in beside_code} - carried
    strangers = {name for name in carried if not re.match(r"pipeline/|aftermerge-[^/]+\.dist-info/", name)}
    assert not strangers, "the wheel puts files of its own beside other people's packages"


def test_the_lock_holds_everything_the_wheel_asks_for(installed: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run([installed / "python", "-m", "pip", "check"], cwd=tmp_path)


def test_the_installed_command_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    said = run([installed / "aftermerge", "demo", "--data", data], cwd=tmp_path)
    verdicts = re.findall(r"^.*\b(?:likely|leading|undecided|none|unseen)\b.*\d.*$", said, re.M | re.I)
    assert verdicts, f"the demo names no verdict:\n{said[-OUTPUT_SHOWN_CHARACTERS_MAX:]}"
    assert any(data.iterdir()), "the demo left nothing that later commands could work on"

    counted = run(
        [
            installed / "aftermerge",
            "sql",
            "--data",
            data,
            "--format",
            "csv",
            "SELECT count() AS n FROM incidents",
        ],
        cwd=tmp_path,
    )
    assert int(counted.split()[-1]) > 0


def test_the_environment_is_the_wheel_s_own(installed: Path, tmp_path: Path) -> None:
    where = run([installed / "python", "-c", "import pipeline; print(pipeline.__file__)"], cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)

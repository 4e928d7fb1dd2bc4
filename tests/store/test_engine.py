"""The embedded engine is loaded only where it is used, and an interrupt does not break it in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60


def test_whoever_has_a_server_does_not_load_the_engine() -> None:
    question = "import sys, pipeline.store, pipeline.store.answering; print('chdb' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, capture_output=True, timeout=SECONDS_MAX, check=True
    )
    assert done.stdout.strip() == b"False"


#: stands for an extension that takes an interrupt in its beginning for a missing part of itself
ENGINE = """
import os, signal, sys, time
from pathlib import Path
os.chdir("/")
try:
    {act}
except KeyboardInterrupt:
    raise ImportError("engine not found")
os.chdir(Path(__file__).parent)
loaded = True
"""
LOADS = """
import sys
sys.path.insert(0, {place!r})
from pipeline.store.engine import load_engine
try:
    load_engine()
except KeyboardInterrupt:
    import os
    print("interrupted", os.getcwd(), sys.modules["chdb"].loaded)
else:
    print("loaded")
"""


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(0.05)", "interrupted {place} True"),
        ("pass", "loaded"),
    ],
)
def test_an_interrupt_waits_until_the_engine_is_loaded(tmp_path: Path, act: str, said: str) -> None:
    (tmp_path / "chdb.py").write_text(ENGINE.format(act=act), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LOADS.format(place=str(tmp_path))],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.stderr == b""
    assert done.stdout.decode().strip() == said.format(place=tmp_path)


def test_the_real_engine_is_loaded_from_any_thread() -> None:
    question = (
        "import threading; from pipeline.store.engine import load_engine; found = []; "
        "t = threading.Thread(target=lambda: found.append(load_engine())); t.start(); t.join(); "
        "print(found[0].connect)"
    )
    done = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, capture_output=True, timeout=SECONDS_MAX, check=False
    )
    assert b"function connect" in done.stdout or b"class" in done.stdout, done.stderr

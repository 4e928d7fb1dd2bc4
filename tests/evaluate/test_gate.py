"""On the shipped history the attribution is not worse than the best baseline (docs/evaluate.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.attribution import WORSE_MAX, gate, read
from pipeline.evaluate import compare
from pipeline.resources import examples

pytestmark = [pytest.mark.slow, pytest.mark.long]

#: incidents with a known culprit in it
JUDGED_MIN = 100


def test_the_shipped_history_passes_the_gate(tmp_path: Path) -> None:
    (shipped,) = examples().glob("*.jsonl.gz")
    judged, _ = read(shipped, tmp_path)
    assert len(judged) >= JUDGED_MIN
    text, passed = gate(shipped.name, compare(judged), -WORSE_MAX)
    assert passed, text

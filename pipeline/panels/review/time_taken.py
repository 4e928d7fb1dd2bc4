"""How long review takes, and how large what is reviewed is."""

from __future__ import annotations

from pipeline.panels.panel import SPREAD, WEEK, Column, Form, N, Panel, Unit
from pipeline.panels.review.now import CONNECT
from pipeline.panels.scope import OF_REVIEW, period, weeks

RESPONSE = Panel(
    key="review-response",
    title="How long until somebody answers?",
    question="Hours from the request to the first answer of a person, in working hours of whoever was asked.",
    form=Form.LINES,
    reported_by=("week",),
    sql=f"""
SELECT
    week, response_working_median AS median, response_working_p75 AS p75, response_working_p90 AS p90,
    responses AS n
FROM review_response
WHERE {weeks(*OF_REVIEW)}
ORDER BY week
""",
    columns=(
        WEEK,
        *SPREAD,
        N,
    ),
    empty=CONNECT,
)
WAITING = Panel(
    key="review-waiting",
    title="How long did requests wait for reviewers in all?",
    question="Working hours that requests waited for reviewers in all their rounds, by the week in which "
    "they were closed.",
    form=Form.LINES,
    reported_by=("week",),
    sql=f"""
SELECT week, waiting_working_median AS median, waiting_working_p75 AS p75, waiting_working_p90 AS p90,
    closed AS n
FROM review_response
WHERE {weeks(*OF_REVIEW)}
ORDER BY week
""",
    columns=(
        WEEK,
        *SPREAD,
        N,
    ),
    empty=CONNECT,
)
SIZE = Panel(
    key="review-size",
    title="Do large changes take longer?",
    question="Requests that were merged in this time by their size (lines without generated and vendored "
    "files): hours from opening to the merge, as the middle of the weeks' medians and of their "
    "90 %. It doesn't follow what is chosen.",
    form=Form.TABLE,
    sql=f"""
SELECT
    value AS size, sum(merged) AS n, median(opened_to_merged_median) AS hours,
    median(opened_to_merged_p90) AS hours_p90
FROM time_to_merge
WHERE workspace = {{workspace:String}} AND {period()}
    AND dimension = 'size'
GROUP BY size
ORDER BY indexOf(['tiny', 'small', 'medium', 'large', 'huge'], size)
""",
    columns=(
        Column("size", "Size"),
        Column("n", "Requests (n)", Unit.COUNT),
        Column("hours", "Median to the merge", Unit.HOURS),
        Column("hours_p90", "90 %", Unit.HOURS),
    ),
    empty=CONNECT,
)
SIZES = Panel(
    key="review-sizes",
    title="How large are changes?",
    question="Merged changes of each week by their size in lines, without generated and vendored files.",
    form=Form.BARS,
    reported_by=("week",),
    sql=f"""
SELECT week, tiny, small, medium, large, huge, sized AS n
FROM change_size
WHERE {weeks(*OF_REVIEW)}
ORDER BY week
""",
    columns=(
        WEEK,
        Column("tiny", "tiny", Unit.COUNT),
        Column("small", "small", Unit.COUNT),
        Column("medium", "medium", Unit.COUNT),
        Column("large", "large", Unit.COUNT),
        Column("huge", "huge", Unit.COUNT),
        N,
    ),
    empty=CONNECT,
)

"""How changes got to production, and with what review, by week."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, SPREAD, WEEK, Column, Form, Limits, N, Panel, Target, Unit
from pipeline.panels.scope import OF_PRODUCTION, OF_REVIEW, cut, weeks


def _told(figure: str) -> str:
    """A rate in percent, everything else as it is."""
    share = f"concat(toString(round({figure} * 100, 1)), ' %')"
    return f"if(kind = 'rate', {share}, toString(round({figure}, 1)))"


CHANGED = Panel(
    key="executive-what-changed",
    title="What changed since last month?",
    question="Every measure of the last four whole weeks beside the four before them, with how many "
    "cases each rests on. It doesn't follow the time that is chosen.",
    form=Form.TABLE,
    sql=f"""
SELECT
    measure,
    {_told("now")} AS now_told,
    {_told("before")} AS before_told,
    multiIf(
        isNull(now) OR isNull(before) OR good = 0 OR now = before, '',
        (now > before) = (good > 0), 'better',
        'worse'
    ) AS became,
    now_n, before_n, since, until
FROM what_changed
WHERE workspace = {{workspace:String}} AND {cut("service", "team")}
ORDER BY measure
""",
    columns=(
        Column("measure", "Measure"),
        Column("now_told", "Last 4 weeks"),
        Column("before_told", "4 weeks before"),
        Column("became", "Became"),
        Column("now_n", "n", Unit.COUNT),
        Column("before_n", "n before", Unit.COUNT),
        Column("since", "Since", Unit.DAY),
        Column("until", "Until", Unit.DAY),
    ),
    reported_by=("measure", "until"),
    wide=PARTS,
    tall=14,
)
LEAD_TIME = Panel(
    key="executive-lead-time",
    title="How long from first commit to production?",
    question="Lead time of the changes that were merged in each week: half, three quarters and nine "
    "tenths of them were in production sooner. The newest weeks look faster than they are, as "
    "long as changes of them are not deployed.",
    form=Form.LINES,
    reported_by=("week",),
    sql=f"""
SELECT
    week, committed_to_deployed_median AS median, committed_to_deployed_p75 AS p75,
    committed_to_deployed_p90 AS p90,
    timed AS n
FROM change_lead_time
WHERE {weeks(*OF_REVIEW)}
ORDER BY week
""",
    columns=(
        WEEK,
        *SPREAD,
        N,
    ),
    leads_to=Target.REVIEW,
)
DORA = Panel(
    key="executive-dora",
    title="The five measures of DORA",
    question="By week: deployments, lead time, change fail rate with the interval in which it lies with "
    "90 %, time to recover and rework, with how many each rests on.",
    form=Form.TABLE,
    sql=f"""
SELECT
    week, deployments, lead_hours_median, lead_timed, fail_rate, fail_rate_low, fail_rate_high,
    recovery_hours_median,
    recovered, rework_rate
FROM software_delivery
WHERE {weeks(*OF_PRODUCTION, delivery=True)}
ORDER BY week DESC
""",
    columns=(
        WEEK,
        Column("deployments", "Deployments (n)", Unit.COUNT),
        Column("lead_hours_median", "Lead time", Unit.HOURS),
        Column("lead_timed", "of changes", Unit.COUNT),
        Column("fail_rate", "Change fail rate", Unit.SHARE, Limits(0.15, 0.3)),
        Column("fail_rate_low", "at least", Unit.SHARE),
        Column("fail_rate_high", "at most", Unit.SHARE),
        Column("recovery_hours_median", "Recovery", Unit.HOURS, Limits(4, 24)),
        Column("recovered", "of failures", Unit.COUNT),
        Column("rework_rate", "Rework", Unit.SHARE, Limits(0.15, 0.3)),
    ),
    reported_by=("week",),
    wide=PARTS,
    tall=10,
)
FAIL_RATE = Panel(
    key="executive-fail-rate-weeks",
    title="Change fail rate by week",
    question="Share of the deployments of each week that failed, in expectation; between `at least` and "
    "`at most` it lies with a probability of 90 %: few deployments say little.",
    form=Form.LINES,
    reported_by=("week",),
    sql=f"""
SELECT week, fail_rate, fail_rate_low, fail_rate_high, deployments AS n
FROM software_delivery
WHERE {weeks(*OF_PRODUCTION, delivery=True)}
ORDER BY week
""",
    columns=(
        WEEK,
        Column("fail_rate", "change fail rate", Unit.SHARE),
        Column("fail_rate_low", "at least", Unit.SHARE),
        Column("fail_rate_high", "at most", Unit.SHARE),
        N,
    ),
)
PAST_REVIEW = Panel(
    key="executive-bypasses-weeks",
    title="Past review, by way",
    question="Merged changes of each week that went past review. One that went past it in two ways "
    "counts in both.",
    form=Form.BARS,
    reported_by=("week",),
    sql=f"""
SELECT week, by_label, by_push, by_approvals, by_rule, merged AS n
FROM bypasses
WHERE {weeks(*OF_REVIEW)}
ORDER BY week
""",
    columns=(
        WEEK,
        Column("by_label", "emergency label", Unit.COUNT),
        Column("by_push", "pushed directly", Unit.COUNT),
        Column("by_approvals", "approvals missing", Unit.COUNT),
        Column("by_rule", "rule put aside", Unit.COUNT),
        N,
    ),
    leads_to=Target.REVIEW,
)
RISK = Panel(
    key="executive-risk",
    title="Do riskier changes get more review?",
    question="Merged changes by how likely they were to break production, as far as was known before: "
    "what review they got, and what they broke. `Expected` is the sum of their risks.",
    form=Form.TABLE,
    sql=f"""
SELECT
    risk, sum(merged) AS n, sum(approvals * merged) / nullIf(sum(merged), 0) AS approvals_mean,
    sum(under_reviewed) / nullIf(sum(merged), 0) AS under, sum(rubber_stamps) AS stamps,
    sum(bypassed) AS past,
    round(sum(expected), 1) AS to_expect, round(sum(incidents), 1) AS broke
FROM change_risk
WHERE {weeks(*OF_REVIEW)}
GROUP BY risk
ORDER BY indexOf(['high', 'usual', 'low'], risk)
""",
    columns=(
        Column("risk", "Risk"),
        Column("n", "Changes (n)", Unit.COUNT),
        Column("approvals_mean", "Approvals each", Unit.NUMBER),
        Column("under", "Fewer than asked for", Unit.SHARE, Limits(0.05, 0.15)),
        Column("stamps", "Rubber stamps", Unit.COUNT),
        Column("past", "Past review", Unit.COUNT),
        Column("to_expect", "Expected incidents", Unit.NUMBER),
        Column("broke", "Caused incidents", Unit.NUMBER),
    ),
)

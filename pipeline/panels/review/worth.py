"""What review is worth: what is read, by whom, which checks and owners help."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, WEEK, Column, Form, Limits, N, Panel, Unit
from pipeline.panels.review.now import CONNECT
from pipeline.panels.scope import OF_CHECKS, OF_REVIEW, period, rows, weeks

STAMPS = Panel(
    key="review-stamps",
    title="Is what is approved read?",
    question="Share of the approved changes that were approved faster than anybody reads them, and share "
    "of the merged ones that got a comment of substance.",
    form=Form.LINES,
    reported_by=("week",),
    sql=f"""
SELECT week, rubber_stamp_rate, substance_rate, stampable AS n
FROM review_quality
WHERE {weeks(*OF_REVIEW)}
ORDER BY week
""",
    columns=(
        WEEK,
        Column("rubber_stamp_rate", "rubber stamps", Unit.SHARE),
        Column("substance_rate", "with substance", Unit.SHARE),
        N,
    ),
    empty=CONNECT,
)
FLAKY = Panel(
    key="review-flaky",
    title="Which checks should not block anybody?",
    question="Checks that fail on good commits, as of the newest week: how often, with the 90 % "
    "interval, and the hours that people waited for them in that week. Quarantine is suggested, "
    "nothing is done.",
    form=Form.TABLE,
    sql=f"""
SELECT
    name, workflow, repository, team, quarantine, flake_probability, flake_low, flake_high,
    window_runs AS n, waited_hours
FROM flaky_checks
WHERE {rows(*OF_CHECKS)} AND flaky AND week =
(
    SELECT max(week) FROM flaky_checks WHERE workspace = {{workspace:String}}
    AND week <= toDate({{until:DateTime('UTC')}})
)
ORDER BY quarantine DESC, flake_probability DESC, repository, name
LIMIT 50
""",
    columns=(
        Column("name", "Check"),
        Column("workflow", "Workflow"),
        Column("repository", "Repository"),
        Column("team", "Team"),
        Column("quarantine", "Quarantine", Unit.COUNT, Limits(1, 1)),
        Column("flake_probability", "Fails on good commits", Unit.SHARE, Limits(0.02, 0.1)),
        Column("flake_low", "at least", Unit.SHARE),
        Column("flake_high", "at most", Unit.SHARE),
        Column("n", "Runs (n)", Unit.COUNT),
        Column("waited_hours", "Waited this week", Unit.HOURS),
    ),
    wide=PARTS,
    empty="No check is flaky.",
)
OWNERS = Panel(
    key="review-owners",
    title="Where does CODEOWNERS have gaps?",
    question="By repository: merged changes with files that nobody owns, with owners who left, and "
    "entries that match nothing.",
    form=Form.TABLE,
    sql=f"""
SELECT
    value AS repository, sum(merged) AS n, sum(covered) / nullIf(sum(owned), 0) AS covered_share,
    sum(unowned) AS nobody,
    sum(with_owners_gone) AS gone, max(stale_entries_most) AS stale
FROM owner_coverage
WHERE workspace = {{workspace:String}} AND {period()}
    AND dimension = 'repository'
GROUP BY repository
ORDER BY nobody + gone + stale DESC, repository
LIMIT 50
""",
    columns=(
        Column("repository", "Repository"),
        Column("n", "Changes (n)", Unit.COUNT),
        Column("covered_share", "Coverage", Unit.SHARE, Limits(0.95, 0.8)),
        Column("nobody", "with files of nobody", Unit.COUNT, Limits(1, 20)),
        Column("gone", "with owners who left", Unit.COUNT, Limits(1, 10)),
        Column("stale", "Stale entries", Unit.COUNT, Limits(1, 10)),
    ),
    empty=CONNECT,
)
LOAD = Panel(
    key="review-load",
    title="Who is asked: few, or many?",
    question="Of the requests of each week: how many persons were asked, and how large a share the most "
    "asked one had. Nobody is named.",
    form=Form.TABLE,
    sql=f"""
SELECT week, requests AS n, persons, asked_median, asked_most, top_share, gini
FROM reviewer_load
WHERE {weeks(*OF_REVIEW)}
ORDER BY week DESC
""",
    columns=(
        WEEK,
        Column("n", "Requests (n)", Unit.COUNT),
        Column("persons", "Persons asked", Unit.COUNT),
        Column("asked_median", "Times, median", Unit.COUNT),
        Column("asked_most", "at most", Unit.COUNT),
        Column("top_share", "Share of the most asked", Unit.SHARE, Limits(0.4, 0.6)),
        Column("gini", "Gini", Unit.NUMBER),
    ),
    empty=CONNECT,
)

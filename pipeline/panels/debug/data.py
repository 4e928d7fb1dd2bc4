"""Why a number is what it is: what could not be joined, came late, was refused, or stopped coming."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, Column, Form, Limits, Panel, Unit

UNLINKED = Panel(
    key="debug-unlinked",
    title="What could not be joined?",
    question="Deployments without changes, incidents without a service, tags without an artifact, late "
    "events: how many of how many, and the newest ones.",
    form=Form.TABLE,
    sql="""
SELECT kind, detail, n, of, n / nullIf(of, 0) AS share, samples
FROM unlinked
WHERE workspace = {workspace:String} AND n > 0
ORDER BY n DESC, kind, detail
LIMIT 50
""",
    columns=(
        Column("kind", "What"),
        Column("detail", "Which"),
        Column("n", "Number", Unit.COUNT),
        Column("of", "of (n)", Unit.COUNT),
        Column("share", "Share", Unit.SHARE, Limits(0.1, 0.3)),
        Column("samples", "For example", Unit.LIST),
    ),
    wide=PARTS,
    tall=10,
    empty="Everything could be joined.",
)
LETTERS = Panel(
    key="debug-dead-letters",
    title="What was refused?",
    question="Dead letters by topic and reason. `aftermerge dlq` shows them whole and brings them back.",
    form=Form.TABLE,
    sql="""
SELECT topic, reason, count() AS n, max(failed_at) AS newest_at, argMax(place, failed_at) AS newest
FROM dead_letters FINAL
WHERE workspace IN ({workspace:String}, '')
GROUP BY topic, reason
ORDER BY newest_at DESC, n DESC, topic, reason
LIMIT 50
""",
    columns=(
        Column("topic", "Topic"),
        Column("reason", "Reason"),
        Column("n", "Number", Unit.COUNT, Limits(1, 100)),
        Column("newest_at", "Newest", Unit.TIME),
        Column("newest", "Where"),
    ),
    wide=PARTS,
    empty="Nothing was refused, as far as you may see it.",
)
SOURCES = Panel(
    key="debug-sources",
    title="Who has stopped telling us things?",
    question="Sources by how long they have been silent in proportion to their usual pace: above about "
    "10 one has probably stopped.",
    form=Form.TABLE,
    sql="""
SELECT source, last_at, events AS n, usual_gap_hours, silent_hours, silence, incidents
FROM silent_sources
WHERE workspace = {workspace:String}
ORDER BY silence DESC, source
LIMIT 30
""",
    columns=(
        Column("source", "Source"),
        Column("last_at", "Last event", Unit.TIME),
        Column("n", "Events (n)", Unit.COUNT),
        Column("usual_gap_hours", "Usual gap", Unit.HOURS),
        Column("silent_hours", "Silent for", Unit.HOURS),
        Column("silence", "Silence", Unit.NUMBER, Limits(10, 100)),
        Column("incidents", "Incidents missed", Unit.COUNT),
    ),
    wide=PARTS,
    empty="Nothing has told us anything yet: docs/sources.md says how to connect what you have.",
)
FRESHNESS = Panel(
    key="debug-freshness",
    title="How old are these figures?",
    question="Views that are computed ahead, as of when their rows are, and why the last time failed, "
    "where it did. All others are computed when somebody asks, and never old.",
    form=Form.TABLE,
    sql="""
SELECT view, as_of, seconds, next_at, problem
FROM freshness
WHERE ahead
ORDER BY as_of, view
LIMIT 60
""",
    columns=(
        Column("view", "View"),
        Column("as_of", "As of", Unit.TIME),
        Column("seconds", "Took, s", Unit.NUMBER),
        Column("next_at", "Again at", Unit.TIME),
        Column("problem", "Problem"),
    ),
    empty="No view is computed ahead: every figure is as of now.",
)
QUALITY = Panel(
    key="debug-attribution",
    title="How sure is the attribution?",
    question="Incidents by model and state, how they were answered, and how many a person has confirmed.",
    form=Form.TABLE,
    sql="""
SELECT model, state, incidents AS n, mean_probability, confirmed, likely, leading, undecided, none, unseen
FROM attribution_quality
WHERE workspace = {workspace:String}
ORDER BY model, state
LIMIT 20
""",
    columns=(
        Column("model", "Model"),
        Column("state", "State"),
        Column("n", "Incidents (n)", Unit.COUNT),
        Column("mean_probability", "Mean probability", Unit.SHARE),
        Column("confirmed", "Confirmed", Unit.SHARE),
        Column("likely", "Likely", Unit.SHARE),
        Column("leading", "Leading", Unit.SHARE),
        Column("undecided", "Undecided", Unit.SHARE),
        Column("none", "None", Unit.SHARE),
        Column("unseen", "Unseen", Unit.SHARE),
    ),
    empty="No incident was judged yet.",
)

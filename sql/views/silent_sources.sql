-- Which source has stopped telling us things?
-- One row per source, the longest silent in proportion to its usual pace first.
--   first_at, last_at     own times of its first and newest event
--   events                number of events it told
--   usual_gap_hours       hours between two of its events, on average; null: it told only one
--   silent_hours          hours from its newest event to the newest event of the whole workspace
--   silence               silent_hours / usual_gap_hours: above about 10 it has probably stopped; null: no pace known
--   incidents             number of incidents at whose onset the source was silent
-- Left out: sources that never told anything; declarations, which are told when somebody edits them; the
-- clock of this machine (a workspace that stopped as a whole looks lively here).
WITH
    told AS
    (
        SELECT workspace, source, min(time) AS first_at, max(time) AS last_at, uniqExact(cityHash64(id)) AS events
        FROM events
        WHERE record NOT IN ('clock_ticked', 'service_declared', 'team_declared', 'class_declared', 'policy_declared')
        GROUP BY workspace, source
    ),
    missed AS
    (
        SELECT workspace, arrayJoin(silent_sources) AS source, count() AS incidents
        FROM incidents FINAL
        GROUP BY workspace, source
    )
SELECT
    t.workspace AS workspace,
    t.source AS source,
    t.first_at AS first_at,
    t.last_at AS last_at,
    t.events AS events,
    round(dateDiff('second', t.first_at, t.last_at) / 3600 / nullIf(t.events - 1, 0), 2) AS usual_gap_hours,
    round(dateDiff('second', t.last_at, max(t.last_at) OVER (PARTITION BY t.workspace)) / 3600, 2) AS silent_hours,
    round(
        dateDiff('second', t.last_at, max(t.last_at) OVER (PARTITION BY t.workspace))
        / nullIf(dateDiff('second', t.first_at, t.last_at) / nullIf(t.events - 1, 0), 0), 1
    ) AS silence,
    m.incidents AS incidents
FROM told AS t
LEFT JOIN missed AS m ON m.workspace = t.workspace AND m.source = t.source
ORDER BY workspace, silence DESC NULLS LAST, source
-- Computed ahead by: workspace, source.

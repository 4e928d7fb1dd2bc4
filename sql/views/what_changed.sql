-- What changed since the month before?
-- One row per workspace, dimension, value and measure: the last four whole weeks beside the four before them.
--   dimension, value  where: all, team or service
--   measure           what is compared
--   good              1: more of it is better; -1: less of it is; 0: neither
--   now, before       the figure of the last four weeks, and of the four before: a sum, a rate (0 to 1), or a median in
--                     hours, as `kind` says; a rate or a median is null where nothing of the kind happened
--   now_n, before_n   how many cases it rests on: n of a rate or a median; of a sum the sum itself
--   kind              sum, rate or hours
--   since, until      the last four weeks begin and end at these days
-- Left out: what the measures themselves leave out (bypasses, owner_coverage, review_quality, review_response,
-- policy_violations, software_delivery, incidents_by_cause, drift_time and flake_cost say it); changes by programs, from
-- lead time.
WITH
    periods AS
    (
        SELECT
            workspace,
            toDate(toStartOfWeek(as_of, 1)) AS until,
            until - 28 AS since
        FROM as_of
    ),
    counted AS
    (
        SELECT workspace, week, dimension, value, m.1 AS measure, m.2 AS better, m.3 AS part, m.4 AS whole
        FROM software_delivery
        ARRAY JOIN
            [
                ('deployments', 0, toFloat64(deployments), NULL::Nullable(Float64)),
                ('deployments that failed', -1, toFloat64(failures), toFloat64(deployments)),
                ('deployments nobody had planned', -1, toFloat64(rework), toFloat64(deployments))
            ] AS m
        UNION ALL
        SELECT workspace, week, dimension, value, m.1, m.2, m.3, m.4
        FROM bypasses
        ARRAY JOIN
            [
                ('changes', 0, toFloat64(merged), NULL::Nullable(Float64)),
                ('changes that went past review', -1, toFloat64(bypassed), toFloat64(merged)),
                ('reviews after the fact that are overdue', -1, toFloat64(retro_overdue), toFloat64(bypassed))
            ] AS m
        UNION ALL
        SELECT workspace, week, dimension, value, 'changes that all owners approved', 1, toFloat64(covered), toFloat64(owned)
        FROM owner_coverage
        UNION ALL
        SELECT
            workspace, week, dimension, value, 'approvals faster than reading', -1, toFloat64(rubber_stamps),
            toFloat64(stampable)
        FROM review_quality
        UNION ALL
        SELECT
            workspace, week, dimension, value, 'first responses in time', 1, toFloat64(within_target * awaited),
            toFloat64(awaited)
        FROM review_response
        UNION ALL
        SELECT
            workspace, week, dimension, value, 'policy violations after the merge', -1, toFloat64(after_merge),
            NULL::Nullable(Float64)
        FROM policy_violations
        UNION ALL
        SELECT workspace, week, dimension, value, m.1, m.2, m.3, m.4
        FROM incidents_by_cause
        ARRAY JOIN
            [
                ('incidents', -1, toFloat64(incidents), NULL::Nullable(Float64)),
                ('incidents caused by changes', -1, toFloat64(by_changes), toFloat64(incidents))
            ] AS m
        UNION ALL
        SELECT workspace, week, dimension, value, 'drifts', -1, toFloat64(drifts), NULL::Nullable(Float64)
        FROM drift_time
        UNION ALL
        SELECT
            workspace, week, dimension, value, 'hours waited for flaky checks', -1, toFloat64(waited_hours),
            NULL::Nullable(Float64)
        FROM flake_cost
    ),
    timed AS
    (
        SELECT
            c.workspace AS workspace,
            toDate(assumeNotNull(c.deployed_at)) AS day,
            dateDiff('second', c.first_commit_at, c.deployed_at) / 3600 AS hours,
            arrayFilter(
                pair -> pair.1 = 'all' OR pair.2 != '',
                [('all', ''), ('team', o.team::String), ('service', o.service::String)]
            ) AS dimensions
        FROM
        (
            SELECT workspace, change, first_commit_at, deployed_at
            FROM changes FINAL
            WHERE NOT bot AND empty(picked_from) AND isNotNull(first_commit_at) AND isNotNull(deployed_at)
        ) AS c
        LEFT JOIN (SELECT workspace, change, team, service FROM outcomes FINAL) AS o
            ON o.workspace = c.workspace AND o.change = c.change
        -- as many rows on both sides, in the same order: none of them is held in memory
        SETTINGS join_algorithm = 'full_sorting_merge', join_use_nulls = 0
    )
SELECT workspace, dimension, value, measure, good, now, before, now_n, before_n, kind, since, until
FROM
(
    SELECT
        workspace,
        dimension,
        value,
        measure,
        any(toInt8(better)) AS good,
        if(any(isNull(whole)), 'sum', 'rate') AS kind,
        sumIf(ifNull(part, 0), week >= first) AS part_now,
        sumIf(ifNull(part, 0), week < first) AS part_before,
        sumIf(ifNull(whole, 0), week >= first) AS whole_now,
        sumIf(ifNull(whole, 0), week < first) AS whole_before,
        round(if(kind = 'sum', part_now, part_now / nullIf(whole_now, 0)), 4) AS now,
        round(if(kind = 'sum', part_before, part_before / nullIf(whole_before, 0)), 4) AS before,
        toUInt64(round(if(kind = 'sum', part_now, whole_now))) AS now_n,
        toUInt64(round(if(kind = 'sum', part_before, whole_before))) AS before_n,
        any(first) AS since,
        any(last) AS until
    FROM
    (
        SELECT
            c.workspace AS workspace, c.week AS week, c.dimension AS dimension, c.value AS value,
            c.measure AS measure, c.better AS better, c.part AS part, c.whole AS whole,
            p.since AS first, p.until AS last
        FROM (SELECT * FROM counted WHERE dimension IN ('all', 'team', 'service')) AS c
        INNER JOIN periods AS p ON p.workspace = c.workspace
        WHERE c.week >= p.since - 28 AND c.week < p.until
    )
    GROUP BY workspace, dimension, value, measure
    UNION ALL
    SELECT
        workspace,
        d.1 AS dimension,
        d.2 AS value,
        'median hours from first commit to production' AS measure,
        toInt8(-1) AS good,
        'hours' AS kind,
        0 AS part_now,
        0 AS part_before,
        0 AS whole_now,
        0 AS whole_before,
        round(quantileExactIf(0.5)(hours, day >= first), 2) AS now,
        round(quantileExactIf(0.5)(hours, day < first), 2) AS before,
        countIf(day >= first) AS now_n,
        countIf(day < first) AS before_n,
        any(first) AS since,
        any(last) AS until
    FROM
    (
        SELECT
            t.workspace AS workspace, t.day AS day, t.hours AS hours, t.dimensions AS dimensions,
            p.since AS first, p.until AS last
        FROM timed AS t
        INNER JOIN periods AS p ON p.workspace = t.workspace
        WHERE t.day >= p.since - 28 AND t.day < p.until
    )
    ARRAY JOIN dimensions AS d
    GROUP BY workspace, dimension, value
)
ORDER BY workspace, dimension, value, measure
SETTINGS join_use_nulls = 0
-- Computed ahead by: workspace, dimension, value, measure.

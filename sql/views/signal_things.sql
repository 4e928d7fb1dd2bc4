-- Which deployments, resources, changes or repositories are what a signal is about, since when, and until when?
-- One row per workspace, signal, subject and time, newest first; of signals that are about weeks there are none.
--   signal           its name
--   subject_kind, subject
--                    what it is about: a deployment, a resource, a change, a repository or a service
--   opened_at        when it opened
--   closed_at        when it closed; null: it is open
--   measured         hours of a drift, of changes that wait or of a rollback's incident; changes of a deployment; of cost,
--                    the share by which it rose
--   evidence         what opened it
-- Left out: findings of scanners, which `signals` has for those who may see them.
WITH
    -- cases of each signal: from_at until until_at (null: it lasts); `amount` is held against a threshold: the seconds after what
    -- a burn followed, the reports that a cost rests on
    of_drifts AS
    (
        SELECT
            d.workspace AS workspace, 'environment-drift' AS signal, 'resource' AS subject_kind, d.resource AS subject,
            d.detected_at AS from_at, d.corrected_at AS until_at, 0 AS amount, 0. AS measured,
            concat('differs in ', d.environment::String, ' since ', toString(toDateTime(d.detected_at, 'UTC')), ' UTC', if(d.summary != '', concat(': ', d.summary), '')) AS evidence
        FROM drift_periods AS d
        WHERE NOT d.explained
    ),
    of_burns AS
    (
        SELECT
            b.workspace AS workspace, 'missing-context' AS signal, 'deployment' AS subject_kind, c.deployment AS subject,
            b.started_at AS from_at, b.ended_at AS until_at, dateDiff('second', c.live_at, b.started_at) AS amount, 0. AS measured,
            concat(
                c.change, ' has no runbook and no metrics; ', b.slo, ' burns since ',
                toString(toDateTime(b.started_at, 'UTC')), ' UTC'
            ) AS evidence
        FROM (SELECT * FROM burns FINAL) AS b
        INNER JOIN
        (
            SELECT
                d.workspace AS workspace, d.deployment AS deployment, d.service AS service, d.environment AS environment,
                d.live_at AS live_at, d.change AS change
            FROM (SELECT * FROM deployment_changes FINAL) AS d
            INNER JOIN (SELECT workspace, change, repository, sections, bot FROM changes FINAL) AS n
                ON n.workspace = d.workspace AND n.change = d.change
            -- repositories in which anybody writes such sections
            INNER JOIN
            (
                SELECT DISTINCT workspace, repository FROM changes FINAL
                WHERE hasAny(sections, ['runbook', 'metrics'])
            ) AS r ON r.workspace = n.workspace AND r.repository = n.repository
            WHERE NOT n.bot AND NOT hasAny(n.sections, ['runbook', 'metrics'])
        ) AS c ON c.workspace = b.workspace AND c.service = b.service AND c.environment = b.environment
        WHERE c.live_at <= b.started_at
    ),
    of_retro_reviews AS
    (
        SELECT
            workspace, 'overdue-retro-reviews' AS signal, 'change' AS subject_kind, change AS subject,
            assumeNotNull(retro_review_due_at) AS from_at, retro_reviewed_at AS until_at, 0 AS amount, 0. AS measured,
            concat(
                'went past review by ', arrayStringConcat(bypassed, ', '), '; a review afterwards was due ',
                toString(toDateTime(from_at, 'UTC')), ' UTC'
            ) AS evidence
        FROM compliance FINAL
        WHERE isNotNull(retro_review_due_at)
    ),
    of_waiting AS
    (
        -- on branches that are deployed from; what was passed over waits for no deployment
        SELECT
            c.workspace AS workspace, 'undeployed-changes' AS signal, 'repository' AS subject_kind, c.repository::String AS subject,
            assumeNotNull(c.merged_at) AS from_at, c.deployed_at AS until_at, 0 AS amount, 0. AS measured,
            concat(c.change, ', merged ', toString(toDateTime(from_at, 'UTC')), ' UTC') AS evidence
        FROM
        (
            SELECT workspace, repository, branch, change, merged_at, deployed_at FROM changes FINAL
            WHERE state = 'merged' AND isNotNull(merged_at) AND ifNull(deployed_at > merged_at, true)
        ) AS c
        INNER JOIN
        (
            SELECT workspace, repository, branch, max(merged_at) AS newest
            FROM changes FINAL
            WHERE deployment != '' AND isNotNull(merged_at)
            GROUP BY workspace, repository, branch
        ) AS r ON r.workspace = c.workspace AND r.repository = c.repository AND r.branch = c.branch
        WHERE isNotNull(c.deployed_at) OR c.merged_at > r.newest
    ),
    of_rollbacks AS
    (
        SELECT
            d.workspace AS workspace, 'failed-rollbacks' AS signal, 'deployment' AS subject_kind, d.deployment AS subject,
            d.live_at AS from_at, i.resolved_at AS until_at, 0 AS amount, 0. AS measured,
            concat('rolled back, and ', i.incident, ' went on') AS evidence
        FROM (SELECT * FROM deployments FINAL WHERE transition = 'rollback' AND environment = 'production' AND NOT ignored) AS d
        INNER JOIN (SELECT * FROM incidents FINAL) AS i
            ON i.workspace = d.workspace AND i.service = d.service AND i.environment = d.environment
        -- what had been going on for long was not what it was rolled back for
        WHERE i.opened_at <= d.live_at AND i.opened_at > d.live_at - INTERVAL 1 DAY AND ifNull(i.resolved_at > d.live_at, true)
    ),
    measurements AS
    (
        SELECT *, leadInFrame(toNullable(live_at)) OVER w AS next_at
        FROM metrics_by_deployment
        WINDOW w AS
        (
            PARTITION BY workspace, service, environment, metric, unit
            ORDER BY live_at, deployment
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    ),
    of_telemetry AS
    (
        SELECT
            e.workspace AS workspace, 'missing-telemetry' AS signal, 'service' AS subject_kind, e.service AS subject,
            e.live_at AS from_at, e.seen_at AS until_at, 0 AS amount, 0. AS measured,
            concat(c.change, ' changed what the service offers, and nothing was counted of it since') AS evidence
        FROM
        (
            -- when anything was counted or reported of the service in the time of a later deployment
            SELECT
                workspace, service, deployment, live_at, is_seen, max(is_seen) OVER (PARTITION BY workspace) AS anybody_counts,
                minIf(toNullable(live_at), is_seen) OVER
                    (PARTITION BY workspace, service ORDER BY live_at ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS seen_at
            FROM
            (
                SELECT
                    d.workspace AS workspace, d.service::String AS service, d.deployment AS deployment, d.live_at AS live_at,
                    s.events > 0 OR m.reports > 0 AS is_seen
                FROM (SELECT * FROM deployments FINAL WHERE environment = 'production' AND outcome = 'success' AND NOT ignored) AS d
                LEFT JOIN
                (
                    SELECT workspace, deployment, sum(total) AS events FROM budget_spending FINAL GROUP BY workspace, deployment
                ) AS s ON s.workspace = d.workspace AND s.deployment = d.deployment
                LEFT JOIN
                (
                    SELECT workspace, deployment, sum(measurements) AS reports FROM measurements GROUP BY workspace, deployment
                ) AS m ON m.workspace = d.workspace AND m.deployment = d.deployment
            )
        ) AS e
        INNER JOIN
        (
            SELECT k.workspace AS workspace, k.deployment AS deployment, k.change AS change
            FROM (SELECT * FROM deployment_changes FINAL) AS k
            INNER JOIN (SELECT workspace, change FROM compliance FINAL WHERE has(classes, 'api-contract') AND NOT bot) AS a
                ON a.workspace = k.workspace AND a.change = k.change
        ) AS c ON c.workspace = e.workspace AND c.deployment = e.deployment
        -- where nobody counts anything, nothing is missed
        WHERE NOT e.is_seen AND e.anybody_counts
    ),
    of_costs AS
    (
        SELECT
            workspace, 'cost-overrun' AS signal, 'deployment' AS subject_kind, deployment AS subject,
            live_at AS from_at, next_at AS until_at, least(measurements, assumeNotNull(before_measurements)) AS amount, assumeNotNull(ratio) - 1 AS measured,
            concat(
                metric::String, ' of ', service, ': ', toString(median), ' ', unit::String, ' after ', toString(assumeNotNull(before_median)), ', of ',
                toString(measurements), ' and ', toString(assumeNotNull(before_measurements)), ' reports'
            ) AS evidence
        FROM measurements
        WHERE kind = 'cost' AND ratio > 1
    ),
    happened AS
    (
        SELECT
            c.workspace AS workspace, c.signal AS signal, c.subject_kind AS subject_kind, c.subject AS subject,
            -- what has to last opens when it has lasted
            c.from_at + if(signal IN ('missing-context', 'cost-overrun'), toIntervalSecond(0), toIntervalSecond(toUInt64(l.within_hours * 3600))) AS since,
            c.until_at AS until_at, ifNull(c.until_at, l.as_of) AS reach,
            if(signal = 'cost-overrun', c.measured, round(dateDiff('second', c.from_at, reach) / 3600, 2)) AS worst,
            c.evidence AS told
        FROM
        (
            SELECT * FROM of_drifts
            UNION ALL
            SELECT * FROM of_burns
            UNION ALL
            SELECT * FROM of_retro_reviews
            UNION ALL
            SELECT * FROM of_waiting
            UNION ALL
            SELECT * FROM of_rollbacks
            UNION ALL
            SELECT * FROM of_telemetry
            UNION ALL
            SELECT * FROM of_costs
        ) AS c
        INNER JOIN signal_limits AS l ON l.workspace = c.workspace AND l.signal = c.signal
        WHERE multiIf(
            signal = 'missing-context', c.amount <= l.within_hours * 3600,
            signal = 'cost-overrun', c.amount >= l.cases_min AND c.measured >= l.opens_from,
            reach > since
        )
    )
-- cases of one subject that overlap are one
SELECT
    workspace, signal, subject_kind, subject, min(since) AS opened_at,
    if(countIf(isNull(until_at)) > 0, NULL, max(until_at)) AS closed_at,
    if(signal = 'missing-context', toFloat64(uniqExact(splitByChar(' ', told)[1])), max(worst)) AS measured,
    arrayMap(one -> one.2, arraySlice(arraySort(groupUniqArray((since, told))), 1, 8)) AS evidence
FROM
(
    SELECT
        *, countIf(ifNull(since > before, true)) OVER (PARTITION BY workspace, signal, subject ORDER BY since, told ROWS UNBOUNDED PRECEDING) AS run
    FROM
    (
        SELECT
            *,
            max(toNullable(reach)) OVER
                (PARTITION BY workspace, signal, subject ORDER BY since, told ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM happened
    )
)
GROUP BY workspace, signal, subject_kind, subject, run
ORDER BY opened_at DESC, workspace, signal, subject
SETTINGS join_use_nulls = 0
-- Computed ahead by: workspace, signal, subject, opened_at.

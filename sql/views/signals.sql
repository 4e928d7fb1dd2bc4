-- Which of the known ways in which review fails are at work, where, since when, and what helps?
-- One row per signal, subject and period in which it was open, those that are open first, then the newest.
--   signal           reviewer-bottleneck, flaky-tests, rubber-stamping, bypass-abuse, large-changes, missing-context,
--                    late-findings or environment-drift
--   failure_mode     F1 to F8, in that order
--   severity         page, ticket or security
--   subject_kind, subject
--                    what it is about: a team, a repository, a deployment, a finding or a resource
--   open             1 while it is open
--   opened_at        when it opened; of a signal about weeks, the end of the first week above `opens_from`
--   closed_at        when it closed; of a signal about weeks, the end of the first week below `closes_below`; null: it is open
--   measured         the worst value while it was open: a share of the week's cases (of reviewer-bottleneck: of the requests
--                    that were made to the one person who was asked the most), hours of a drift, changes of a deployment
--   opens_from, closes_below, cases_min, within_hours
--                    the thresholds that count: those that were declared, else those that are built in
--   evidence         what opened it, and kept it open
--   mitigation       what is known to help
--   as_of            the moment that it is shown as of: now, or where nothing was received for two hours (an import), the
--                    newest receipt of the workspace
-- A week with fewer cases than cases_min neither opens nor closes a signal, and a week counts when it is over.
-- Left out: changes by programs; signals that somebody switched off.
WITH
    known AS
    (
        SELECT workspace, if(max(received_at) < now64(6) - INTERVAL 2 HOUR, max(received_at), now64(6)) AS as_of
        FROM events
        GROUP BY workspace
    ),
    built_in AS
    (
        SELECT
            b.1 AS signal, b.2 AS failure_mode, b.3 AS severity, b.4 AS opens_from, b.5 AS closes_below,
            b.6 AS cases_min, b.7 AS within_hours, b.8 AS mitigation
        FROM
        (
            SELECT arrayJoin(
            [
                ('reviewer-bottleneck', 'F1', 'ticket', 0.5, 0.4, 10, 0.,
                 'Ask by rotation, and add reviewers'),
                ('flaky-tests', 'F2', 'ticket', 0.1, 0.05, 20, 0.,
                 'Put flaky tests in quarantine, and rewrite them'),
                ('rubber-stamping', 'F3', 'ticket', 0.2, 0.1, 5, 0.,
                 'Ask for what a checklist of quality names'),
                ('bypass-abuse', 'F4', 'ticket', 0.15, 0.1, 10, 0.,
                 'Have every bypass reviewed afterwards, and limit them'),
                ('large-changes', 'F5', 'ticket', 0.3, 0.2, 8, 0.,
                 'Agree on a limit of size, and split changes'),
                ('missing-context', 'F6', 'ticket', 0., 0., 1, 2.,
                 'Ask for a runbook and for metrics in every change'),
                ('late-findings', 'F7', 'security', 0., 0., 1, 0.,
                 'Add a reviewer for security, and scan before the merge'),
                ('environment-drift', 'F8', 'ticket', 0., 0., 1, 1.,
                 'Let a GitOps operator apply what is declared, and alert on drift')
            ]) AS b
        )
    ),
    limits AS
    (
        SELECT
            k.workspace AS workspace, k.as_of AS as_of, b.signal AS signal, b.failure_mode AS failure_mode,
            b.severity AS severity, ifNull(t.opens_from, b.opens_from) AS opens_from,
            ifNull(t.closes_below, least(b.closes_below, ifNull(t.opens_from, b.opens_from))) AS closes_below,
            ifNull(t.cases_min, b.cases_min) AS cases_min,
            ifNull(t.within_minutes / 60, b.within_hours) AS within_hours, b.mitigation AS mitigation
        FROM known AS k
        CROSS JOIN built_in AS b
        LEFT JOIN (SELECT * FROM thresholds FINAL) AS t ON t.workspace = k.workspace AND t.signal = b.signal
        WHERE NOT ifNull(t.off, false)
    ),
    weeks AS
    (
        -- most of what is asked of persons is asked of one: who that is stays untold
        SELECT
            workspace, 'reviewer-bottleneck' AS signal, if(team != '', 'team', 'repository') AS subject_kind,
            if(team != '', team, repository) AS subject, week, max(requests) AS n, max(asked_of) AS k,
            concat(
                'requests to review were made to one of ', toString(count()), ' persons; ',
                toString(round(100 * max(late) / max(requests))), ' % of them were answered too late, or never'
            ) AS what
        FROM
        (
            SELECT
                workspace, team, if(team != '', '', repository::String) AS repository, week, person,
                uniqExact(change) AS asked_of,
                any(requests_in_all) AS requests, any(late_in_all) AS late
            FROM
            (
                SELECT
                    workspace, team, repository, change, asked,
                    toStartOfWeek(assumeNotNull(ready_at), 1) AS week,
                    count() OVER (PARTITION BY workspace, team, if(team != '', '', repository::String), week) AS requests_in_all,
                    countIf(ifNull(response_working_seconds > response_target_seconds, isNull(first_response_at))) OVER
                        (PARTITION BY workspace, team, if(team != '', '', repository::String), week) AS late_in_all
                FROM reviews FINAL
                WHERE NOT bot AND isNotNull(ready_at) AND arrayExists(name -> startsWith(name, 'p:'), asked)
            )
            ARRAY JOIN arrayFilter(name -> startsWith(name, 'p:'), asked) AS person
            GROUP BY workspace, team, repository, week, person
        )
        GROUP BY workspace, subject_kind, subject, week
        UNION ALL
        SELECT
            workspace, 'rubber-stamping', if(team != '', 'team', 'repository') AS subject_kind,
            if(team != '', team, repository) AS subject, toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
            count(), countIf(rubber_stamp), 'approvals of 50 lines or more were rubber stamps'
        FROM reviews FINAL
        WHERE NOT bot AND state = 'merged' AND isNotNull(merged_at) AND isNotNull(approval_seconds) AND lines >= 50
        GROUP BY workspace, subject_kind, subject, week
        UNION ALL
        SELECT
            workspace, 'large-changes', if(team != '', 'team', 'repository') AS subject_kind,
            if(team != '', team, repository) AS subject, toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
            count(), countIf(size IN ('large', 'huge')),
            concat(
                'merged requests had 300 lines or more; hours in review, medians of these and of the others: ',
                toString(round(ifNull(quantileExactIf(0.5)(toNullable(waiting_seconds), size IN ('large', 'huge')), 0) / 3600, 1)), ' and ',
                toString(round(ifNull(quantileExactIf(0.5)(toNullable(waiting_seconds), size NOT IN ('large', 'huge')), 0) / 3600, 1))
            )
        FROM reviews FINAL
        WHERE NOT bot AND state = 'merged' AND isNotNull(merged_at) AND isNotNull(lines)
        GROUP BY workspace, subject_kind, subject, week
        UNION ALL
        -- the check that flaked the most
        SELECT
            workspace, 'flaky-tests', 'repository' AS subject_kind, repository AS subject,
            toStartOfWeek(week_at, 1) AS week, argMax(commits, flaked), max(flaked),
            concat('commits made ', argMax(name, flaked)::String, ' fail and pass without a change')
        FROM check_flakiness FINAL
        GROUP BY workspace, subject_kind, subject, week
        UNION ALL
        SELECT
            workspace, 'bypass-abuse', if(team != '', 'team', 'repository') AS subject_kind,
            if(team != '', team, repository) AS subject, toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
            count(), countIf(notEmpty(bypassed)), 'merged changes went past review'
        FROM compliance FINAL
        WHERE NOT bot AND state = 'merged' AND isNotNull(merged_at)
        GROUP BY workspace, subject_kind, subject, week
    ),
    judged AS
    (
        SELECT
            w.*, l.as_of AS as_of, w.k / w.n AS measured,
            multiIf(w.k / w.n >= l.opens_from, 1, w.k / w.n < l.closes_below, 0, NULL) AS mark
        FROM weeks AS w
        INNER JOIN limits AS l ON l.workspace = w.workspace AND l.signal = w.signal
        WHERE w.n >= l.cases_min AND w.week + INTERVAL 7 DAY <= l.as_of
    ),
    stated AS
    (
        SELECT
            *,
            ifNull(anyLast(mark) OVER (PARTITION BY workspace, signal, subject_kind, subject ORDER BY week ROWS UNBOUNDED PRECEDING), 0) AS up
        FROM judged
    ),
    runs AS
    (
        SELECT
            *,
            countIf(up = 0) OVER (PARTITION BY workspace, signal, subject_kind, subject ORDER BY week ROWS UNBOUNDED PRECEDING) AS run,
            leadInFrame(toNullable(week)) OVER
            (
                PARTITION BY workspace, signal, subject_kind, subject
                ORDER BY week
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) AS next_week
        FROM stated
    ),
    of_weeks AS
    (
        SELECT
            workspace, signal, subject_kind, subject,
            toDateTime64(min(week) + INTERVAL 7 DAY, 6, 'UTC') AS opened_at,
            toDateTime64(argMax(tuple(next_week), week).1 + INTERVAL 7 DAY, 6, 'UTC') AS closed_at,
            max(measured) AS measured,
            arrayMap(
                w -> concat(toString(w.2), ' of ', toString(w.3), ' ', w.4, ', week of ', toString(w.1)),
                arraySlice(arraySort(groupArray((week, k, n, what))), -8)
            ) AS evidence
        FROM runs
        WHERE up = 1
        GROUP BY workspace, signal, subject_kind, subject, run
    ),
    of_findings AS
    (
        SELECT
            f.workspace AS workspace, 'late-findings' AS signal, 'finding' AS subject_kind, f.finding AS subject,
            f.found_at AS opened_at, f.closed_at AS closed_at, 1. AS measured,
            [concat(
                f.tool, ' found ', f.rule, if(f.severity != '', concat(' (', f.severity::String, ')'), ''), ' in ', f.path,
                if(f.change != '', concat(', after ', f.change, ' was merged'), ', on the main branch')
            )] AS evidence
        FROM findings AS f FINAL
        -- a known hole in a dependency that was there before is nobody's review
        WHERE f.after_merge AND (f.kind != 'dependency' OR f.change != '')
    ),
    of_drifts AS
    (
        SELECT
            d.workspace AS workspace, 'environment-drift' AS signal, 'resource' AS subject_kind, d.resource AS subject,
            d.detected_at + toIntervalSecond(toUInt64(l.within_hours * 3600)) AS opened_at,
            d.corrected_at AS closed_at,
            round(dateDiff('second', d.detected_at, ifNull(d.corrected_at, l.as_of)) / 3600, 2) AS measured,
            [concat('differs in ', d.environment::String, ' since ', toString(toDateTime(d.detected_at, 'UTC')), ' UTC', if(d.summary != '', concat(': ', d.summary), ''))] AS evidence
        FROM (SELECT * FROM drifts FINAL) AS d
        INNER JOIN limits AS l ON l.workspace = d.workspace AND l.signal = 'environment-drift'
        ASOF LEFT JOIN
        (
            -- of all that went live then or later, the earliest that had begun
            SELECT
                workspace, service, environment, deployment, live_at,
                min(ifNull(started_at, live_at - INTERVAL 15 MINUTE)) OVER
                (
                    PARTITION BY workspace, service, environment
                    ORDER BY live_at
                    RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
                ) AS begun_at
            FROM deployments FINAL
            WHERE NOT ignored
        ) AS p
            ON p.workspace = d.workspace AND p.service = d.service AND p.environment = d.environment
            AND p.live_at >= d.detected_at
        WHERE NOT (p.deployment != '' AND p.begun_at <= d.detected_at) AND ifNull(d.corrected_at, l.as_of) > d.detected_at + toIntervalSecond(toUInt64(l.within_hours * 3600))
    ),
    of_burns AS
    (
        SELECT
            b.workspace AS workspace, 'missing-context' AS signal, 'deployment' AS subject_kind, c.deployment AS subject,
            min(b.started_at) AS opened_at,
            if(countIf(isNull(b.ended_at)) > 0, NULL, max(b.ended_at)) AS closed_at,
            toFloat64(uniqExact(c.change)) AS measured,
            arraySort(groupUniqArray(concat(
                c.change, ' has no runbook and no metrics; ', b.slo, ' burns since ',
                toString(toDateTime(b.started_at, 'UTC')), ' UTC'
            ))) AS evidence
        FROM (SELECT * FROM burns FINAL) AS b
        INNER JOIN limits AS l ON l.workspace = b.workspace AND l.signal = 'missing-context'
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
            AND b.started_at <= c.live_at + toIntervalSecond(toUInt64(l.within_hours * 3600))
        GROUP BY workspace, subject
    )
SELECT
    s.workspace AS workspace,
    s.signal AS signal,
    l.failure_mode AS failure_mode,
    l.severity AS severity,
    s.subject_kind AS subject_kind,
    s.subject AS subject,
    toUInt8(isNull(s.closed_at)) AS open,
    s.opened_at AS opened_at,
    s.closed_at AS closed_at,
    round(s.measured, 4) AS measured,
    l.opens_from AS opens_from,
    l.closes_below AS closes_below,
    l.cases_min AS cases_min,
    l.within_hours AS within_hours,
    s.evidence AS evidence,
    l.mitigation AS mitigation,
    l.as_of AS as_of
FROM
(
    SELECT workspace, signal, subject_kind, subject, opened_at, closed_at, measured, evidence FROM of_weeks
    UNION ALL
    SELECT workspace, signal, subject_kind, subject, opened_at, closed_at, measured, evidence FROM of_findings
    UNION ALL
    SELECT workspace, signal, subject_kind, subject, opened_at, closed_at, measured, evidence FROM of_drifts
    UNION ALL
    SELECT workspace, signal, subject_kind, subject, opened_at, closed_at, measured, evidence FROM of_burns
) AS s
INNER JOIN limits AS l ON l.workspace = s.workspace AND l.signal = s.signal
ORDER BY open DESC, opened_at DESC, workspace, signal, subject
-- Computed ahead by: workspace, signal, subject.

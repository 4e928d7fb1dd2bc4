-- Which of the known ways in which changes go wrong are at work, where, since when, and what helps?
-- One row per signal, subject and period in which it was open, those that are open first, then the newest.
--   signal           its name; signal_limits has all that there are
--   failure_mode     F1 to F8 for the eight known ways in which review fails: reviewer-bottleneck, flaky-tests,
--                    rubber-stamping, bypass-abuse, large-changes, missing-context, late-findings and environment-drift;
--                    else empty
--   severity         page, ticket or security
--   subject_kind, subject
--                    what it is about: a team, a repository, a service, an objective, a change, a deployment, a finding
--                    or a resource
--   open             1 while it is open
--   opened_at        when it opened; of a signal about weeks, the end of the first week above `opens_from`
--   closed_at        when it closed; of a signal about weeks, the end of the first week below `closes_below`; null: it is open
--   measured         the worst value while it was open: a share of the week's cases (of reviewer-bottleneck: of the requests
--                    that were made to the one person who was asked the most), or what signal_things says
--   opens_from, closes_below, cases_min, within_hours
--                    the thresholds that count: those that were declared, else those that are built in
--   evidence         what opened it, and kept it open
--   mitigation       what is known to help
--   as_of            the moment that it is shown as of: now, or where nothing was received for two hours (an import), the
--                    newest receipt of the workspace
-- A week with fewer cases than cases_min neither opens nor closes a signal, and a week counts when it is over.
-- Left out: changes by programs; signals that somebody switched off.
WITH
    limits AS (SELECT * FROM signal_limits WHERE NOT off),
    judged AS
    (
        SELECT
            w.*, w.bad / w.cases AS share,
            multiIf(share >= l.opens_from, 1, share < l.closes_below, 0, NULL) AS mark
        FROM
        (
            SELECT * FROM signal_weeks_review
            UNION ALL
            SELECT * FROM signal_weeks_production
        ) AS w
        INNER JOIN limits AS l ON l.workspace = w.workspace AND l.signal = w.signal
        WHERE w.cases >= l.cases_min AND w.week + INTERVAL 7 DAY <= l.as_of
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
            max(share) AS measured,
            arrayMap(
                w -> concat(w.2, ', week of ', toString(w.1)), arraySlice(arraySort(groupArray((week, evidence))), -8)
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
    SELECT workspace, signal, subject_kind, subject, opened_at, closed_at, measured, evidence FROM signal_things
) AS s
INNER JOIN limits AS l ON l.workspace = s.workspace AND l.signal = s.signal
ORDER BY open DESC, opened_at DESC, workspace, signal, subject
-- Computed ahead by: workspace, signal, subject.

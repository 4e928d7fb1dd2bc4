-- How many cases had a team or a repository in a week, and how many were bad, of what signals of review go by?
-- One row per workspace, signal, subject and week (from Monday, UTC), newest first.
--   signal           its name
--   subject_kind, subject
--                    the team, where one is declared, else the repository; flaky-tests and long-lived-branches are about
--                    repositories alone
--   cases            number of cases: n
--   bad              number of those that are bad
--   measured         bad / cases
--   evidence         the same in words
-- Left out: changes by programs. Weeks with few cases are here, and so is the week that is not over.
WITH
    told AS
    (
        SELECT
            workspace, any(as_of) AS now,
            toIntervalSecond(toUInt64(3600 * maxIf(within_hours, signal = 'slow-designs'))) AS for_designs,
            toIntervalSecond(toUInt64(3600 * maxIf(within_hours, signal = 'long-lived-branches'))) AS for_branches,
            maxIf(bad_from, signal = 'large-changes') AS large_lines, maxIf(bad_from, signal = 'reviewer-load') AS often
        FROM signal_limits
        GROUP BY workspace
    ),
    asked_of AS
    (
        -- who that is stays untold
        SELECT
            workspace, if(team != '', 'team', 'repository') AS subject_kind, if(team != '', team, repository)::String AS subject,
            toStartOfWeek(assumeNotNull(ready_at), 1) AS week, count() AS requests,
            countIf(ifNull(response_working_seconds > response_target_seconds, isNull(first_response_at))) AS late,
            sumMap(arrayMap(name -> name::String, persons), arrayMap(name -> 1, persons)).2 AS times
        FROM
        (
            SELECT
                workspace, team, repository, ready_at, response_working_seconds, response_target_seconds, first_response_at,
                arrayDistinct(arrayFilter(name -> startsWith(name, 'p:'), asked)) AS persons
            FROM reviews FINAL
            WHERE NOT bot AND isNotNull(ready_at)
        )
        WHERE notEmpty(persons)
        GROUP BY workspace, subject_kind, subject, week
    ),
    single AS
    (
        SELECT
            r.workspace AS workspace, one.1 AS signal, if(r.team != '', 'team', 'repository') AS subject_kind,
            if(r.team != '', r.team, r.repository)::String AS subject, toStartOfWeek(one.2, 1) AS week, one.3 AS is_bad,
            r.waiting_seconds / 3600 AS hours
        FROM (SELECT * FROM reviews FINAL WHERE NOT bot AND isNotNull(ready_at)) AS r
        INNER JOIN told AS t ON t.workspace = r.workspace
        ARRAY JOIN arrayFilter(
            one -> one.4,
            [
                (
                    'slow-reviews', assumeNotNull(r.ready_at),
                    ifNull(r.response_working_seconds > r.response_target_seconds, ifNull(r.review_due_at <= t.now, false)),
                    isNotNull(r.first_response_at) OR r.state = 'open'
                ),
                (
                    'rubber-stamping', assumeNotNull(r.merged_at), r.rubber_stamp,
                    r.state = 'merged' AND isNotNull(r.merged_at) AND isNotNull(r.approval_seconds) AND isNotNull(r.stamp_seconds)
                ),
                (
                    'large-changes', assumeNotNull(r.merged_at), ifNull(r.lines - ifNull(r.generated_lines, 0) >= t.large_lines, false),
                    r.state = 'merged' AND isNotNull(r.merged_at) AND isNotNull(r.lines)
                ),
                -- of the week in which its time was up, so that what is never decided counts, too
                (
                    'slow-designs', assumeNotNull(r.ready_at) + t.for_designs,
                    ifNull(r.closed_at > assumeNotNull(r.ready_at) + t.for_designs, true), r.change_class = 'design'
                )
            ]
        ) AS one

        UNION ALL

        SELECT
            workspace, one.1 AS signal, if(team != '', 'team', 'repository') AS subject_kind,
            if(team != '', team, repository)::String AS subject, toStartOfWeek(assumeNotNull(merged_at), 1) AS week, one.2, 0
        FROM compliance FINAL
        ARRAY JOIN arrayFilter(
            one -> one.3,
            [
                ('bypass-abuse', notEmpty(bypassed), true),
                ('rigid-policies', has(violation_states, 'waived'), notEmpty(violations)),
                (
                    'stale-owners', notEmpty(stale_entries) OR notEmpty(owners_gone) OR ifNull(unowned_files > 0, false),
                    owners_told
                )
            ]
        ) AS one
        WHERE NOT bot AND state = 'merged' AND isNotNull(merged_at)

        UNION ALL

        SELECT
            c.workspace, 'long-lived-branches', 'repository', c.repository::String, toStartOfWeek(assumeNotNull(c.merged_at), 1),
            assumeNotNull(c.merged_at) > assumeNotNull(c.first_commit_at) + t.for_branches, 0
        FROM
        (
            SELECT workspace, repository, merged_at, first_commit_at FROM changes FINAL
            WHERE NOT bot AND state = 'merged' AND isNotNull(number) AND isNotNull(merged_at) AND isNotNull(first_commit_at)
        ) AS c
        INNER JOIN told AS t ON t.workspace = c.workspace
    ),
    counted AS
    (
        SELECT
            workspace, 'reviewer-bottleneck' AS signal, subject_kind, subject, week, requests AS n, arrayMax(times) AS k,
            concat(
                'requests to review were made to one of ', toString(length(times)), ' persons; ',
                toString(round(100 * late / requests)), ' % of them were answered too late, or never'
            ) AS what
        FROM asked_of

        UNION ALL

        SELECT
            a.workspace AS workspace, 'reviewer-load', a.subject_kind AS subject_kind, a.subject AS subject, a.week AS week,
            arraySum(a.times), arraySum(arrayFilter(one -> one >= t.often, a.times)),
            concat(
                'times that a person was asked, it was one of ', toString(arrayCount(one -> one >= t.often, a.times)), ' of ',
                toString(length(a.times)), ' persons who were asked ', toString(t.often), ' times or more'
            )
        FROM asked_of AS a
        INNER JOIN told AS t ON t.workspace = a.workspace

        UNION ALL

        -- the check that flaked the most
        SELECT
            workspace, 'flaky-tests', 'repository', repository::String AS subject,
            toStartOfWeek(week_at, 1) AS week, toUInt64(argMax(commits, flaked)), toUInt64(max(flaked)),
            concat('commits made ', argMax(name, flaked)::String, ' fail and pass without a change')
        FROM check_flakiness FINAL
        GROUP BY workspace, subject, week

        UNION ALL

        SELECT
            workspace, signal, subject_kind, subject, week, count(), countIf(is_bad),
            multiIf(
                signal = 'slow-reviews', 'requests were answered later than the target says, or wait for longer',
                signal = 'rubber-stamping', 'approvals that can be judged were rubber stamps',
                signal = 'slow-designs', 'designs took longer than agreed on, or take it still',
                signal = 'bypass-abuse', 'merged changes went past review',
                signal = 'rigid-policies', 'merged changes that a policy had caught were merged with leave',
                signal = 'stale-owners',
                'merged changes met entries of CODEOWNERS for no file, owners who left, or files that nobody owns',
                signal = 'long-lived-branches', 'merged requests were begun longer before than agreed on',
                concat(
                    'merged requests were large; hours in review, medians of these and of the others: ',
                    toString(round(ifNull(quantileExactIf(0.5)(toNullable(hours), is_bad), 0), 1)), ' and ',
                    toString(round(ifNull(quantileExactIf(0.5)(toNullable(hours), NOT is_bad), 0), 1))
                )
            )
        FROM single
        GROUP BY workspace, signal, subject_kind, subject, week
    )
SELECT workspace, signal, subject_kind, subject, week, n AS cases, k AS bad, round(k / n, 4) AS measured, concat(toString(k), ' of ', toString(n), ' ', what) AS evidence
FROM counted
WHERE n > 0
ORDER BY week DESC, workspace, signal, subject_kind, subject
-- Computed ahead by: workspace, signal, subject, week.

-- How many cases had a team or a service in a week, and how many were bad, of what signals of production go by?
-- One row per workspace, signal, subject and week (from Monday, UTC), newest first.
--   signal           its name
--   subject_kind, subject
--                    the team, where one is declared, else the service; of stale-objectives the objective and its service
--   cases            number of cases: n
--   bad              number of those that are bad
--   measured         bad / cases
--   evidence         the same in words
-- Left out: other environments than production; of objectives, weeks of which less than six days were counted. Weeks with
-- few cases are here, and so is the week that is not over.
WITH
    team_of AS (SELECT workspace, service::String AS service, team::String AS team FROM services FINAL),
    live AS
    (
        SELECT
            d.workspace AS workspace, if(t.team != '', 'team', 'service') AS subject_kind,
            if(t.team != '', t.team, d.service::String) AS subject, toStartOfWeek(d.live_at, 1) AS week,
            d.deployment AS deployment, d.tag AS tag, d.fraction AS fraction, d.outcome AS outcome
        FROM (SELECT * FROM deployments FINAL) AS d
        LEFT JOIN team_of AS t ON t.workspace = d.workspace AND t.service = d.service::String
        WHERE d.environment = 'production' AND NOT d.ignored AND d.service != ''
    ),
    broken AS
    (
        SELECT
            i.workspace AS workspace, if(t.team != '', 'team', 'service') AS subject_kind,
            if(t.team != '', t.team, i.service::String) AS subject, toStartOfWeek(i.opened_at, 1) AS week,
            i.opened_at AS opened_at, i.resolved_at AS resolved_at, i.verdict AS verdict, i.cause_kind AS cause_kind,
            i.basis AS basis, i.state AS state
        FROM (SELECT * FROM incidents FINAL) AS i
        LEFT JOIN team_of AS t ON t.workspace = i.workspace AND t.service = i.service::String
        WHERE i.environment = 'production' AND i.service != ''
    ),
    traffic AS
    (
        -- buckets that lie in one week, of the newest telling of each
        SELECT
            workspace, slo, service, environment, toStartOfWeek(began_at, 1) AS week,
            toDateTime64(week + INTERVAL 7 DAY, 6, 'UTC') AS until_at, sum(total) AS happened
        FROM
        (
            SELECT
                workspace, slo::String AS slo, service::String AS service, environment::String AS environment,
                time - toIntervalSecond(assumeNotNull(seconds)) AS began_at, assumeNotNull(total) AS total
            FROM
            (
                SELECT * FROM events_objective_counted
                ORDER BY source_version DESC, parser_version DESC, retracted, received_at DESC
                LIMIT 1 BY workspace, id
            )
            WHERE NOT retracted AND isNotNull(seconds) AND isNotNull(total)
        )
        GROUP BY workspace, slo, service, environment, week
        HAVING uniqExact(toDate(began_at)) >= 6
    ),
    counted AS
    (
        SELECT
            workspace, 'untagged-deployments' AS signal, subject_kind, subject, week, count() AS n, countIf(tag = '') AS k,
            'deployments to production had no tag' AS what
        FROM live
        GROUP BY workspace, subject_kind, subject, week

        UNION ALL

        SELECT
            l.workspace AS workspace, 'failing-deployments', l.subject_kind AS subject_kind, l.subject AS subject, l.week AS week,
            count(), countIf(f.deployment != ''),
            concat(
                'deployments to production caused an incident, or were rolled back; ',
                toString(countIf(f.deployment != '' AND isNull(l.fraction))), ' of them without stages'
            )
        FROM live AS l
        LEFT JOIN
        (
            SELECT workspace, cause AS deployment FROM incidents FINAL
            WHERE cause_kind = 'deployment' AND verdict IN ('confirmed', 'likely')
            UNION DISTINCT
            SELECT workspace, rolls_back FROM deployments FINAL
            WHERE transition = 'rollback' AND rolls_back != '' AND NOT ignored
        ) AS f ON f.workspace = l.workspace AND f.deployment = l.deployment
        WHERE l.outcome = 'success'
        GROUP BY workspace, subject_kind, subject, week

        UNION ALL

        SELECT
            b.workspace AS workspace, 'alert-noise', b.subject_kind AS subject_kind, b.subject AS subject, b.week AS week,
            count(), countIf(b.cause_kind != 'deployment' AND assumeNotNull(b.resolved_at) <= b.opened_at + toIntervalSecond(toUInt64(t.within_hours * 3600))),
            concat('incidents were over within ', toString(round(any(t.within_hours) * 60)), ' minutes, and no change caused them')
        FROM broken AS b
        INNER JOIN (SELECT workspace, within_hours FROM signal_limits WHERE signal = 'alert-noise') AS t ON t.workspace = b.workspace
        WHERE isNotNull(b.resolved_at)
        GROUP BY workspace, subject_kind, subject, week

        UNION ALL

        SELECT
            workspace, 'unexplained-incidents', subject_kind, subject, week,
            count(), countIf(verdict IN ('undecided', 'unseen') AND basis != 'a person\'s verdict'),
            'incidents have no cause that is likely, and no person said what it was'
        FROM broken
        WHERE state != 'provisional'
        GROUP BY workspace, subject_kind, subject, week

        UNION ALL

        -- a shift is twelve hours
        SELECT
            b.workspace AS workspace, 'on-call-overload', b.subject_kind AS subject_kind, b.subject AS subject, b.week AS week,
            toUInt64(14), countIf(b.incidents >= t.bad_from),
            concat(
                'shifts of twelve hours had ', toString(any(t.bad_from)), ' incidents or more; ', toString(max(b.incidents)),
                ' in the worst'
            )
        FROM
        (
            SELECT workspace, subject_kind, subject, week, count() AS incidents
            FROM broken
            GROUP BY workspace, subject_kind, subject, week, toStartOfInterval(opened_at, INTERVAL 12 HOUR)
        ) AS b
        INNER JOIN (SELECT workspace, bad_from FROM signal_limits WHERE signal = 'on-call-overload') AS t ON t.workspace = b.workspace
        GROUP BY workspace, subject_kind, subject, week

        UNION ALL

        -- against the week in which the objective was last declared, or the first one after it that was counted
        SELECT
            workspace, 'stale-objectives', 'objective' AS subject_kind, concat(slo, ' of ', service) AS subject, week,
            toUInt64(greatest(happened, usual)), toUInt64(greatest(happened, usual) - least(happened, usual)),
            concat(
                'events are new or gone since the objective was last declared, ', toString(toDate(declared_at)), ': ',
                toString(happened), ' in the week, and ', toString(usual), ' then'
            )
        FROM
        (
            SELECT
                c.workspace AS workspace, c.slo AS slo, c.service AS service, c.week AS week, c.happened AS happened,
                d.declared_at AS declared_at,
                first_value(c.happened) OVER
                    (PARTITION BY c.workspace, c.slo, c.service, c.environment, d.declared_at ORDER BY c.week) AS usual
            FROM traffic AS c
            ASOF INNER JOIN
            (
                SELECT workspace, slo::String AS slo, service::String AS service, time AS declared_at
                FROM events_objective_declared
                WHERE NOT retracted AND isNotNull(target_ppm)
            ) AS d
                ON d.workspace = c.workspace AND d.slo = c.slo AND d.service = c.service AND d.declared_at < c.until_at
        )
    )
SELECT workspace, signal, subject_kind, subject, week, n AS cases, k AS bad, round(k / n, 4) AS measured, concat(toString(k), ' of ', toString(n), ' ', what) AS evidence
FROM counted
WHERE n > 0
ORDER BY week DESC, workspace, signal, subject_kind, subject
-- Computed ahead by: workspace, signal, subject, week.

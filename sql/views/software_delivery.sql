-- How fast and how safely is software delivered, by the five measures of DORA?
-- One row per workspace, week in which deployments went live (from Monday, UTC), dimension and value, newest first.
--   dimension, value      what the deployments have in common: service in environment (`api in production`), environment,
--                         and of production alone: all, team, service, repository
--   deployments           number that went live, rollbacks too: n
--   days                  number of days of the week with one of them
--   not_live              number that failed before they were live, which count nowhere else in the row
--   changes               number of changes that came to the service and environment for the first time
--   lead_timed            how many of these have a known first commit and were not picked from another branch: n of
--   lead_hours_median, _p90
--                         hours from the first commit to its being live
--   merged_hours_median   hours from the merge to that, of all of them
--   failures              sum over the deployments of the probability (0 to 1) that each caused an incident at least, or 1
--                         when it was rolled back: how many failed, in expectation; a deployment counts once
--   fail_rate             failures / deployments
--   fail_rate_low, _high  between these the rate lies with a probability of 90 %: a Beta distribution with the mean and the
--                         variance that the failures give it, over which ones failed and how many there are (docs/measures.md)
--   failed                number of deployments that failed in all likelihood: those of `failed_deployments`
--   recovered             how many of these somebody has recovered from: n of
--   recovery_hours_median, _p90
--                         from its being live to the first of rollback, hotfix and the end of its last incident
--   rework                number of deployments that nobody had planned: rollbacks, those that bring an emergency change, and
--                         those that bring a change that names an earlier incident
--   rework_rate           rework / deployments
-- Left out: deployments that a person told to ignore; incidents whose cause is none or unseen, from recovery; the rest beyond
-- the twenty likeliest candidates of an incident, from failures. Flags and configuration count as deployments.
WITH
    undone AS
    (
        SELECT DISTINCT workspace, rolls_back
        FROM deployments FINAL
        WHERE transition = 'rollback' AND rolls_back != '' AND NOT ignored
    ),
    blamed AS
    (
        -- in a fixed order: no last bit depends on how rows are read
        SELECT workspace, candidate, arrayProduct(arraySort(groupArray(1 - probability))) AS harmless
        FROM attributions FINAL
        WHERE kind = 'deployment'
        GROUP BY workspace, candidate
    ),
    brought AS
    (
        SELECT
            dc.workspace AS workspace, dc.deployment AS deployment, dc.change AS change, dc.live_at AS live_at,
            row_number() OVER (
                PARTITION BY dc.workspace, dc.service, dc.environment, dc.change ORDER BY dc.live_at, dc.deployment
            ) = 1 AS first,
            if(empty(c.picked_from), dateDiff('second', c.first_commit_at, dc.live_at) / 3600, NULL) AS lead_hours,
            dateDiff('second', c.merged_at, dc.live_at) / 3600 AS merged_hours,
            c.emergency != '' AS emergency
        FROM (SELECT * FROM deployment_changes FINAL) AS dc
        INNER JOIN
        (
            SELECT workspace, change, picked_from, first_commit_at, merged_at, emergency FROM changes FINAL
        ) AS c ON c.workspace = dc.workspace AND c.change = dc.change
        -- as many rows on both sides: nothing of that size is held in memory
        SETTINGS join_algorithm = 'full_sorting_merge'
    ),
    carried AS
    (
        SELECT
            workspace, deployment,
            countIf(first) AS changes,
            groupArrayIf(assumeNotNull(lead_hours), first AND isNotNull(lead_hours)) AS lead_hours,
            groupArrayIf(assumeNotNull(merged_hours), first AND isNotNull(merged_hours)) AS merged_hours,
            max(emergency) AS emergency
        FROM brought
        GROUP BY workspace, deployment
    ),
    answering AS
    (
        SELECT DISTINCT b.workspace AS workspace, b.deployment AS deployment
        FROM
        (
            SELECT dc.workspace AS workspace, dc.deployment AS deployment, dc.live_at AS live_at, c.name AS name
            FROM (SELECT workspace, deployment, change, live_at FROM deployment_changes FINAL) AS dc
            INNER JOIN
            (
                -- few changes name one
                SELECT workspace, change, arrayJoin(incidents) AS name FROM changes FINAL WHERE notEmpty(incidents)
            ) AS c ON c.workspace = dc.workspace AND c.change = dc.change
        ) AS b
        INNER JOIN
        (
            -- a text names an incident by the end of its key
            SELECT workspace, extract(incident, '[A-Za-z0-9-]+$') AS name, min(opened_at) AS opened_at
            FROM incidents FINAL
            GROUP BY workspace, name
        ) AS i ON i.workspace = b.workspace AND i.name = b.name
        WHERE i.opened_at <= b.live_at
    ),
    summed AS
    (
        SELECT
            workspace,
            week,
            d.1 AS dimension,
            d.2 AS value,
            countIf(is_live) AS deployments,
            uniqExactIf(day, is_live) AS days,
            countIf(NOT is_live) AS not_live,
            sumIf(came, is_live) AS changes,
            sumIf(length(leads), is_live) AS lead_timed,
            quantilesExactArrayIf(0.5, 0.9)(leads, is_live) AS lead_hours,
            sumIf(length(merges), is_live) AS merged_timed,
            quantilesExactArrayIf(0.5)(merges, is_live) AS merged_hours,
            arraySort(groupArrayIf(harm, is_live)) AS harms,
            countIf(has_failed) AS failed,
            countIf(has_failed AND isNotNull(recovery)) AS recovered,
            quantilesExactIf(0.5, 0.9)(assumeNotNull(recovery), has_failed AND isNotNull(recovery)) AS recovery_hours,
            countIf(is_live AND is_rework) AS rework
        FROM
        (
            SELECT
                d.workspace AS workspace,
                toStartOfWeek(d.live_at, 1) AS week,
                toDate(d.live_at) AS day,
                d.transition != 'failed' AS is_live,
                d.came AS came,
                d.leads AS leads,
                d.merges AS merges,
                if(u.rolls_back != '', 1, if(b.candidate = '', 0, 1 - b.harmless)) AS harm,
                f.deployment != '' AS has_failed,
                f.recovery_hours AS recovery,
                d.transition = 'rollback' OR d.emergency OR a.deployment != '' AS is_rework,
                arrayFilter(
                    (pair, holds) -> holds,
                    [
                        ('service in environment', concat(d.service, ' in ', d.environment)),
                        ('environment', d.environment::String), ('all', ''), ('team', s.team::String),
                        ('service', d.service::String), ('repository', d.repository::String)
                    ],
                    arrayMap(
                        (told, production) -> told != '' AND (NOT production OR d.environment = 'production'),
                        [d.service::String, d.environment::String, 'all', s.team::String, d.service::String, d.repository::String],
                        [false, false, true, true, true, true]
                    )
                ) AS dimensions
            FROM
            (
                SELECT
                    d.workspace AS workspace, d.deployment AS deployment, d.service AS service, d.environment AS environment,
                    d.repository AS repository, d.transition AS transition, d.live_at AS live_at, c.changes AS came,
                    c.lead_hours AS leads, c.merged_hours AS merges, c.emergency AS emergency
                FROM (SELECT * FROM deployments FINAL WHERE NOT ignored) AS d
                LEFT JOIN carried AS c ON c.workspace = d.workspace AND c.deployment = d.deployment
                SETTINGS join_algorithm = 'full_sorting_merge'
            ) AS d
            LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
                ON s.workspace = d.workspace AND s.service = d.service
            LEFT JOIN undone AS u ON u.workspace = d.workspace AND u.rolls_back = d.deployment
            LEFT JOIN blamed AS b ON b.workspace = d.workspace AND b.candidate = d.deployment
            LEFT JOIN answering AS a ON a.workspace = d.workspace AND a.deployment = d.deployment
            LEFT JOIN failed_deployments AS f ON f.workspace = d.workspace AND f.deployment = d.deployment
        )
        ARRAY JOIN dimensions AS d
        GROUP BY workspace, week, dimension, value
    ),
    alike AS
    (
        -- most weeks are like many others, in which nothing failed: an interval is drawn once for all of them
        SELECT
            deployments, expected, variance,
            groupArray(tuple(
                workspace, week, dimension, value, days, not_live, changes, lead_timed, lead_hours, merged_timed,
                merged_hours, failed, recovered, recovery_hours, rework
            )) AS weeks
        FROM (SELECT *, arraySum(harms) AS expected, arraySum(harm -> harm * (1 - harm), harms) AS variance FROM summed)
        GROUP BY deployments, expected, variance
        SETTINGS enable_named_columns_in_function_tuple = 1
    ),
    matched AS
    (
        -- the rate, given that k of n failed, is Beta(1/2 + k, 1/2 + n - k); over all k, by the first two moments of that
        SELECT
            *,
            (expected + 0.5) / (deployments + 1) AS mean,
            (variance + (expected + 0.5) * (expected + 1.5)) / ((deployments + 1.) * (deployments + 2)) - mean * mean AS spread,
            mean * (1 - mean) / spread - 1 AS weight
        FROM alike
    ),
    drawn AS
    (
        -- its quantiles by the sum over 400 steps of t, where the rate is sin(t) squared and the density is flat enough
        SELECT
            *,
            greatest(0, asin(sqrt(mean)) - 4 / sqrt(weight)) AS low,
            least(pi() / 2, asin(sqrt(mean)) + 4 / sqrt(weight)) AS high,
            (high - low) / 400 AS step,
            arrayMap(
                i -> (2 * mean * weight - 1) * log(sin(low + step * (i + 0.5)))
                    + (2 * (1 - mean) * weight - 1) * log(cos(low + step * (i + 0.5))),
                range(400)
            ) AS logs,
            arrayMap(one -> exp(one - arrayMax(logs)), logs) AS masses,
            arrayCumSum(masses) AS sums,
            arrayMap(
                part -> (arrayFirstIndex(sum -> sum >= part * sums[400], sums) AS i)
                    - (sums[i] - part * sums[400]) / masses[i],
                [0.05, 0.95]
            ) AS places
        FROM matched
    )
SELECT
    w.workspace AS workspace,
    w.week AS week,
    w.dimension AS dimension,
    w.value AS value,
    deployments,
    w.days AS days,
    w.not_live AS not_live,
    w.changes AS changes,
    w.lead_timed AS lead_timed,
    if(lead_timed = 0, NULL, round(w.lead_hours[1], 2)) AS lead_hours_median,
    if(lead_timed = 0, NULL, round(w.lead_hours[2], 2)) AS lead_hours_p90,
    if(w.merged_timed = 0, NULL, round(w.merged_hours[1], 2)) AS merged_hours_median,
    round(expected, 3) AS failures,
    if(deployments = 0, NULL, round(expected / deployments, 4)) AS fail_rate,
    if(deployments = 0, NULL, rate_low) AS fail_rate_low,
    if(deployments = 0, NULL, rate_high) AS fail_rate_high,
    w.failed AS failed,
    w.recovered AS recovered,
    if(recovered = 0, NULL, w.recovery_hours[1]) AS recovery_hours_median,
    if(recovered = 0, NULL, w.recovery_hours[2]) AS recovery_hours_p90,
    w.rework AS rework,
    if(deployments = 0, NULL, round(rework / deployments, 4)) AS rework_rate
FROM
(
    SELECT
        deployments, expected, weeks,
        round(pow(sin(low + step * places[1]), 2), 4) AS rate_low,
        round(pow(sin(low + step * places[2]), 2), 4) AS rate_high
    FROM drawn
)
ARRAY JOIN weeks AS w
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.

-- What do flaky checks cost, and is it getting better?
-- One row per workspace, week (from Monday, UTC; once it is over), dimension and value, newest first.
--   dimension, value          what the checks have in common: all, team, service or repository
--   checks                    number of checks that ran that week: n
--   flaky, quarantine         how many of them are flaky, and how many should be kept from blocking anybody
--                             (flaky_checks tells which, and what that means)
--   commits, runs, failed     commits times checks, their runs that failed or passed, and those that failed
--   flaked                    how often a check both failed and passed on one commit: certain flakes
--   flake_rate                how likely a run fails on a good commit: the mean of the estimates, by runs
--   reruns                    runs that were needed to get from a failure to a success on the same commit
--   waited_hours              how long that took, by the clock, of all such failures together
--   waited_hours_median, _p90 how long it took of one of them
--   errors, error_reruns, error_waited_hours
--                             runs that the machinery ended, and what those cost: a class of its own
-- Left out: what flaky_checks leaves out; failures that nobody ran again, so the cost is a lower bound. Checks of one commit
-- run beside each other: hours of several checks may be the same hours.
WITH
    owners AS
    (
        SELECT workspace, repository, any(service) AS service
        FROM (SELECT workspace, service, arrayJoin(repositories) AS repository FROM services FINAL WHERE declared)
        GROUP BY workspace, repository
        HAVING count() = 1
    ),
    places AS
    (
        SELECT
            r.workspace AS workspace,
            r.repository AS repository,
            if(o.service != '', o.service, splitByChar('/', r.repository)[-1]) AS service
        FROM (SELECT DISTINCT workspace, repository FROM check_flakiness FINAL) AS r
        LEFT JOIN owners AS o ON o.workspace = r.workspace AND o.repository = r.repository
    ),
    cut AS
    (
        SELECT
            p.workspace AS workspace,
            p.repository AS repository,
            arrayFilter(
                pair -> pair.1 = 'all' OR pair.2 != '',
                [('all', ''), ('team', s.team), ('service', p.service), ('repository', p.repository)]
            ) AS dimensions
        FROM places AS p
        LEFT JOIN (SELECT workspace, service, team FROM services FINAL WHERE declared) AS s
            ON s.workspace = p.workspace AND s.service = p.service
    ),
    waited AS
    (
        SELECT
            f.workspace AS workspace,
            toStartOfWeek(f.first_at, 1) AS week,
            d.1 AS dimension,
            d.2 AS value,
            round(quantileExactOrNull(0.5)(f.waited_seconds) / 3600, 2) AS median,
            round(quantileExactOrNull(0.9)(f.waited_seconds) / 3600, 2) AS p90
        FROM (SELECT workspace, repository, first_at, waited_seconds FROM flaky_runs FINAL WHERE reruns > 0) AS f
        INNER JOIN cut AS c ON c.workspace = f.workspace AND c.repository = f.repository
        ARRAY JOIN c.dimensions AS d
        GROUP BY workspace, week, dimension, value
    ),
    counted AS
    (
        SELECT
            f.workspace AS workspace,
            toDate(f.week_at) AS week,
            d.1 AS dimension,
            d.2 AS value,
            count() AS checks,
            countIf(f.flaky) AS flaky,
            countIf(f.quarantine) AS quarantine,
            sum(f.commits) AS commits,
            sum(f.runs) AS runs,
            sum(f.failed) AS failed,
            sum(f.flaked) AS flaked,
            round(sum(f.flake_probability * f.runs) / nullIf(sum(f.runs), 0), 4) AS flake_rate,
            sum(f.reruns) AS reruns,
            round(sum(f.waited_seconds) / 3600, 2) AS waited_hours,
            sum(f.errors) AS errors,
            sum(f.error_reruns) AS error_reruns,
            round(sum(f.error_waited_seconds) / 3600, 2) AS error_waited_hours
        FROM (SELECT * FROM check_flakiness FINAL) AS f
        INNER JOIN cut AS c ON c.workspace = f.workspace AND c.repository = f.repository
        ARRAY JOIN c.dimensions AS d
        GROUP BY workspace, week, dimension, value
    )
SELECT
    counted.*,
    waited.median AS waited_hours_median,
    waited.p90 AS waited_hours_p90
FROM counted
LEFT JOIN waited
    ON waited.workspace = counted.workspace AND waited.week = counted.week
    AND waited.dimension = counted.dimension AND waited.value = counted.value
ORDER BY counted.week DESC, counted.workspace, counted.dimension, counted.value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.

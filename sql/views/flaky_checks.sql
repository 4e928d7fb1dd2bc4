-- Which checks fail on good commits, how often, and which of them should be kept from blocking anybody?
-- One row per workspace, week (from Monday, UTC; once it is over) and check that ran in it, the newest week first, and
-- in it what should be looked at first. flaky_runs holds the certain flakes one by one, with the changes they held up.
--   service, team             what the repository is built into, and who owns that; empty: nobody declared it
--   flake_probability         how likely it fails on a good commit, by the eight weeks up to this one; flake_low and
--                             flake_high are its 90 % interval
--   flaky_probability         how likely that is above 2 %
--   flaky                     true when flaky_probability is at least 0.2, by at least 20 runs
--   quarantine                true when it is flaky and the whole interval is above 2 %: suggested, nothing is done
--   broken_share              share of the commits that it fails on for a reason
--   window_commits, window_runs, window_failed, window_flaked
--                             what the estimate rests on: commits, runs that failed or passed (n), those that failed,
--                             and commits on which it did both: certain flakes
--   commits, runs, flaked     the same of this week alone
--   reruns, waited_hours      runs from a failure to the next success on the same commit, and how long that took
--   errors, error_waited_hours
--                             runs that the machinery ended, and how long it took to the next success: a class of its own
-- Left out: runs that were cancelled or skipped, failures that are allowed, smoke tests (they check a deployment), whole
-- workflows where their jobs are told, and checks of which nobody told the commit.
WITH
    owners AS
    (
        SELECT workspace, repository, any(service) AS service
        FROM (SELECT workspace, service, arrayJoin(repositories) AS repository FROM services FINAL WHERE declared)
        GROUP BY workspace, repository
        HAVING count() = 1
    )
SELECT
    c.workspace AS workspace,
    toDate(c.week_at) AS week,
    c.service AS service,
    s.team AS team,
    c.repository AS repository,
    c.workflow AS workflow,
    c.name AS name,
    c.flake_probability AS flake_probability,
    c.flake_low AS flake_low,
    c.flake_high AS flake_high,
    c.flaky_probability AS flaky_probability,
    c.flaky AS flaky,
    c.quarantine AS quarantine,
    c.broken_share AS broken_share,
    c.window_commits AS window_commits,
    c.window_runs AS window_runs,
    c.window_failed AS window_failed,
    c.window_flaked AS window_flaked,
    c.commits AS commits,
    c.runs AS runs,
    c.flaked AS flaked,
    c.reruns AS reruns,
    round(c.waited_seconds / 3600, 2) AS waited_hours,
    c.errors AS errors,
    round(c.error_waited_seconds / 3600, 2) AS error_waited_hours
FROM
(
    SELECT f.*, if(o.service != '', o.service, splitByChar('/', f.repository)[-1]) AS service
    FROM (SELECT * FROM check_flakiness FINAL) AS f
    LEFT JOIN owners AS o ON o.workspace = f.workspace AND o.repository = f.repository
) AS c
LEFT JOIN (SELECT workspace, service, team FROM services FINAL WHERE declared) AS s
    ON s.workspace = c.workspace AND s.service = c.service
ORDER BY week DESC, workspace, quarantine DESC, flake_low DESC, flake_probability DESC, repository, workflow, name
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, repository, workflow, name.

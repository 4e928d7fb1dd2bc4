-- What went live, when, and what did it break?
-- One row per deployment, newest first.
--   team                  of the service, where one is declared
--   transition            forward, rollback, redeploy, reinstate, baseline (the first one known) or failed
--   changes, additions    number of changes it brought, and the lines they added
--   hours_since_previous  hours since the one before it in the same service and environment; null: none known
--   hours_live            hours until it was replaced; null: it is live still, or never was
--   incidents             sum of its probabilities over all incidents: how many it caused, in expectation
--   link_rule             how its changes were found
--   fraction              share of the traffic that it has (0 to 1), while it is rolled out; null: not told
--   previous              the deployment before it in the same service and environment; empty: none known
-- Left out: nothing.
SELECT
    d.workspace AS workspace,
    d.live_at AS live_at,
    d.team AS team,
    d.service AS service,
    d.environment AS environment,
    d.kind AS kind,
    d.tag AS tag,
    d.transition AS transition,
    d.outcome AS outcome,
    d.changes AS changes,
    d.additions AS additions,
    round(dateDiff('second', p.live_at, d.live_at) / 3600, 2) AS hours_since_previous,
    d.hours_live AS hours_live,
    d.incidents AS incidents,
    d.link_rule AS link_rule,
    d.fraction AS fraction,
    d.repository AS repository,
    d.sha AS sha,
    d.previous AS previous,
    d.deployment AS deployment
FROM deployment_impact AS d
LEFT JOIN (SELECT workspace, deployment, toNullable(live_at) AS live_at FROM deployments FINAL) AS p
    ON p.workspace = d.workspace AND p.deployment = d.previous
ORDER BY live_at DESC, workspace, deployment
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0

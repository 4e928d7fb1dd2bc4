-- Which deployment spent the error budget?
-- One row per workspace, objective and deployment that was live while events were counted, the largest share first.
--   live_at, until_at  from its being live to the next deployment of the same service and environment, or one period
--                      later; until_at null: it counts still
--   counted_until_at   end of the newest bucket that counts for it
--   good, total        events of that time: n
--   bad                those that were not good
--   spent              bad / budget of the period that ends with that time: its share of the budget
--   consumed           how much of that budget was gone then, whoever spent it
--   changes            number of changes that the deployment brought
--   tag, transition    its deploy tag, and what it was: forward, rollback, redeploy, reinstate, baseline
--   incidents          number of incidents whose likeliest single cause it is
-- What is bad while a deployment is live need not be its work: `incidents` and `attributions` say what caused it.
-- Left out: what was spent before the first deployment that is known, deployments that failed, and objectives that
-- nobody declared.
WITH caused AS
(
    SELECT workspace, cause, count() AS incidents
    FROM incidents FINAL
    WHERE cause_kind = 'deployment'
    GROUP BY workspace, cause
)
SELECT
    b.workspace AS workspace,
    b.service AS service,
    b.environment AS environment,
    b.slo AS slo,
    s.team AS team,
    b.deployment AS deployment,
    d.tag AS tag,
    d.transition AS transition,
    b.live_at AS live_at,
    b.until_at AS until_at,
    b.counted_until_at AS counted_until_at,
    b.good AS good,
    b.total AS total,
    b.total - b.good AS bad,
    b.spent AS spent,
    b.consumed AS consumed,
    d.changes AS changes,
    c.incidents AS incidents
FROM (SELECT * FROM budget_spending FINAL) AS b
LEFT JOIN (SELECT workspace, deployment, tag, transition, changes FROM deployments FINAL) AS d
    ON d.workspace = b.workspace AND d.deployment = b.deployment
LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
    ON s.workspace = b.workspace AND s.service = b.service
LEFT JOIN caused AS c ON c.workspace = b.workspace AND c.cause = b.deployment
ORDER BY spent DESC, workspace, service, environment, slo, deployment
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, live_at, service, environment.

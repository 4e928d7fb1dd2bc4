-- Which services are there, what happens to them, and who owns them?
-- One row per service, the most incidents first.
--   declared                  true when the catalogue declares it; false when only events name it
--   team, tier                empty or null: not told; tier 1 is the most important
--   deployments, rollbacks    number that went live, and how many of them were rollbacks
--   last_deployment_at        null: none known
--   incidents, open_incidents number of incidents of the service, and how many are not resolved
--   last_incident_at          null: none known
--   problems                  what is wrong with its declaration
-- Left out: environments are counted together; deployments and incidents without a service.
WITH
    deployed AS
    (
        SELECT
            workspace,
            service,
            countIf(transition != 'failed') AS deployments,
            countIf(transition = 'rollback') AS rollbacks,
            maxOrNullIf(live_at, transition != 'failed') AS last_at
        FROM deployments FINAL
        GROUP BY workspace, service
    ),
    broken AS
    (
        SELECT
            workspace,
            service,
            count() AS incidents,
            countIf(resolved_at IS NULL) AS open_incidents,
            toNullable(max(opened_at)) AS last_at
        FROM incidents FINAL
        GROUP BY workspace, service
    )
SELECT
    s.workspace AS workspace,
    s.service AS service,
    s.declared AS declared,
    s.team AS team,
    s.tier AS tier,
    d.deployments AS deployments,
    d.rollbacks AS rollbacks,
    d.last_at AS last_deployment_at,
    b.incidents AS incidents,
    b.open_incidents AS open_incidents,
    b.last_at AS last_incident_at,
    s.repositories AS repositories,
    s.depends_on AS depends_on,
    s.problems AS problems
FROM (SELECT * FROM services FINAL) AS s
LEFT JOIN deployed AS d ON d.workspace = s.workspace AND d.service = s.service
LEFT JOIN broken AS b ON b.workspace = s.workspace AND b.service = s.service
ORDER BY workspace, incidents DESC, deployments DESC, service
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, service.

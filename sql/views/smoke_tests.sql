-- Did what was deployed hold its smoke tests?
-- One row per run of a check of kind smoke, newest first.
--   service, environment, tag, deployment, live_at
--              the newest deployment of the commit that was live when the run ended; empty and null: none is known
--   outcome    success, failure, cancelled, skipped or error (the machinery failed, not what was deployed)
--   url        where the run can be read; empty: not told
-- Left out: runs that their source took back.
WITH runs AS
(
    SELECT workspace, repository, sha, name, attempt, outcome, ended_at, url
    FROM check_runs
    WHERE kind = 'smoke'
)
SELECT
    r.workspace AS workspace,
    r.ended_at AS ended_at,
    d.service AS service,
    d.environment AS environment,
    d.tag AS tag,
    r.name AS name,
    r.attempt AS attempt,
    r.outcome AS outcome,
    r.url AS url,
    r.repository AS repository,
    r.sha AS sha,
    d.deployment AS deployment,
    d.since AS live_at
FROM runs AS r
ASOF LEFT JOIN
(
    SELECT
        workspace, repository::String AS repository, sha, service, environment, tag, deployment, live_at,
        toNullable(live_at) AS since
    FROM deployments FINAL
    WHERE sha != '' AND (workspace, sha) IN (SELECT workspace, sha FROM runs)
) AS d ON d.workspace = r.workspace AND d.repository = r.repository AND d.sha = r.sha AND d.live_at <= r.ended_at
ORDER BY ended_at DESC, workspace, repository, sha, name, attempt DESC
SETTINGS join_use_nulls = 0

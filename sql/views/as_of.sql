-- As of which moment is each workspace shown?
-- One row per workspace.
--   newest_at   the newest receipt of anything
--   as_of       now, or where nothing was received for two hours (an import), that receipt
-- Left out: workspaces of which nothing was told yet.
SELECT
    workspace,
    max(received_at) AS newest_at,
    if(newest_at < now64(6) - INTERVAL 2 HOUR, newest_at, now64(6)) AS as_of
FROM events
GROUP BY workspace
ORDER BY workspace

-- What could not be joined, how much of it is there, and which ones for example?
-- One row per workspace, kind and detail, most frequent first.
--   kind     what is missing
--   detail   for deployments without changes: the rule that was tried (link_rule); for environments: the name; for
--            late events: the record type; else empty
--   n        number of things it is missing for
--   of       number of things it could be missing for
--   samples  the three newest
-- Left out: deployments that bring no change by nature (rollbacks, redeployments, failed ones); merged changes
-- of repositories that never deploy, and those merged after the repository's newest deployed change; services, while
-- nobody has declared any. An event is late when it was received more than a day after its own time, and not imported:
-- what rests on it was told otherwise until then.
SELECT workspace, kind, detail, n, of, samples
FROM
(
    SELECT
        workspace,
        'deployment without changes' AS kind,
        link_rule::String AS detail,
        countIf(changes = 0) AS n,
        sum(count()) OVER (PARTITION BY workspace) AS of,
        arrayMap(s -> s.2, groupArraySortedIf(3)((-toUnixTimestamp64Micro(live_at), deployment), changes = 0)) AS samples
    FROM deployments FINAL
    WHERE transition NOT IN ('rollback', 'redeploy', 'failed')
    GROUP BY workspace, link_rule

    UNION ALL

    SELECT
        workspace,
        'deployment without a tag',
        '',
        countIf(tag = '') AS n,
        count(),
        arrayMap(s -> s.2, groupArraySortedIf(3)((-toUnixTimestamp64Micro(live_at), deployment), tag = ''))
    FROM deployments FINAL
    GROUP BY workspace

    UNION ALL

    SELECT
        workspace,
        'tag without an artifact',
        '',
        countIf(sha = '') AS n,
        count(),
        arrayMap(s -> s.2, groupArraySortedIf(3)((-toUnixTimestamp64Micro(live_at), deployment), sha = ''))
    FROM deployments FINAL
    WHERE tag != '' AND kind = 'service'
    GROUP BY workspace

    UNION ALL

    SELECT
        workspace,
        'environment without a place',
        environment::String,
        -- the names that the spellings of the field are brought to
        countIf(environment NOT IN ('production', 'staging', 'development', 'integration', 'test')) AS n,
        sum(count()) OVER (PARTITION BY workspace),
        arrayMap(s -> s.2, groupArraySorted(3)((-toUnixTimestamp64Micro(live_at), deployment)))
    FROM deployments FINAL
    GROUP BY workspace, environment

    UNION ALL

    SELECT
        workspace,
        'service that nobody declared',
        '',
        countIf(NOT is_declared) AS n,
        count(),
        arrayMap(s -> s.2, groupArraySortedIf(3)((-toUnixTimestamp64Micro(newest), service), NOT is_declared))
    FROM
    (
        SELECT
            d.workspace AS workspace, d.service AS service, d.newest AS newest, s.service != '' AS is_declared,
            max(is_declared) OVER (PARTITION BY d.workspace) AS anybody
        FROM
        (
            SELECT workspace, service, max(live_at) AS newest
            FROM deployments FINAL
            WHERE service != ''
            GROUP BY workspace, service
        ) AS d
        LEFT JOIN (SELECT workspace, service FROM services FINAL WHERE declared) AS s
            ON s.workspace = d.workspace AND s.service = d.service
    )
    WHERE anybody
    GROUP BY workspace

    UNION ALL

    SELECT
        workspace,
        'event that came late',
        record::String,
        uniqExactIf(cityHash64(id), late) AS n,
        uniqExact(cityHash64(id)),
        arraySlice(arrayDistinct(arrayMap(s -> s.2, groupArraySortedIf(9)((-toUnixTimestamp64Micro(received_at), id), late))), 1, 3)
    FROM (SELECT workspace, record, id, received_at, received_at > time + INTERVAL 1 DAY AS late FROM events WHERE NOT imported)
    GROUP BY workspace, record

    UNION ALL

    SELECT
        workspace,
        'incident without a service',
        '',
        countIf(service = '') AS n,
        count(),
        arrayMap(s -> s.2, groupArraySortedIf(3)((-toUnixTimestamp64Micro(opened_at), incident), service = ''))
    FROM incidents FINAL
    GROUP BY workspace

    UNION ALL

    SELECT
        workspace,
        'artifact that no deployment used',
        '',
        countIf(NOT deployed) AS n,
        count(),
        arrayMap(s -> s.2, groupArraySortedIf(3)((-toUnixTimestamp64Micro(packaged_at), artifact), NOT deployed))
    FROM artifacts FINAL
    GROUP BY workspace

    UNION ALL

    SELECT
        workspace,
        'merged change that was never deployed',
        '',
        countIf(passed_over) AS n,
        count(),
        arrayMap(s -> s.2, groupArraySortedIf(3)((-toUnixTimestamp64Micro(merged), change), passed_over))
    FROM
    (
        SELECT
            c.workspace AS workspace,
            c.change AS change,
            assumeNotNull(c.merged_at) AS merged,
            c.deployment = '' AND c.merged_at < r.newest AS passed_over
        FROM (SELECT * FROM changes FINAL WHERE state = 'merged' AND merged_at IS NOT NULL) AS c
        INNER JOIN
        (
            SELECT workspace, repository, max(merged_at) AS newest
            FROM changes FINAL
            WHERE deployment != '' AND merged_at IS NOT NULL
            GROUP BY workspace, repository
        ) AS r ON r.workspace = c.workspace AND r.repository = c.repository
    )
    GROUP BY workspace
)
WHERE n > 0
ORDER BY workspace, n DESC, kind, detail
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, kind, detail.

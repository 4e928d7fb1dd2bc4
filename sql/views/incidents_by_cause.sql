-- How many incidents did changes cause, and how many had another cause or none that is known?
-- One row per workspace, week of the onset (from Monday, UTC), dimension and value, newest first.
--   dimension, value   what the incidents have in common: service in environment (`api in production`), service,
--                      environment, team, severity or all
--   incidents          number of incidents: n
--   by_changes         sum of their probabilities (0 to 1) that a known deployment caused them: how many deployments
--                      caused, in expectation
--   by_none            the same for no deployment at all
--   by_unseen          the same for a deployment that nobody reported; the three add up to `incidents`
--   confirmed          how many of them a person said a deployment caused
--   likely             how many of them have a deployment as their likely cause, by the model
--   undecided          how many have none that stands out
--   not_by_changes     how many were probably caused by no deployment, or by one that nobody reported
--   final              how many verdicts are final or revised; the others may still change
-- Left out: incidents that were merged into another one.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    count() AS incidents,
    round(sum(change_probability), 3) AS by_changes,
    round(sum(none_probability), 3) AS by_none,
    round(sum(unseen_probability), 3) AS by_unseen,
    countIf(verdict = 'confirmed' AND cause_kind = 'deployment') AS confirmed,
    countIf(verdict = 'likely' AND cause_kind = 'deployment') AS likely,
    countIf(verdict IN ('leading', 'undecided')) AS undecided,
    countIf(cause_kind != 'deployment' AND verdict NOT IN ('leading', 'undecided')) AS not_by_changes,
    countIf(state IN ('final', 'revised')) AS final
FROM
(
    SELECT
        i.workspace AS workspace,
        toStartOfWeek(i.onset_at, 1) AS week,
        i.change_probability AS change_probability,
        i.none_probability AS none_probability,
        i.unseen_probability AS unseen_probability,
        i.verdict AS verdict,
        i.cause_kind AS cause_kind,
        i.state AS state,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', s.team::String), ('service', i.service::String),
                ('environment', i.environment::String), ('severity', i.severity::String),
                (
                    'service in environment',
                    if(i.service = '' OR i.environment = '', '', concat(i.service, ' in ', i.environment))
                )
            ]
        ) AS dimensions
    FROM (SELECT * FROM incidents FINAL) AS i
    LEFT JOIN (SELECT workspace, service, team FROM services FINAL) AS s
        ON s.workspace = i.workspace AND s.service = i.service
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.

-- How likely is each candidate of an incident, and what speaks for and against it?
-- One row per incident and candidate, newest incident first; the probabilities of an incident sum to 1.
--   kind, rank, probability, lag_hours, speaks_for, speaks_against, factors
--                  as in incident_candidates, which also says what was deployed. That reads all deployments; this does not,
--                  where it is asked for a few incidents
-- Left out: what was excluded before weighing (column `excluded` of the table incidents counts it).
SELECT
    workspace,
    incident,
    onset_at,
    rank,
    kind,
    candidate,
    probability,
    service,
    environment,
    live_at,
    round(lag_seconds / 3600, 2) AS lag_hours,
    arrayMap(f -> f.1, arraySort(f -> -f.2, arrayFilter(f -> f.2 > 0, CAST(factors, 'Array(Tuple(String, Float64))')))) AS speaks_for,
    arrayMap(f -> f.1, arraySort(f -> f.2, arrayFilter(f -> f.2 < 0, CAST(factors, 'Array(Tuple(String, Float64))')))) AS speaks_against,
    factors,
    model
FROM attributions FINAL
ORDER BY onset_at DESC, workspace, incident, rank = 0, rank, probability DESC, candidate
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0

-- How sure are the verdicts, and how often is no known deployment blamed?
-- One row per model and state of the verdict.
--   incidents                 number of incidents
--   mean_probability          mean probability (0 to 1) of the likeliest single cause
--   mean_change_probability   mean probability that a known deployment caused the incident
--   confirmed, likely, leading, undecided, none, unseen   share (0 to 1) of the incidents with that verdict
--   mean_candidates           mean number of deployments that were weighed
--   on_labels                 share of the incidents whose verdict rests on a person's word or on labels learned
--                             from, not on defaults
-- Left out: whether the verdicts are true; `aftermerge evaluate` measures that where the culprit is known.
SELECT
    workspace,
    model,
    state,
    count() AS incidents,
    round(avg(probability), 3) AS mean_probability,
    round(avg(change_probability), 3) AS mean_change_probability,
    round(countIf(verdict = 'confirmed') / count(), 3) AS confirmed,
    round(countIf(verdict = 'likely') / count(), 3) AS likely,
    round(countIf(verdict = 'leading') / count(), 3) AS leading,
    round(countIf(verdict = 'undecided') / count(), 3) AS undecided,
    round(countIf(verdict = 'none') / count(), 3) AS none,
    round(countIf(verdict = 'unseen') / count(), 3) AS unseen,
    round(avg(candidates), 1) AS mean_candidates,
    round(countIf(basis != 'defaults') / count(), 3) AS on_labels
FROM incidents FINAL
GROUP BY workspace, model, state
ORDER BY workspace, model, state

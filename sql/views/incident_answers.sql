-- What is the answer for each incident, in words?
-- One row per incident, newest first: what which_change_broke_it says of it, without the candidates.
--   answer           the verdict in words
--   change_probability  that any change caused it (0 to 1): all candidates together
--   rollback_target  deploy tag (else the key of the deployment) to go back to; empty: none
--   resolved_at      null: it is open
-- Left out: which deployment and which change (which_change_broke_it, incident_candidates).
SELECT
    workspace,
    incident,
    opened_at,
    service,
    environment,
    severity,
    title,
    verdict,
    cause_kind,
    multiIf(
        verdict = 'confirmed' AND cause_kind = 'none', 'a person said that no deployment caused it',
        verdict = 'confirmed' AND cause_kind = 'unseen', 'a person said that nobody reported the deployment',
        verdict = 'confirmed', 'a person named the cause',
        verdict = 'likely', 'this deployment is the likely cause',
        verdict = 'leading', 'this deployment leads, others are possible',
        verdict = 'none', 'probably no deployment caused it',
        verdict = 'unseen', 'probably a deployment that nobody reported',
        'undecided: no candidate stands out'
    ) AS answer,
    probability,
    change_probability,
    state,
    rollback_target,
    resolved_at
FROM incidents FINAL
ORDER BY opened_at DESC, workspace, incident

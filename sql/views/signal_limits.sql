-- From when on does a signal say that something is wrong, and who said so?
-- One row per workspace and signal.
--   signal           its name
--   failure_mode     F1 to F8 for the eight known ways in which review fails; else empty
--   severity         page, ticket or security
--   opens_from       share from which on it opens; 0: it opens with the thing that it is about
--   closes_below     share below which it closes
--   cases_min        number of cases below which nothing is said
--   within_hours     how long a condition has to last, or within which time something has to follow; 0: it has no such time
--   bad_from         how much of one case makes it bad: lines of a change, times a week that a person is asked, incidents of a
--                    shift; 0: nothing of its cases is counted so
--   off              1 when somebody switched it off
--   declared         1 when anything of this was declared; else all of it is built in
--   mitigation       what is known to help
--   as_of            the moment that signals are shown as of: now, or where nothing was received for two hours (an
--                    import), the newest receipt of the workspace
-- Left out: workspaces of which nothing was told yet.
SELECT
    k.workspace AS workspace, b.1 AS signal, b.2 AS failure_mode, b.3 AS severity,
    ifNull(t.opens_from, b.4) AS opens_from,
    -- what opens from little closes below no more than that
    ifNull(t.closes_below, least(b.5, ifNull(t.opens_from, b.4))) AS closes_below,
    toInt64(ifNull(t.cases_min, b.6)) AS cases_min,
    ifNull(t.within_minutes / 60, b.7) AS within_hours,
    toInt64(ifNull(t.bad_from, b.8)) AS bad_from,
    toUInt8(ifNull(t.off, false)) AS off,
    toUInt8(ifNull(t.signal::String, '') != '') AS declared,
    b.9 AS mitigation,
    k.as_of AS as_of
FROM as_of AS k
CROSS JOIN
(
    SELECT arrayJoin(
    [
            ('reviewer-bottleneck', 'F1', 'ticket', 0.5, 0.4, 10, 0., 0,
             'Ask by rotation, and add reviewers'),
            ('flaky-tests', 'F2', 'ticket', 0.1, 0.05, 20, 0., 0,
             'Put flaky tests in quarantine, and rewrite them'),
            ('rubber-stamping', 'F3', 'ticket', 0.2, 0.1, 5, 0., 0,
             'Ask for what a checklist of quality names'),
            ('bypass-abuse', 'F4', 'ticket', 0.15, 0.1, 10, 0., 0,
             'Have every bypass reviewed afterwards, and limit them'),
            ('large-changes', 'F5', 'ticket', 0.3, 0.2, 8, 0., 300,
             'Agree on a limit of size, and split changes'),
            ('missing-context', 'F6', 'ticket', 0., 0., 1, 2., 0,
             'Ask for a runbook and for metrics in every change'),
            ('late-findings', 'F7', 'security', 0., 0., 1, 0., 0,
             'Add a reviewer for security, and scan before the merge'),
            ('environment-drift', 'F8', 'ticket', 0., 0., 1, 1., 0,
             'Let a GitOps operator apply what is declared, and alert on drift'),
            ('slow-reviews', '', 'ticket', 0.5, 0.3, 5, 0., 0,
             'Ask reviewers automatically, and agree on a time to respond'),
            ('reviewer-load', '', 'ticket', 0.5, 0.3, 30, 0., 15,
             'Spread requests over more persons, and keep changes small'),
            ('slow-designs', '', 'ticket', 0.5, 0.25, 3, 240., 0,
             'Set a day on which a design is decided, and hold it'),
            ('long-lived-branches', '', 'ticket', 0.3, 0.2, 8, 336., 0,
             'Rebase often, split the work, and use a merge queue'),
            ('rigid-policies', '', 'ticket', 0.5, 0.3, 5, 0., 0,
             'Look at the policy again, and give exceptions a way'),
            ('stale-owners', '', 'ticket', 0.2, 0.1, 5, 0., 0,
             'Go through CODEOWNERS regularly'),
            ('overdue-retro-reviews', '', 'ticket', 0., 0., 1, 0., 0,
             'Review the bypassed change now, and say what came of it'),
            ('untagged-deployments', '', 'ticket', 0.1, 0.05, 3, 0., 0,
             'Give every deployment a tag and the commit that it is built from'),
            ('undeployed-changes', '', 'ticket', 0., 0., 1, 168., 0,
             'Deploy, or find out what holds the pipeline'),
            ('failing-deployments', '', 'ticket', 0.2, 0.1, 5, 0., 0,
             'Deploy to a canary first, and test the load before'),
            ('failed-rollbacks', '', 'page', 0., 0., 1, 1., 0,
             'Practise rollbacks in staging, and roll forward here'),
            ('unexplained-incidents', '', 'ticket', 0.5, 0.3, 5, 0., 0,
             'Write blameless reviews that name the evidence, and record verdicts'),
            ('alert-noise', '', 'ticket', 0.5, 0.3, 5, 0.25, 0,
             'Look at alerts with the change that moves what they watch'),
            ('on-call-overload', '', 'ticket', 0.2, 0.1, 1, 0., 3,
             'Agree on windows for changes, and tell on-call of them'),
            ('missing-telemetry', '', 'ticket', 0., 0., 1, 168., 0,
             'Ask for an indicator with every new endpoint'),
            ('stale-objectives', '', 'ticket', 0.5, 0.4, 1, 0., 0,
             'Look at the objective and its alerts again'),
            ('cost-overrun', '', 'ticket', 0.2, 0., 3, 0., 0,
             'Ask for an estimate of cost in changes that move it')
    ]) AS b
) AS built_in
LEFT JOIN (SELECT * FROM thresholds FINAL) AS t ON t.workspace = k.workspace AND t.signal = b.1
ORDER BY workspace, signal

-- Which rules of review were not kept, and was that seen before the merge?
-- One row per workspace, week (from Monday, UTC), dimension and value, newest first. A change counts in the week of its
-- merge, else of its opening.
--   dimension, value    what the violations have in common: all, team, service, repository, change_class, or rule
--                       (approvals, role, section, owners, check)
--   changes             number of changes by people that were held against the rules: n (of a rule: those that broke it)
--   violations          how many rules they did not keep at some time
--   caught              how many of these were mended before the merge, or never merged
--   waived              how many were merged with leave: called an emergency, a rule overridden, a check left red
--   after_merge         how many were merged without leave, or found after the merge; the target is none
--   changes_violating   how many changes have one after their merge
--   by_bots             number of changes by programs, which count nowhere else in the row
-- Left out: changes of which no forge told, and requests of which nobody told more than the merge.
SELECT
    workspace,
    week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS changes,
    sumIf(caught_in + waived_in + merged_in, NOT bot) AS violations,
    sumIf(caught_in, NOT bot) AS caught,
    sumIf(waived_in, NOT bot) AS waived,
    sumIf(merged_in, NOT bot) AS after_merge,
    countIf(NOT bot AND merged_in > 0) AS changes_violating,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        workspace, week, bot, d,
        arrayFilter((state, rule) -> d.1 != 'rule' OR splitByChar(' ', rule)[1] = d.2, violation_states, violations) AS states,
        countEqual(states, 'caught') AS caught_in,
        countEqual(states, 'waived') AS waived_in,
        countEqual(states, 'merged') AS merged_in
    FROM
    (
        SELECT
            workspace, toStartOfWeek(assumeNotNull(coalesce(merged_at, opened_at)), 1) AS week, bot, violations,
            violation_states,
            arrayConcat(
                arrayFilter(
                    pair -> pair.1 = 'all' OR pair.2 != '',
                    [
                        ('all', ''), ('team', team), ('service', service), ('repository', repository),
                        ('change_class', change_class)
                    ]
                ),
                arrayDistinct(arrayMap(rule -> ('rule', splitByChar(' ', rule)[1]), violations))
            ) AS dimensions
        FROM compliance FINAL
        WHERE isNotNull(coalesce(merged_at, opened_at))
    )
    ARRAY JOIN dimensions AS d
)
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.

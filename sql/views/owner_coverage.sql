-- How many changes were approved by those who own what they touch?
-- One row per workspace, week of the merge (from Monday, UTC), dimension and value, newest first.
--   dimension, value    what the changes have in common: all, team, service, repository or change_class
--   merged              number of changes by people that were merged that week and whose owners are told
--   owned               how many of them touch a file that somebody owns: n
--   covered             how many of those have the approval of somebody of each group of owners
--   coverage            covered / owned
--   groups, groups_approved
--                       the same by group of owners: how many approvals were needed, and how many there are
--   unowned             how many changes touch a file that nobody owns
--   unowned_files_touched
--                       how many such files, counted once for each change
--   with_owners_gone    how many touch a file with an owner who belonged to no team on that day
--   stale_entries_most  how many entries of CODEOWNERS matched no file, the most of any change
--   not_told            number of merged changes by people of which nobody told the owners; they are left out
--   by_bots             number of merged changes by programs, which count nowhere else in the row
-- Left out: changes of which no forge told, and requests of which nobody told more than the merge: it is not known
-- who approved them.
SELECT
    workspace,
    toStartOfWeek(assumeNotNull(merged_at), 1) AS week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(counts) AS merged,
    countIf(counts AND owners_needed > 0) AS owned,
    countIf(counts AND owners_needed > 0 AND owners_approved = owners_needed) AS covered,
    round(covered / nullIf(owned, 0), 4) AS coverage,
    sumIf(owners_needed, counts) AS groups,
    sumIf(owners_approved, counts) AS groups_approved,
    countIf(counts AND unowned_files > 0) AS unowned,
    sumIf(ifNull(unowned_files, 0), counts) AS unowned_files_touched,
    countIf(counts AND notEmpty(owners_gone)) AS with_owners_gone,
    maxIf(length(stale_entries), counts) AS stale_entries_most,
    countIf(NOT bot AND NOT owners_told) AS not_told,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        workspace, merged_at, bot, owners_told, owners_needed, owners_approved, unowned_files, owners_gone,
        stale_entries, NOT bot AND owners_told AS counts,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', team), ('service', service), ('repository', repository),
                ('change_class', change_class)
            ]
        ) AS dimensions
    FROM compliance FINAL
    WHERE state = 'merged' AND isNotNull(merged_at)
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.

-- What became of changes on their branch, and what travels with a merge.

CREATE TABLE IF NOT EXISTS outcomes
(
    workspace     LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    change        String COMMENT 'key of the change',
    repository    LowCardinality(String) COMMENT 'repository it belongs to, owner/name',
    branch        LowCardinality(String) COMMENT 'branch that it was merged into, or is to be',
    service       LowCardinality(String) COMMENT 'service that its repository is declared to be built into, else the repository\'s own name',
    team          LowCardinality(String) COMMENT 'team that owns the service; empty: nobody declared one',
    bot           Bool COMMENT 'true when a program wrote it',
    state         LowCardinality(String) COMMENT 'merged; open or abandoned for a request that a merge queue removed and that was not merged since',
    lines         Nullable(Int64) COMMENT 'lines added and deleted; null: not told',
    generated_lines Nullable(Int64) COMMENT 'lines added to and deleted from generated and vendored files, which are counted in lines too; null: not told',
    size          LowCardinality(String) COMMENT 'its size by lines, without generated ones: tiny (below 10), small (below 50), medium (below 300), large (below 1000), huge; empty: not told',
    undoes        Bool COMMENT 'true when it takes another change back',
    merged_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was merged; null: it was not',
    reverted_at   Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was first taken back on its branch; null: it was not',
    reverted_by   String COMMENT 'change that took it back first',
    restored_at   Nullable(DateTime64(6, 'UTC')) COMMENT 'when it came back for good, by a revert of what took it back; null: it was never out, or is',
    restored_by   String COMMENT 'change that brought it back',
    checks        Int64 COMMENT 'number of checks that ended on the commit as which it was merged, within a week of the merge',
    red_checks    Array(LowCardinality(String)) COMMENT 'checks that fail on that commit in their last attempt and did not on the commit before it on the branch on which they ran: it broke them',
    flaky_checks  Array(LowCardinality(String)) COMMENT 'checks that failed on that commit and then passed',
    red_at        Nullable(DateTime64(6, 'UTC')) COMMENT 'when the first check that it broke failed; null: it broke none',
    green_at      Nullable(DateTime64(6, 'UTC')) COMMENT 'when the last check that it broke passed on a later commit of the branch; null: it broke none, or not all passed within a week',
    green_by      String COMMENT 'the change of that commit: it rolled the branch forward, unless it is a revert',
    ejections    Array(Int64) COMMENT 'when a merge queue removed it and nobody had asked for that, microseconds since 1970-01-01 UTC',
    ejected_for   Array(LowCardinality(String)) COMMENT 'why, in the source\'s own words; empty: not told',
    version       UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted    UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, change)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of one change on its branch: taken back, brought back, failing checks, the merge queue';

-- As in 004, new columns that say nothing leave `telling` as it was, so that old and new copies of one telling stay one.
ALTER TABLE events_change_merged
    ADD COLUMN IF NOT EXISTS first_commit_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When the oldest of its commits was written, by the clock of who wrote it. Null: not told' AFTER sections,
    ADD COLUMN IF NOT EXISTS picked_from Array(String) COMMENT 'Commits that its own were picked from, in the words of git cherry-pick -x. Empty: none, or not told' AFTER first_commit_at,
    ADD COLUMN IF NOT EXISTS generated_additions Nullable(Int64) COMMENT 'Lines added to generated and vendored files; additions has them too. Null: not told' AFTER picked_from,
    ADD COLUMN IF NOT EXISTS generated_deletions Nullable(Int64) COMMENT 'Lines removed from generated and vendored files; deletions has them too. Null: not told' AFTER generated_additions,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, sha, commits, title, author, merged_by, opened_at, additions, deletions, files, paths, owners,
        labels, reverts
    )), if(empty(emergency) AND empty(incidents) AND empty(sections), 0, cityHash64(tuple(emergency, incidents, sections)))), if(isNull(first_commit_at) AND empty(picked_from) AND isNull(generated_additions) AND isNull(generated_deletions), 0, cityHash64(tuple(first_commit_at, picked_from, generated_additions, generated_deletions)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE changes
    ADD COLUMN IF NOT EXISTS first_commit_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when the oldest of its commits was written, by the clock of who wrote it. Null: not told' AFTER events,
    ADD COLUMN IF NOT EXISTS picked_from Array(String) COMMENT 'commits that its own were picked from, in the words of git cherry-pick -x. Empty: none, or not told' AFTER first_commit_at,
    ADD COLUMN IF NOT EXISTS generated_lines Nullable(Int64) COMMENT 'lines added to and deleted from generated and vendored files, which are counted in the others too. Null: not told' AFTER picked_from;

ALTER TABLE reviews
    ADD COLUMN IF NOT EXISTS generated_lines Nullable(Int64) COMMENT 'lines added to and deleted from generated and vendored files, which are counted in the others too. Null: not told' AFTER working_until;

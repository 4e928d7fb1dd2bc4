-- Flaky checks: what each closed week says about each check, and each certain flake.

CREATE TABLE IF NOT EXISTS check_flakiness
(
    workspace            LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    repository           LowCardinality(String) COMMENT 'repository it runs in, owner/name',
    name                 LowCardinality(String) COMMENT 'name of the check',
    workflow             LowCardinality(String) COMMENT 'workflow or pipeline that it belongs to; empty: none, or not told',
    week_at              DateTime64(6, 'UTC') COMMENT 'when the week begins: a Monday, 0:00 UTC; a commit counts in the week in which its first run of the check ended',
    commits              Int64 COMMENT 'number of commits that it ran on first in that week: n',
    runs                 Int64 COMMENT 'number of its runs on them that failed or passed, at most the first 20 on each',
    failed               Int64 COMMENT 'number of those runs that failed',
    flaked               Int64 COMMENT 'number of those commits on which it both failed and passed: certain flakes',
    reruns               Int64 COMMENT 'number of runs from a failure on to the success on the same commit, without that failure',
    waited_seconds       Int64 COMMENT 'how long it took from such failures to those successes, by the clock, in seconds',
    errors               Int64 COMMENT 'number of its runs that the machinery ended; they are in no other number',
    error_reruns         Int64 COMMENT 'number of runs from such an end on to the success, where nothing but the machinery failed',
    error_waited_seconds Int64 COMMENT 'how long that took, by the clock, in seconds',
    window_weeks         Int64 COMMENT 'number of weeks up to this one that the estimate rests on',
    window_commits       Int64 COMMENT 'number of commits in those weeks',
    window_runs          Int64 COMMENT 'number of runs in those weeks that failed or passed',
    window_failed        Int64 COMMENT 'number of those that failed',
    window_flaked        Int64 COMMENT 'number of commits in those weeks on which it both failed and passed',
    flake_probability    Float64 COMMENT 'probability (0 to 1) that it fails on a good commit, by those weeks',
    flake_low            Float64 COMMENT 'lower bound of the 90 % interval of that probability',
    flake_high           Float64 COMMENT 'upper bound of the 90 % interval of that probability',
    flaky_probability    Float64 COMMENT 'how likely (0 to 1) that probability is above 2 %',
    flaky                Bool COMMENT 'true when that is at least 0.2, by at least 20 runs',
    quarantine           Bool COMMENT 'true when it is flaky and the whole interval is above 2 %: a quarantine is suggested',
    broken_share         Float64 COMMENT 'share (0 to 1) of the commits that it fails on for a reason, by those weeks',
    version              UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted           UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, repository, name, workflow, week_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One week of one check, and how likely it failed on a good commit, by the closed weeks up to that one';

CREATE TABLE IF NOT EXISTS flaky_runs
(
    workspace      LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    repository     LowCardinality(String) COMMENT 'repository of the commit, owner/name',
    sha            String COMMENT 'commit that was checked',
    name           LowCardinality(String) COMMENT 'name of the check',
    workflow       LowCardinality(String) COMMENT 'workflow or pipeline that it belongs to; empty: none, or not told',
    kind           LowCardinality(String) COMMENT 'build, test, policy or security; empty: not told',
    branch         String COMMENT 'branch that the first failed run was for; empty: not told',
    changes        Array(String) COMMENT 'keys of the changes that the commit belongs to; empty: none is known',
    first_at       DateTime64(6, 'UTC') COMMENT 'when the first run ended',
    failed_at      DateTime64(6, 'UTC') COMMENT 'when the first failed run ended',
    passed_at      DateTime64(6, 'UTC') COMMENT 'when the first success after it ended; where none did, the last success before it',
    runs           Int64 COMMENT 'number of runs that failed or passed, at most the first 20',
    failed         Int64 COMMENT 'number of those that failed',
    errors         Int64 COMMENT 'number of runs that the machinery ended',
    reruns         Int64 COMMENT 'number of runs from a failure on to the next success, without that failure; 0: it passed first, and never after it failed',
    waited_seconds Int64 COMMENT 'how long that took, by the clock, in seconds',
    failed_url     String COMMENT 'where the first failed run can be read; empty: not told',
    passed_url     String COMMENT 'where that success can be read; empty: not told',
    events         Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version        UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted     UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, repository, sha, name, workflow)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One check that both failed and passed on one commit: a certain flake';

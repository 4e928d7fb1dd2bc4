-- Weekly counts of what should be rare, what each of them was expected to be, and which are alarms.

CREATE TABLE IF NOT EXISTS weekly_counts
(
    workspace         LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    series            LowCardinality(String) COMMENT 'what is counted: bypasses, drift, flaky_reruns, incidents or rubber_stamps',
    dimension         LowCardinality(String) COMMENT 'what is taken together: all, team, service or repository',
    value             String COMMENT 'value of the dimension: name of the team, service or repository; empty: all',
    week_at           DateTime64(6, 'UTC') COMMENT 'when the week began: a Monday, 0:00 UTC; the week is closed',
    k                 Int64 COMMENT 'hits of the week: how many things of it were what the series counts',
    n                 Int64 COMMENT 'things of the week that could be a hit: merged changes (bypasses), approved requests of at least 50 lines (rubber_stamps), commits with checks (flaky_reruns), days (incidents, drift)',
    history_weeks     Int64 COMMENT 'number of earlier weeks that the expectation rests on: of the 26 before it, those with any things that did not alarm',
    history_k         Int64 COMMENT 'hits of these weeks',
    history_n         Int64 COMMENT 'things (or days) of these weeks',
    dispersion        Float64 COMMENT 'how much these weeks differ: Pearson\'s chi-squared divided by its degrees of freedom; 1: as much as chance alone makes them',
    expected          Nullable(Float64) COMMENT 'expected number of hits; null: too little history to say, as in all columns below',
    low               Nullable(Int64) COMMENT 'lower end of the interval in which 95 of 100 such weeks lie, in hits',
    high              Nullable(Int64) COMMENT 'upper end of that interval, in hits',
    p                 Nullable(Float64) COMMENT 'probability of so many hits or more, if nothing is different from before',
    q                 Nullable(Float64) COMMENT 'expected share of false alarms if this p and all smaller ones of the week, of all series, were alarms',
    cusum             Float64 COMMENT 'cumulative sum that shows slow shifts: natural logarithm of how much likelier the last weeks are at three times the rate; begins anew at 0 and after an alarm',
    shift_q           Nullable(Float64) COMMENT 'expected share of false alarms if this sum and all greater ones of the week were alarms',
    smallest_multiple Nullable(Float64) COMMENT 'smallest rise that such a week would have shown with a probability of 80 %, as a multiple of the usual rate; null also: none up to 100 would have shown',
    alarm             LowCardinality(String) COMMENT 'spike (this week is too much), shift (the rate has risen), both (spike and shift); empty: neither',
    version           UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted        UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, series, dimension, value, week_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One closed week of one series in one place: how much was counted, what was expected, and the alarm';

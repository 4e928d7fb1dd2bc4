-- Error budgets: what services promise, how well they keep it, and which deployment spent what.

CREATE TABLE IF NOT EXISTS events_objective_declared
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    objective      String COMMENT 'Key of the objective, unique in its source',
    slo            LowCardinality(String) COMMENT 'Name of the objective. Empty: not told',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: production',
    target_ppm     Nullable(Int64) COMMENT 'Share of events that shall be good, in parts per million (999000 is 99.9 %). Null: not told, and no budget follows',
    period_days    Nullable(Int64) COMMENT 'Length in days of the rolling period that the target is about. Null: 30',
    record         LowCardinality(String) MATERIALIZED 'objective_declared' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, objective, slo, service, environment, target_ppm, period_days
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One version of one service level objective; the first holds from the beginning, a later one from its own time on';

CREATE TABLE IF NOT EXISTS events_objective_counted
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    slo            LowCardinality(String) COMMENT 'Name of the objective',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: production',
    seconds        Nullable(Int64) COMMENT 'Length of the bucket in seconds, at most a day. Null: not told, and nothing counts',
    good           Nullable(Int64) COMMENT 'How many events were good, at most total. Null: not told, and nothing counts',
    total          Nullable(Int64) COMMENT 'How many events there were, at most 1000000000000. Null: not told, and nothing counts',
    record         LowCardinality(String) MATERIALIZED 'objective_counted' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, slo, service, environment, seconds, good, total
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How many events of an objective were good, of how many, in one bucket of time; time is when the bucket ended. Buckets of several ids and one end add up';

CREATE TABLE IF NOT EXISTS budgets
(
    workspace        LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    slo              LowCardinality(String) COMMENT 'name of the objective',
    service          LowCardinality(String) COMMENT 'service that promises it',
    environment      LowCardinality(String) COMMENT 'environment that it is about',
    target_ppm       Nullable(Int64) COMMENT 'share of events that shall be good, in parts per million; null: nobody declared the objective',
    period_seconds   Int64 COMMENT 'length of the rolling period that the budget is for, in seconds',
    counted_from_at  Nullable(DateTime64(6, 'UTC')) COMMENT 'beginning of the first bucket that ends within the period before the newest one; null: nothing was counted',
    counted_until_at Nullable(DateTime64(6, 'UTC')) COMMENT 'end of the newest bucket: the row is as of then; null: nothing was counted',
    good             Int64 COMMENT 'good events in that period',
    total            Int64 COMMENT 'all events in that period',
    consumed         Nullable(Float64) COMMENT 'bad events / budget, where the budget is what the target allows to be bad of all events in the period, drawn up to a whole period while less is counted; above 1: more than there was; null: no objective, or no events',
    remaining        Nullable(Float64) COMMENT '1 - consumed',
    burn_rates       Map(LowCardinality(String), Float64) COMMENT 'length of a window (5m, 1h, 3d) -> how fast the budget was spent in the window before the newest bucket; 1 spends exactly the whole of it over the period',
    burning          Array(LowCardinality(String)) COMMENT 'rules that fire at the newest bucket',
    state            LowCardinality(String) COMMENT 'within budget, half spent, spent, uncounted (declared, nothing counted) or undeclared (counted, nothing declared)',
    half_spent_at    Nullable(DateTime64(6, 'UTC')) COMMENT 'since when more than half of the rolling budget is gone, at most one period before the newest bucket; null: it is not',
    spent_at         Nullable(DateTime64(6, 'UTC')) COMMENT 'since when more than all of it is gone, at most one period before the newest bucket; null: it is not',
    events           Array(String) COMMENT 'ids of the declarations this row rests on',
    version          UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted       UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, slo, service, environment)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How much of its error budget one objective has left, as of the newest bucket that was counted';

CREATE TABLE IF NOT EXISTS budget_burns
(
    workspace         LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    slo               LowCardinality(String) COMMENT 'name of the objective',
    service           LowCardinality(String) COMMENT 'service that promises it',
    environment       LowCardinality(String) COMMENT 'environment that it is about',
    rule              LowCardinality(String) COMMENT 'rule that fired: fast burn, slow burn, steady burn, half of the budget or all of the budget',
    began_at          DateTime64(6, 'UTC') COMMENT 'end of the bucket at which it began to fire',
    ended_at          Nullable(DateTime64(6, 'UTC')) COMMENT 'end of the first bucket at which it fired no more; null: it fires at the last bucket',
    severity          LowCardinality(String) COMMENT 'what has to happen: page, ticket, or review (an expedited review of what changed recently)',
    continues         Bool COMMENT 'true when it fired already in the stretch of time before, whose row ends where this one begins',
    onset_at          DateTime64(6, 'UTC') COMMENT 'end of the first bucket in its window that spent too fast: the trouble had begun by then',
    onset_earliest_at DateTime64(6, 'UTC') COMMENT 'beginning of that bucket: the trouble began no earlier',
    window_seconds    Int64 COMMENT 'length of its (long) window, in seconds',
    target_ppm        Int64 COMMENT 'target that held then, in parts per million',
    bad               Int64 COMMENT 'bad events in the window when it began',
    total             Int64 COMMENT 'all events in that window',
    burn_rate         Float64 COMMENT 'how fast the budget was spent in that window; 1 spends exactly the whole of it over the period',
    consumed          Float64 COMMENT 'share of the budget of the period that went in that window',
    events            Array(String) COMMENT 'ids of the declarations this row rests on',
    version           UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted        UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, slo, service, environment, rule, began_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A time during which a rule on the speed of spending an error budget fired';

CREATE TABLE IF NOT EXISTS budget_spending
(
    workspace        LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    slo              LowCardinality(String) COMMENT 'name of the objective',
    service          LowCardinality(String) COMMENT 'service that promises it',
    environment      LowCardinality(String) COMMENT 'environment that it is about',
    deployment       String COMMENT 'key of the deployment',
    live_at          DateTime64(6, 'UTC') COMMENT 'when it was live',
    until_at         Nullable(DateTime64(6, 'UTC')) COMMENT 'until when its spending counts: the next deployment, or one period later; null: it counts still',
    counted_until_at DateTime64(6, 'UTC') COMMENT 'end of the newest bucket that counts for it',
    good             Int64 COMMENT 'good events from then to then',
    total            Int64 COMMENT 'all events from then to then',
    spent            Float64 COMMENT 'bad events of that time / budget of the period that ends with it',
    consumed         Float64 COMMENT 'how much of that budget was gone at its end, whoever spent it: the spending of all deployments and what lay before',
    events           Array(String) COMMENT 'ids of the declarations this row rests on',
    version          UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted       UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, slo, service, environment, deployment)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What was spent of an objective\'s error budget from one deployment on, until the next one of the same service and environment';

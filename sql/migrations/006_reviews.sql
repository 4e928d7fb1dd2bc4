-- How requests are reviewed: whose turn it is and was, by the clock and in working hours.

CREATE TABLE IF NOT EXISTS reviews
(
    workspace                LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    change                   String COMMENT 'key of the request: repository#number',
    repository               LowCardinality(String) COMMENT 'repository it belongs to, owner/name',
    service                  LowCardinality(String) COMMENT 'service that its repository is declared to be built into, else the repository\'s own name',
    team                     LowCardinality(String) COMMENT 'team that owns the service; empty: nobody declared one',
    bot                      Bool COMMENT 'true when a program wrote it',
    state                    LowCardinality(String) COMMENT 'open, merged or abandoned',
    lines                    Nullable(Int64) COMMENT 'lines added and deleted; null: not told',
    size                     LowCardinality(String) COMMENT 'its size by lines: tiny (below 10), small (below 50), medium (below 300), large (below 1000), huge; empty: not told',
    opened_at                DateTime64(6, 'UTC') COMMENT 'when it was opened',
    ready_at                 Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was first ready for review; null: it was a draft all the time',
    closed_at                Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was merged or abandoned; null: it is open',
    merged_at                Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was merged; null: it was not',
    first_response_at        Nullable(DateTime64(6, 'UTC')) COMMENT 'when the first person who is not its author reviewed or commented, once it was ready; null: nobody did',
    response_seconds         Nullable(Int64) COMMENT 'how long its reviewers let it wait for that, in seconds: time that was its author\'s (drafts, requested changes, red checks) does not count; null: no response',
    response_working_seconds Nullable(Int64) COMMENT 'the same in the working hours of those who were waited on',
    response_target_seconds  Int64 COMMENT 'working time within which the first response was due, or is, in seconds: what those who were waited on when it came promise',
    waiting_seconds          Int64 COMMENT 'how long it was its reviewers\' turn, over all rounds that ended, in seconds',
    waiting_working_seconds  Int64 COMMENT 'the same in the working hours of those who were waited on',
    author_seconds           Int64 COMMENT 'how long it was its author\'s turn (drafts, requested changes, red checks), over all turns that ended, in seconds',
    merging_seconds          Int64 COMMENT 'how long it was approved and not merged, over all turns that ended, in seconds',
    rounds                   Int64 COMMENT 'how often it became its reviewers\' turn',
    pushes                   Int64 COMMENT 'how often its newest commit became another one',
    comments                 Int64 COMMENT 'how many comments and reviews with a text other persons made before its end',
    substantive_comments     Int64 COMMENT 'how many of these say something: at least two points for their place, code, questions, length, and a push after them',
    approval_seconds         Nullable(Int64) COMMENT 'the longest time from its being ready, or from the last push before, to an approval before its end, in seconds; null: nobody approved',
    rubber_stamp             Bool COMMENT 'true when at least 50 lines were approved without a substantive comment, faster than 2000 lines an hour',
    asked                    Array(LowCardinality(String)) COMMENT 'everybody who was asked for a review: tokens of persons, names of teams',
    turn                     LowCardinality(String) COMMENT 'whose turn it is: author, reviewers, or merge (approved); empty: it is closed',
    turn_since_at            Nullable(DateTime64(6, 'UTC')) COMMENT 'since when; null: it is closed',
    waited_on                Array(LowCardinality(String)) COMMENT 'who was asked and has not answered, while it is the reviewers\' turn; empty: nobody by name',
    hours_of                 Array(LowCardinality(String)) COMMENT 'teams whose working hours counted; default where none was known (Monday to Friday, 9:00 to 17:00 UTC)',
    unanswered_since_at      Nullable(DateTime64(6, 'UTC')) COMMENT 'since when no reviewer said anything in this turn, and those who are waited on are asked; null: it is not the reviewers\' turn',
    review_target_seconds    Nullable(Int64) COMMENT 'working time within which those who are waited on now answer, in seconds; null: it is not the reviewers\' turn',
    review_due_at            Nullable(DateTime64(6, 'UTC')) COMMENT 'when a review falls due: as many working hours after that as the target says; null: it is not the reviewers\' turn, or nobody ever works',
    working_from             Array(Int64) COMMENT 'the working windows of those who are waited on since unanswered_since_at, at most 60: their beginnings, microseconds since 1970-01-01 UTC; empty: it is not the reviewers\' turn',
    working_until            Array(Int64) COMMENT 'the ends of the same windows',
    version                  UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted               UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, change)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'How one request was reviewed: whose turn it was and for how long. Turns that last are in no sum';

-- What scanners found, and the thresholds of signals that somebody declared.

CREATE TABLE IF NOT EXISTS events_threshold_set
(
    workspace             LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id                    String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source                LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time                  DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at           DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported              Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version        Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version        Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted             Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence              Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    signal                LowCardinality(String) COMMENT 'Name of the signal: rubber-stamping, bypass-abuse',
    opens_from            Nullable(Float64) COMMENT 'Share of cases, 0 to 1, from which on it opens. Null: as built in',
    closes_below          Nullable(Float64) COMMENT 'Share of cases below which it closes. Null: as built in',
    cases_min             Nullable(Int64) COMMENT 'Number of cases of a week below which it says nothing. Null: as built in',
    within_minutes        Nullable(Int64) COMMENT 'Minutes that its condition has to last, or within which something has to follow. Null: as built in',
    off                   Bool COMMENT 'True when it is switched off. False: it is not',
    record                LowCardinality(String) MATERIALIZED 'threshold_set' COMMENT 'Record type',
    telling               UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, signal, opens_from, closes_below, cases_min, within_minutes, off
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence            UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One version of the thresholds of one signal; what is absent stays as it is built in';

CREATE TABLE IF NOT EXISTS findings
(
    workspace   LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    finding     String COMMENT 'key of the finding, as its source has it',
    repository  LowCardinality(String) COMMENT 'repository that it was found in, owner/name',
    service     LowCardinality(String) COMMENT 'service that its repository is declared to be built into, else the repository\'s own name',
    team        LowCardinality(String) COMMENT 'team that owns the service; empty: nobody declared one',
    kind        LowCardinality(String) COMMENT 'code, secret or dependency',
    severity    LowCardinality(String) COMMENT 'how bad it is, as its source has it; empty: not told',
    rule        LowCardinality(String) COMMENT 'what it is a case of, as its source has it',
    tool        LowCardinality(String) COMMENT 'who found it',
    path        String COMMENT 'file that it was found in; empty: not told',
    branch      LowCardinality(String) COMMENT 'branch that it was found on; empty: not told',
    sha         String COMMENT 'commit that it was found in; empty: not told',
    url         String COMMENT 'where to read more; empty: not told',
    state       LowCardinality(String) COMMENT 'open, or how it was closed: fixed, dismissed, or as its source has it',
    found_at    DateTime64(6, 'UTC') COMMENT 'when it was first told of',
    closed_at   Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was closed; null: it is open',
    change      String COMMENT 'change that brought its commit; empty: not known',
    after_merge Bool COMMENT 'true when it was found after its change was merged, or on the main branch where no change is known',
    events      Array(String) COMMENT 'ids of the events that it was computed from',
    version     UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted  UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, finding)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One finding of a scanner: where it is, since when, and which change brought it';

CREATE TABLE IF NOT EXISTS thresholds
(
    workspace      LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    signal         LowCardinality(String) COMMENT 'name of the signal',
    opens_from     Nullable(Float64) COMMENT 'share of cases from which on it opens; null: as built in',
    closes_below   Nullable(Float64) COMMENT 'share of cases below which it closes; null: as built in',
    cases_min      Nullable(Int64) COMMENT 'number of cases of a week below which it says nothing; null: as built in',
    within_minutes Nullable(Int64) COMMENT 'minutes that its condition has to last, or within which something has to follow; null: as built in',
    off            Bool COMMENT 'true when it is switched off',
    events         Array(String) COMMENT 'ids of the events that it was computed from',
    version        UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted     UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, signal)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The thresholds of one signal that somebody declared; the newest version holds';

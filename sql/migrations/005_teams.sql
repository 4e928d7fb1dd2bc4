-- Teams in the catalogue: a new record type, who belongs to a team and when it works.

CREATE TABLE IF NOT EXISTS events_team_declared
(
    workspace        LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id               String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source           LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time             DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at      DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported         Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version   Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version   Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted        Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence         Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    team             LowCardinality(String) COMMENT 'Name of the team in the catalogue',
    members          Array(LowCardinality(String)) COMMENT 'Tokens of the persons who belong to it. Empty: not told',
    aliases          Array(LowCardinality(String)) COMMENT 'Other names for it, as a forge calls it (acme/backend). Empty: none',
    zone             LowCardinality(String) COMMENT 'Name of its time zone in the IANA database (Europe/Berlin), for people; what counts are the offsets. Empty: UTC, or not told',
    days             Array(Int64) COMMENT 'Days on which it works, 1 Monday to 7 Sunday, rising. Empty: Monday to Friday',
    opens_minute     Nullable(Int64) COMMENT 'When its day begins, in local minutes after midnight. Null: 540, which is 9:00',
    closes_minute    Nullable(Int64) COMMENT 'When its day ends, in local minutes after midnight, at most 1440. Null: 1020, which is 17:00',
    holidays         Array(Int64) COMMENT 'Local dates on which it does not work, as days since 1970-01-01, rising. Empty: none',
    offsets_from     Array(Int64) COMMENT 'Instants at which its offset from UTC changes, in microseconds since 1970-01-01 UTC, rising. Empty: it never changes',
    offsets_seconds  Array(Int64) COMMENT 'Its offsets from UTC in seconds: the first before the first of those instants, then one from each of them on. Empty: 0, which is UTC',
    response_minutes Nullable(Int64) COMMENT 'Working minutes within which a first response by it is due. Null: the default',
    record           LowCardinality(String) MATERIALIZED 'team_declared' COMMENT 'Record type',
    telling          UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, team, members, aliases, zone, days,
        opens_minute, closes_minute, holidays, offsets_from, offsets_seconds, response_minutes
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence       UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One version of one team\'s entry in the catalogue; the first holds from the beginning, a later one from its own time on';

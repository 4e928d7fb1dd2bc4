-- What makes one case of a signal a bad one can be declared, too.

ALTER TABLE events_threshold_set
    ADD COLUMN IF NOT EXISTS bad_from Nullable(Int64) COMMENT 'How much of one case makes it bad: lines of a change, times a week that a person is asked, incidents of a shift. Null: as built in' AFTER off,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, signal, opens_from, closes_below, cases_min, within_minutes, off
    )), if(isNull(bad_from), 0, cityHash64(tuple(bad_from)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE thresholds
    ADD COLUMN IF NOT EXISTS bad_from Nullable(Int64) COMMENT 'how much of one case makes it bad: lines of a change, times a week that a person is asked, incidents of a shift; null: as built in' AFTER off;

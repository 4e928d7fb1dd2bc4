-- What could not be read or folded, with its bytes, so that it can be corrected and sent again.
-- Place and content are the key: reading a topic a second time tells the same letters again, and a file
-- that was corrected in vain adds a letter.

CREATE TABLE IF NOT EXISTS dead_letters
(
    workspace LowCardinality(String) COMMENT 'Unit of correlation it was meant for; empty: not known',
    topic     LowCardinality(String) COMMENT 'Topic of the log it was read from; empty: it came from a file',
    partition Int64 COMMENT 'Partition of that topic; -1: it came from a file',
    offset    Int64 COMMENT 'Offset in that partition, or line of the file; -1: the place has no lines',
    place     String COMMENT 'Where it stands, for people: file:line, or topic/partition@offset',
    reason    String COMMENT 'Why it was refused, in words',
    bytes     String COMMENT 'What was refused, byte for byte',
    failed_at DateTime64(6, 'UTC') COMMENT 'When it was refused',
    content   UInt64 MATERIALIZED cityHash64(reason, bytes) COMMENT 'Hash of reason and bytes'
)
ENGINE = ReplacingMergeTree(failed_at)
ORDER BY (workspace, topic, partition, offset, place, content)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One message that could not be read or folded';

-- What belongs to one commit is found without reading everything: runs of checks, and deployments.

ALTER TABLE events_check_finished
    ADD INDEX IF NOT EXISTS by_commit commit TYPE bloom_filter GRANULARITY 1;

ALTER TABLE events_check_finished
    MATERIALIZE INDEX by_commit;

ALTER TABLE deployments
    ADD INDEX IF NOT EXISTS by_sha sha TYPE bloom_filter GRANULARITY 1;

ALTER TABLE deployments
    MATERIALIZE INDEX by_sha;

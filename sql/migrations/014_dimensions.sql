-- The class of a change where its review and its outcome are measured, too.

ALTER TABLE reviews
    ADD COLUMN IF NOT EXISTS change_class LowCardinality(String) COMMENT 'the most telling of its classes, as in compliance: iam, database-migration, ..., code, docs, or a declared one' AFTER generated_lines;

ALTER TABLE outcomes
    ADD COLUMN IF NOT EXISTS change_class LowCardinality(String) COMMENT 'the most telling of its classes, as in compliance: iam, database-migration, ..., code, docs, or a declared one' AFTER ejected_for;

ALTER TABLE reviews
    MODIFY COLUMN substantive_comments COMMENT 'how many of these say something: at least three points for their place, code, questions, length, and a push after them';

ALTER TABLE reviews
    MODIFY COLUMN rubber_stamp COMMENT 'true when at least 50 lines were approved without a comment of two points, faster than 2000 lines an hour';

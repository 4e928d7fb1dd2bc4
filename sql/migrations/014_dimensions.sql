-- The class of a change where its review and its outcome are measured, too.

ALTER TABLE reviews
    ADD COLUMN IF NOT EXISTS change_class LowCardinality(String) COMMENT 'the most telling of its classes, as in compliance: iam, database-migration, ..., code, docs, or a declared one' AFTER generated_lines;

ALTER TABLE outcomes
    ADD COLUMN IF NOT EXISTS change_class LowCardinality(String) COMMENT 'the most telling of its classes, as in compliance: iam, database-migration, ..., code, docs, or a declared one' AFTER ejected_for;

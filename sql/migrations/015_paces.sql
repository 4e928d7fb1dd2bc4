-- How fast an approval has to be to be a rubber stamp, request by request.

ALTER TABLE reviews
    ADD COLUMN IF NOT EXISTS stamp_seconds Nullable(Int64) COMMENT 'approved in less than so many seconds, it is a rubber stamp if nobody said anything: 2000 lines an hour, or down to 500 where only 5 % of the approvals of its repository were faster in the 26 weeks before its opening; null: fewer than 50 lines, or nobody told how many' AFTER change_class;

ALTER TABLE reviews
    MODIFY COLUMN rubber_stamp COMMENT 'true when at least 50 lines were approved without a comment of two points in less than stamp_seconds';

-- What a comment, or the text of a review, amounts to: words, code, questions, requests; the text is not kept.
-- As in 004, new columns that say nothing leave `telling` as it was, so that old and new copies of one telling stay one.

ALTER TABLE events_comment_posted
    ADD COLUMN IF NOT EXISTS line    Bool COMMENT 'True when it is at a line or a hunk of the diff. False: at a file or the change as a whole, or not told' AFTER question,
    ADD COLUMN IF NOT EXISTS words   Nullable(Int64) COMMENT 'Number of words in its text, without quotations and blocks of code. Null: not told' AFTER line,
    ADD COLUMN IF NOT EXISTS code    Bool COMMENT 'True when its text holds code, in a span or a block, that is no suggestion. False: none, or not told' AFTER words,
    ADD COLUMN IF NOT EXISTS request Bool COMMENT 'True when its text asks for something to be done (please rename, use X instead). False: it does not, or not told' AFTER code,
    ADD COLUMN IF NOT EXISTS filler  Bool COMMENT 'True when its text says nothing but thanks, praise, agreement or emoji, or is empty. False: it says more, or not told' AFTER request,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        author, bot, path, commit_sha, in_reply, characters, suggestion, question
    )), if(NOT line AND isNull(words) AND NOT code AND NOT request AND NOT filler, 0, cityHash64(tuple(line, words, code, request, filler)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE events_review_submitted
    ADD COLUMN IF NOT EXISTS words      Nullable(Int64) COMMENT 'Number of words in the review\'s own text, without quotations and blocks of code. Null: not told' AFTER characters,
    ADD COLUMN IF NOT EXISTS code       Bool COMMENT 'True when the review\'s own text holds code, in a span or a block, that is no suggestion. False: none, or not told' AFTER words,
    ADD COLUMN IF NOT EXISTS suggestion Bool COMMENT 'True when the review\'s own text proposes replacement text that can be applied as it stands. False: it does not, or not told' AFTER code,
    ADD COLUMN IF NOT EXISTS question   Bool COMMENT 'True when the review\'s own text asks something. False: it does not, or not told' AFTER suggestion,
    ADD COLUMN IF NOT EXISTS request    Bool COMMENT 'True when the review\'s own text asks for something to be done (please rename, use X instead). False: it does not, or not told' AFTER question,
    ADD COLUMN IF NOT EXISTS filler     Bool COMMENT 'True when the review\'s own text says nothing but thanks, praise, agreement or emoji, or is empty. False: it says more, or not told' AFTER request,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        reviewer, decision, commit_sha, comments, bot
    )), if(isNull(characters), 0, cityHash64(tuple(characters)))), if(isNull(words) AND NOT code AND NOT suggestion AND NOT question AND NOT request AND NOT filler, 0, cityHash64(tuple(words, code, suggestion, question, request, filler)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

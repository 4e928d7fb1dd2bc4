-- Which events were received, of what kind and when did they happen?
-- One row per record type and month (UTC) of the events' own time, newest first.
--   events    number of different events (ids)
--   tellings  number of different tellings of them; more than events: something was corrected
--   imported  how many of the tellings came from a file, a clone or a backfill
--   sources   number of sources that told them
-- Left out: equal tellings received again, and what went to dead_letters.
SELECT
    workspace,
    record,
    toStartOfMonth(time) AS month,
    uniqExact(cityHash64(id)) AS events,
    uniqExact(telling) AS tellings,
    -- a telling that came both ways counts as received
    tellings - uniqExactIf(telling, NOT imported) AS imported,
    uniqExact(cityHash64(source)) AS sources
FROM events
GROUP BY workspace, record, month
ORDER BY month DESC, workspace, record
-- long blocks: the keys are dictionaries, one for each block
SETTINGS preferred_block_size_bytes = 0

-- How long do requests wait for their reviewers: until the first response, and over all rounds?
-- One row per workspace, week in which requests became ready for review (from Monday, UTC), dimension and value,
-- newest first. All times in hours.
--   dimension, value            what the requests have in common: all, team, service, repository, size or change_class
--   requests                    number of requests by people that became ready for review that week: n
--   responses                   how many of them had a response: n of the response times
--   no_response                 how many were merged or abandoned without one
--   awaited                     how many are open and still without one
--   response_median, _p75, _p90 until the first response, by the clock
--   response_working_median, _p75, _p90
--                               the same in the working hours of whoever was waited on
--   within_target               share of `responses` that came within the working hours that the target says
--   closed                      how many were merged or abandoned: n of the waiting times
--   waiting_median, _p75, _p90  how long it was the reviewers' turn, over all rounds, by the clock
--   waiting_working_median, _p75, _p90
--                               the same in the working hours of whoever was waited on
--   rounds_median               how often it became the reviewers' turn
--   by_bots                     number of requests by programs, which count nowhere else in the row
-- Left out: time that was the author's (drafts, requested changes, red checks) or the merger's (approved); what
-- bots and the author himself said; direct commits, and requests that are drafts still.
SELECT
    workspace,
    toStartOfWeek(assumeNotNull(ready_at), 1) AS week,
    d.1 AS dimension,
    d.2 AS value,
    countIf(NOT bot) AS requests,
    countIf(NOT bot AND isNotNull(first_response_at)) AS responses,
    countIf(NOT bot AND isNull(first_response_at) AND state != 'open') AS no_response,
    countIf(NOT bot AND isNull(first_response_at) AND state = 'open') AS awaited,
    round(quantileExactIf(0.5)(response_seconds, NOT bot) / 3600, 2) AS response_median,
    round(quantileExactIf(0.75)(response_seconds, NOT bot) / 3600, 2) AS response_p75,
    round(quantileExactIf(0.9)(response_seconds, NOT bot) / 3600, 2) AS response_p90,
    round(quantileExactIf(0.5)(response_working_seconds, NOT bot) / 3600, 2) AS response_working_median,
    round(quantileExactIf(0.75)(response_working_seconds, NOT bot) / 3600, 2) AS response_working_p75,
    round(quantileExactIf(0.9)(response_working_seconds, NOT bot) / 3600, 2) AS response_working_p90,
    round(countIf(NOT bot AND response_working_seconds <= response_target_seconds) / nullIf(responses, 0), 4) AS within_target,
    countIf(NOT bot AND state != 'open') AS closed,
    round(quantileExactIf(0.5)(closed_waiting, NOT bot) / 3600, 2) AS waiting_median,
    round(quantileExactIf(0.75)(closed_waiting, NOT bot) / 3600, 2) AS waiting_p75,
    round(quantileExactIf(0.9)(closed_waiting, NOT bot) / 3600, 2) AS waiting_p90,
    round(quantileExactIf(0.5)(closed_waiting_working, NOT bot) / 3600, 2) AS waiting_working_median,
    round(quantileExactIf(0.75)(closed_waiting_working, NOT bot) / 3600, 2) AS waiting_working_p75,
    round(quantileExactIf(0.9)(closed_waiting_working, NOT bot) / 3600, 2) AS waiting_working_p90,
    quantileExactIf(0.5)(closed_rounds, NOT bot) AS rounds_median,
    countIf(bot) AS by_bots
FROM
(
    SELECT
        workspace, ready_at, bot, state, first_response_at, response_seconds, response_working_seconds,
        response_target_seconds,
        if(state = 'open', NULL, waiting_seconds) AS closed_waiting,
        if(state = 'open', NULL, waiting_working_seconds) AS closed_waiting_working,
        if(state = 'open', NULL, rounds) AS closed_rounds,
        arrayFilter(
            pair -> pair.1 = 'all' OR pair.2 != '',
            [
                ('all', ''), ('team', team), ('service', service), ('repository', repository), ('size', size),
                ('change_class', change_class)
            ]
        ) AS dimensions
    FROM reviews FINAL
    WHERE isNotNull(ready_at)
)
ARRAY JOIN dimensions AS d
GROUP BY workspace, week, dimension, value
ORDER BY week DESC, workspace, dimension, value
-- one thread that reads long blocks: FINAL and the order are merges of sorted rows, which more threads only multiply
SETTINGS max_threads = 1, preferred_block_size_bytes = 0
-- Computed ahead by: workspace, week, dimension, value.

-- Which checks ran on a commit, how did they end, and where can their logs be read?
-- One row per run of a check, newest first.
--   commit           key of the commit, owner/name@sha
--   kind             build, test, policy, security or smoke; empty: not told
--   attempt          which run of this check on this commit, from 1
--   outcome          success, failure, cancelled, skipped or error (the machinery failed, not the commit)
--   started_at       null: not told
--   minutes          from its start to its end; null: not told
--   url              where the run can be read; empty: not told
-- Left out: runs that their source took back; of several tellings of one run all but the newest.
SELECT
    workspace,
    commit,
    repository,
    sha,
    name,
    workflow,
    kind,
    attempt,
    outcome,
    started_at,
    time AS ended_at,
    round(dateDiff('second', started_at, time) / 60, 2) AS minutes,
    branch,
    url
FROM
(
    SELECT *
    FROM events_check_finished
    ORDER BY source_version DESC, parser_version DESC, retracted, received_at DESC
    -- one commit's runs can be asked for without sorting those of all
    LIMIT 1 BY workspace, commit, id
)
WHERE NOT retracted
ORDER BY ended_at DESC, workspace, commit, name, attempt DESC

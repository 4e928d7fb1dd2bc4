-- Which checks ran on a commit, how did they end, and where can their logs be read?
-- One row per run of a check, newest first.
--   id               natural key of the run
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
    id,
    commit,
    newest.1 AS repository,
    newest.2 AS sha,
    newest.3 AS name,
    newest.4 AS workflow,
    newest.5 AS kind,
    newest.6 AS attempt,
    newest.7 AS outcome,
    newest.8 AS started_at,
    newest.9 AS ended_at,
    round(dateDiff('second', started_at, ended_at) / 60, 2) AS minutes,
    newest.10 AS branch,
    newest.11 AS url
FROM
(
    SELECT
        workspace,
        id,
        commit,
        argMax(
            (repository, sha, name, workflow, kind, attempt, outcome, started_at, time, branch, url, retracted),
            (source_version, parser_version, NOT retracted, received_at)
        ) AS newest
    FROM events_check_finished
    -- grouped by the commit, too: runs can be asked for by either key without reading all of them
    GROUP BY workspace, commit, id
)
WHERE NOT newest.12
ORDER BY ended_at DESC, workspace, commit, name, attempt DESC

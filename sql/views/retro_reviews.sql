-- Which changes went past review, how, and have they been reviewed since?
-- One row per change that went past review, those that still have to be reviewed first, the longest due first.
--   bypassed       how it went past review: label, push, approvals, rule
--   retro          due (there is time), overdue (there is none), done, or late (done after it was due)
--   due_hours      how many hours are left; below 0: for how long it has been due; null: it is done
--   done_hours     how many hours after the merge somebody reviewed it; null: nobody did
--   emergency      the label or the words that call it an emergency; empty: nothing does
--   as_of          the moment that it is shown as of: now, or where nothing was received for two hours (an import),
--                  the newest receipt of the workspace
-- Left out: changes by programs.
SELECT
    c.workspace AS workspace,
    c.change AS change,
    c.repository AS repository,
    c.service AS service,
    c.team AS team,
    c.change_class AS change_class,
    c.bypassed AS bypassed,
    c.emergency AS emergency,
    c.merged_at AS merged_at,
    c.retro_review_due_at AS retro_review_due_at,
    c.retro_reviewed_at AS retro_reviewed_at,
    multiIf(
        isNull(c.retro_reviewed_at), if(c.retro_review_due_at < k.as_of, 'overdue', 'due'),
        c.retro_reviewed_at > c.retro_review_due_at, 'late',
        'done'
    ) AS retro,
    if(isNull(c.retro_reviewed_at), round(dateDiff('second', k.as_of, c.retro_review_due_at) / 3600, 2), NULL) AS due_hours,
    round(dateDiff('second', c.merged_at, c.retro_reviewed_at) / 3600, 2) AS done_hours,
    k.as_of AS as_of
FROM (SELECT * FROM compliance FINAL WHERE notEmpty(bypassed) AND NOT bot) AS c
INNER JOIN as_of AS k ON k.workspace = c.workspace
ORDER BY isNull(retro_reviewed_at) DESC, retro_review_due_at, workspace, change
-- Computed ahead by: workspace, merged_at, change.

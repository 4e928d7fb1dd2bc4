-- Review policies: what review a change needs by its class, what it got, and what went past it.

CREATE TABLE IF NOT EXISTS events_class_declared
(
    workspace             LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id                    String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source                LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time                  DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at           DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported              Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version        Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version        Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted             Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence              Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    change_class          LowCardinality(String) COMMENT 'Name of the class in the catalogue: iam, database-migration, or one of your own',
    paths                 Array(String) COMMENT 'Patterns of its paths, as in a CODEOWNERS file. Empty: no path belongs to it',
    labels                Array(LowCardinality(String)) COMMENT 'Labels of its changes, in any case. Empty: none',
    record                LowCardinality(String) MATERIALIZED 'class_declared' COMMENT 'Record type',
    telling               UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change_class, paths, labels
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence            UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One version of a class of changes: the paths and labels that belong to it';

CREATE TABLE IF NOT EXISTS events_policy_declared
(
    workspace             LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id                    String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source                LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time                  DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at           DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported              Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version        Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version        Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted             Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence              Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    policy                LowCardinality(String) COMMENT 'Name of the policy in the catalogue',
    classes               Array(LowCardinality(String)) COMMENT 'Classes of changes that it applies to. Empty: all',
    tiers                 Array(Int64) COMMENT 'Tiers of services that it applies to, 1 the most important. Empty: all',
    approvals             Nullable(Int64) COMMENT 'Approvals by other persons that a change needs. Null: none',
    roles                 Array(LowCardinality(String)) COMMENT 'Teams, by name or alias, of each of which somebody has to approve. Empty: none',
    sections              Array(LowCardinality(String)) COMMENT 'Sections that the description has to have: runbook, metrics, impact, testing. Empty: none',
    owner_approval        Bool COMMENT 'True when the owners of the touched files have to approve. False: they need not',
    retro_review_minutes  Nullable(Int64) COMMENT 'Minutes after its merge within which a change that went past review is reviewed. Null: 4320, three days',
    record                LowCardinality(String) MATERIALIZED 'policy_declared' COMMENT 'Record type',
    telling               UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, policy, classes, tiers, approvals, roles, sections, owner_approval, retro_review_minutes
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence            UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One version of one review policy: to which changes it applies, and what review they need';

CREATE TABLE IF NOT EXISTS events_owners_required
(
    workspace             LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id                    String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source                LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time                  DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at           DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported              Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version        Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version        Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted             Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence              Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    change                String COMMENT 'Key of the change: owner/name#17 for a request, owner/name@<sha> for a direct commit',
    repository            LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    number                Nullable(Int64) COMMENT 'Number of the pull or merge request. Null: a direct commit, or not told',
    groups                Array(String) COMMENT 'One text for each distinct set of owners of its files, separated by blanks: somebody of each has to approve. Empty: nobody has to',
    unowned_files         Nullable(Int64) COMMENT 'Number of its files that nobody owns. Null: not told',
    stale_entries         Array(String) COMMENT 'Patterns of the CODEOWNERS file that match no file of the base commit. Empty: none, or not told',
    record                LowCardinality(String) MATERIALIZED 'owners_required' COMMENT 'Record type',
    telling               UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number, groups, unowned_files, stale_entries
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence            UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Whose approval a change needs by the CODEOWNERS of its base commit';

CREATE TABLE IF NOT EXISTS events_rule_bypassed
(
    workspace             LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id                    String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source                LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time                  DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at           DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported              Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version        Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version        Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted             Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence              Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    commit                String COMMENT 'Key of the commit: owner/name@<sha>',
    repository            LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    sha                   String COMMENT 'Commit that reached the branch. Empty: not told',
    branch                LowCardinality(String) COMMENT 'Branch that has the rule. Empty: not told',
    rule                  LowCardinality(String) COMMENT 'Rule or rule set that was passed over, as the source calls it. Empty: not told',
    actor                 LowCardinality(String) COMMENT 'Token of the person who did it. Empty: not told',
    because               String COMMENT 'Reason that was given. Empty: none',
    record                LowCardinality(String) MATERIALIZED 'rule_bypassed' COMMENT 'Record type',
    telling               UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, commit, repository, sha, branch, rule, actor, because
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence            UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Somebody with the right to do so put a commit past a rule of its branch';

CREATE TABLE IF NOT EXISTS compliance
(
    workspace           LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    change              String COMMENT 'key of the change: repository#number for a request, repository@sha for a direct commit',
    repository          LowCardinality(String) COMMENT 'repository it belongs to, owner/name',
    service             LowCardinality(String) COMMENT 'service that its repository is declared to be built into, else the repository\'s own name',
    team                LowCardinality(String) COMMENT 'team that owns the service; empty: nobody declared one',
    tier                Nullable(Int64) COMMENT 'tier that the service is declared to have, 1 the most important; null: not declared',
    change_class        LowCardinality(String) COMMENT 'the most telling of its classes: iam, database-migration, shared-contract, api-contract, serverless, observability, iac, runbook, design, security-patch, performance, code, docs, or a declared one',
    classes             Array(LowCardinality(String)) COMMENT 'all its classes, the most telling first',
    branch              LowCardinality(String) COMMENT 'branch that it was made for; empty: not told',
    bot                 Bool COMMENT 'true when a program wrote it',
    direct              Bool COMMENT 'true when it is a commit that was pushed without a request',
    state               LowCardinality(String) COMMENT 'open, merged or abandoned',
    opened_at           Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was opened; null: a direct commit, or not told',
    merged_at           Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was merged; null: it was not',
    policies            Array(LowCardinality(String)) COMMENT 'review policies that apply to it; default, default-docs and default-critical hold where nobody declared one',
    approvals_needed    Int64 COMMENT 'how many other persons have to approve it',
    approvals           Int64 COMMENT 'how many other persons\' approvals stood when it was merged, or stand',
    roles_needed        Array(LowCardinality(String)) COMMENT 'teams of each of which somebody has to approve',
    roles_missing       Array(LowCardinality(String)) COMMENT 'those of which nobody did',
    sections_missing    Array(LowCardinality(String)) COMMENT 'sections that its description should have and has not',
    owners_told         Bool COMMENT 'true when the owners of its files are known',
    owners_needed       Int64 COMMENT 'how many distinct groups of owners its files have: somebody of each should approve',
    owners_approved     Int64 COMMENT 'how many of these groups have somebody who did',
    owners_missing      Array(String) COMMENT 'the groups of which nobody did, their members separated by blanks: tokens of persons, names of teams',
    owners_gone         Array(LowCardinality(String)) COMMENT 'owners of its files who belonged to no team on that day: tokens of persons',
    unowned_files       Nullable(Int64) COMMENT 'how many of its files nobody owns; null: not told',
    stale_entries       Array(String) COMMENT 'patterns of the CODEOWNERS file of its base commit that match no file; empty: none, or not told',
    emergency           String COMMENT 'the label or the words that call it an emergency; empty: nothing does',
    bypassed            Array(LowCardinality(String)) COMMENT 'how it went past review: by label (it is called an emergency), push (without a request), approvals (merged without those it needed), rule (somebody overrode a rule of the branch); empty: it did not',
    rules_bypassed      Array(LowCardinality(String)) COMMENT 'rules of the branch that somebody overrode for it',
    retro_review_due_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when it has to be reviewed after its merge; null: it did not go past review',
    retro_reviewed_at   Nullable(DateTime64(6, 'UTC')) COMMENT 'when another person first reviewed it after its merge; a direct commit counts as reviewed with a comment; null: nobody did, or it need not be',
    violations          Array(String) COMMENT 'rules that it did not keep at some time, rising: approvals, role NAME, section NAME, owners GROUP, check NAME',
    violation_states    Array(LowCardinality(String)) COMMENT 'what became of each of these: caught (mended before the merge, or not merged), waived (merged with leave: an emergency, an overridden rule, or in spite of a red check), merged (merged without leave, or found after the merge)',
    events              Array(String) COMMENT 'ids of the events that it was computed from',
    version             UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted          UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, change)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What review one change needed by the policies of its day, what it got, and how it went past review, if it did';

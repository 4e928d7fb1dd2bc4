-- What live sources tell beside changes, checks, deployments and incidents: new record types, and more about old ones.
-- New columns that say nothing leave `telling` as it was, so that old and new copies of one telling stay one: what
-- they say is hashed by itself and taken into the old hash by bitXor, which writes the old expression once.

ALTER TABLE events_change_opened
    ADD COLUMN IF NOT EXISTS emergency LowCardinality(String) COMMENT 'The label, or the words in its title, that call it an emergency. Empty: nothing does, or not told' AFTER reverts,
    ADD COLUMN IF NOT EXISTS incidents Array(String) COMMENT 'Incidents that its title or description names, as written there. Empty: none named, or not told' AFTER emergency,
    ADD COLUMN IF NOT EXISTS sections  Array(LowCardinality(String)) COMMENT 'Expected sections that its description has: runbook, metrics, impact, testing, or as the patterns are set. Empty: none, or not told' AFTER incidents,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, title, author, head_sha, draft, labels, reverts
    )), if(empty(emergency) AND empty(incidents) AND empty(sections), 0, cityHash64(tuple(emergency, incidents, sections)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE events_change_updated
    ADD COLUMN IF NOT EXISTS emergency LowCardinality(String) COMMENT 'The label, or the words in its title, that call it an emergency. Empty: nothing does, or not told' AFTER reverts,
    ADD COLUMN IF NOT EXISTS incidents Array(String) COMMENT 'Incidents that its title or description names, as written there. Empty: none named, or not told' AFTER emergency,
    ADD COLUMN IF NOT EXISTS sections  Array(LowCardinality(String)) COMMENT 'Expected sections that its description has: runbook, metrics, impact, testing, or as the patterns are set. Empty: none, or not told' AFTER incidents,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, title, author, head_sha, draft, labels, reverts
    )), if(empty(emergency) AND empty(incidents) AND empty(sections), 0, cityHash64(tuple(emergency, incidents, sections)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE events_change_merged
    ADD COLUMN IF NOT EXISTS emergency LowCardinality(String) COMMENT 'The label, or the words in its title, that call it an emergency. Empty: nothing does, or not told' AFTER reverts,
    ADD COLUMN IF NOT EXISTS incidents Array(String) COMMENT 'Incidents that its title or description names, as written there. Empty: none named, or not told' AFTER emergency,
    ADD COLUMN IF NOT EXISTS sections  Array(LowCardinality(String)) COMMENT 'Expected sections that its description has: runbook, metrics, impact, testing, or as the patterns are set. Empty: none, or not told' AFTER incidents,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, sha, commits, title, author, merged_by, opened_at, additions, deletions, files, paths, owners,
        labels, reverts
    )), if(empty(emergency) AND empty(incidents) AND empty(sections), 0, cityHash64(tuple(emergency, incidents, sections)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE events_review_submitted
    ADD COLUMN IF NOT EXISTS characters Nullable(Int64) COMMENT 'Length of the review\'s own text, in characters. Null: not told' AFTER bot,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        reviewer, decision, commit_sha, comments, bot
    )), if(isNull(characters), 0, cityHash64(tuple(characters)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE events_check_finished
    ADD COLUMN IF NOT EXISTS workflow LowCardinality(String) COMMENT 'Name of the workflow or pipeline that the job belongs to. Empty: none, or not told' AFTER url,
    ADD COLUMN IF NOT EXISTS branch   LowCardinality(String) COMMENT 'Branch that the check ran for. Empty: not told' AFTER workflow,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, commit, repository, sha, name,
        kind, attempt, outcome, started_at, url
    )), if(empty(workflow) AND empty(branch), 0, cityHash64(tuple(workflow, branch)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

ALTER TABLE events_incident_updated
    ADD COLUMN IF NOT EXISTS responders Array(LowCardinality(String)) COMMENT 'Tokens of the persons who were called to it. Empty: unchanged' AFTER causes,
    ADD COLUMN IF NOT EXISTS postmortem String COMMENT 'Address of the postmortem. Empty: unchanged' AFTER responders,
    MODIFY COLUMN telling UInt64 MATERIALIZED bitXor(cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, incident, status, service,
        severity, ticket, component, mentions, causes
    )), if(empty(responders) AND empty(postmortem), 0, cityHash64(tuple(responders, postmortem)))) COMMENT 'Hash of what was told: all columns but received_at and imported';

CREATE TABLE IF NOT EXISTS events_review_requested
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    change         String COMMENT 'Key of the change: owner/name#17 for a request, owner/name@<sha> for a direct commit',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    number         Nullable(Int64) COMMENT 'Number of the request. Null: not told',
    reviewer       LowCardinality(String) COMMENT 'Token of the person who is asked. Empty: a team is asked, or not told',
    team           LowCardinality(String) COMMENT 'Name of the team that is asked. Empty: a person is asked, or not told',
    withdrawn      Bool COMMENT 'True when the person or the team is no longer asked',
    record         LowCardinality(String) MATERIALIZED 'review_requested' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        reviewer, team, withdrawn
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A person or a team was asked to review a change, or is no longer asked (withdrawn)';

CREATE TABLE IF NOT EXISTS events_comment_posted
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    change         String COMMENT 'Key of the change: owner/name#17 for a request, owner/name@<sha> for a direct commit',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    number         Nullable(Int64) COMMENT 'Number of the request. Null: not told',
    author         LowCardinality(String) COMMENT 'Token of the person who commented. Empty: not told',
    bot            Bool COMMENT 'True when a program commented',
    path           String COMMENT 'File that the comment is about, relative to the root of the repository. Empty: the change as a whole, or not told',
    commit_sha     String COMMENT 'Commit that the comment is about. Empty: the change as a whole, or not told',
    in_reply       Bool COMMENT 'True when it answers another comment',
    characters     Nullable(Int64) COMMENT 'Length of its text, in characters. Null: not told',
    suggestion     Bool COMMENT 'True when it proposes replacement text that can be applied as it stands',
    question       Bool COMMENT 'True when it asks something',
    record         LowCardinality(String) MATERIALIZED 'comment_posted' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        author, bot, path, commit_sha, in_reply, characters, suggestion, question
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Somebody commented on a change; the text stays with the source, what it amounts to is kept';

CREATE TABLE IF NOT EXISTS events_queue_changed
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    change         String COMMENT 'Key of the change: owner/name#17 for a request, owner/name@<sha> for a direct commit',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    number         Nullable(Int64) COMMENT 'Number of the request. Null: not told',
    branch         LowCardinality(String) COMMENT 'Branch that the queue leads to. Empty: not told',
    state          LowCardinality(String) COMMENT 'entered, merged or removed. Empty: not told',
    reason         String COMMENT 'Why it left the queue, in the source\'s own words. Empty: it entered, or not told',
    sha            String COMMENT 'Commit that the queue made of it to be checked. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'queue_changed' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, state, reason, sha
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A change entered the merge queue, or left it: state is entered, merged, or removed';

CREATE TABLE IF NOT EXISTS events_branch_pushed
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    push           String COMMENT 'Key of the push, unique in its source',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    branch         LowCardinality(String) COMMENT 'Branch that was pushed to. Empty: not told',
    before         String COMMENT 'Commit at the head of the branch before the push. Empty: the branch is new, or not told',
    after          String COMMENT 'Commit at the head of the branch after the push. Empty: the branch was removed, or not told',
    commits        Array(String) COMMENT 'Shas of the commits that the push brought, oldest first. Empty: none, or not told',
    forced         Bool COMMENT 'True when the push threw commits of the branch away',
    actor          LowCardinality(String) COMMENT 'Token of the person (or bot) who pushed. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'branch_pushed' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, push, repository, branch,
        before, after, commits, forced, actor
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Commits reached a branch, by whatever way: a merge, a direct push, a forced one';

CREATE TABLE IF NOT EXISTS events_release_published
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    release        String COMMENT 'Key of the release, unique in its source',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    tag            String COMMENT 'Tag of the release. Empty: not told',
    name           String COMMENT 'Title of the release. Empty: not told',
    target         String COMMENT 'Branch or commit that the tag was made from. Empty: not told',
    prerelease     Bool COMMENT 'True when the source says that it isn\'t meant for everybody yet',
    actor          LowCardinality(String) COMMENT 'Token of the person (or bot) who released it. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'release_published' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, release, repository, tag, name,
        target, prerelease, actor
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A version of a repository was released';

CREATE TABLE IF NOT EXISTS events_finding_reported
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    finding        String COMMENT 'Key of the finding, unique in its source',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    kind           LowCardinality(String) COMMENT 'code, secret or dependency. Empty: not told',
    state          LowCardinality(String) COMMENT 'open, fixed, dismissed or the source\'s own word. Empty: not told',
    severity       LowCardinality(String) COMMENT 'Severity in the source\'s own words. Empty: not told',
    rule           LowCardinality(String) COMMENT 'Rule that found it: the scanner\'s rule, the kind of secret, or the advisory. Empty: not told',
    tool           LowCardinality(String) COMMENT 'Scanner that found it. Empty: not told',
    path           String COMMENT 'File it stands in, relative to the root of the repository. Empty: none, or not told',
    sha            String COMMENT 'Commit that was scanned. Empty: not told',
    branch         LowCardinality(String) COMMENT 'Branch that was scanned. Empty: not told',
    url            String COMMENT 'Where the finding can be read. Empty: not told',
    actor          LowCardinality(String) COMMENT 'Token of the person (or bot) who changed it. Empty: nobody, or not told',
    record         LowCardinality(String) MATERIALIZED 'finding_reported' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, finding, repository, kind,
        state, severity, rule, tool, path, sha, branch, url, actor
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A scanner\'s finding came up or changed: kind is code, secret or dependency';

CREATE TABLE IF NOT EXISTS events_policy_edited
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    policy         String COMMENT 'Key of the branch protection or the rule set, unique in its source',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    name           String COMMENT 'Name of the rule set, or pattern of the protected branches. Empty: not told',
    action         LowCardinality(String) COMMENT 'created, edited or deleted. Empty: not told',
    edited         Array(LowCardinality(String)) COMMENT 'Names of the settings that were edited. Empty: none, or not told',
    actor          LowCardinality(String) COMMENT 'Token of the person (or bot) who did it. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'policy_edited' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, policy, repository, name,
        action, edited, actor
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The protection of a branch, or a rule set, was created, edited or removed';

CREATE TABLE IF NOT EXISTS events_measurement_reported
(
    workspace      LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id             String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source         LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time           DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at    DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported       Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted      Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence       Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    measurement    String COMMENT 'Key of the measurement, unique in its source',
    kind           LowCardinality(String) COMMENT 'metric or cost',
    name           LowCardinality(String) COMMENT 'What was measured. Empty: not told',
    value          Nullable(Float64) COMMENT 'The number that was measured, in its unit. Null: not told',
    unit           LowCardinality(String) COMMENT 'Unit of the value; for a cost, its currency. Empty: not told',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    tag            String COMMENT 'Deploy tag that it was measured of. Empty: not told',
    change         String COMMENT 'Key of the change that it was measured of. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'measurement_reported' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, measurement, kind, name, value,
        unit, service, environment, tag, change
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A number that a job told: a metric, or a cost (kind)';

ALTER TABLE changes
    ADD COLUMN IF NOT EXISTS emergency LowCardinality(String) COMMENT 'label, or words of the title, that call it an emergency; empty: nothing does' AFTER labels,
    ADD COLUMN IF NOT EXISTS incidents Array(String) COMMENT 'incidents that its title or description names, as written there' AFTER emergency,
    ADD COLUMN IF NOT EXISTS sections  Array(LowCardinality(String)) COMMENT 'expected sections that its description has (runbook, metrics, impact, testing)' AFTER incidents;

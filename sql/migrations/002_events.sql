-- Events tables: every distinct telling of every event, one table for each record type, and `events` over them all.
-- `telling` is a hash of what was told (everything but when we received it). Of equal tellings the one with the
-- highest `precedence` holds: received live before imported, then the earliest receipt. Read them with FINAL.
-- To add a column later: extend `telling` so that an absent value leaves it as it was, or old and new copies of
-- one telling will both be kept: telling = if(empty(new), <old expression>, cityHash64(<old expression>, new)).

CREATE TABLE IF NOT EXISTS events_change_opened
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
    branch         LowCardinality(String) COMMENT 'Branch that the request wants to reach. Empty: not told',
    title          String COMMENT 'Title at this moment. Empty: not told',
    author         LowCardinality(String) COMMENT 'Token of the person who opened it. Empty: not told',
    head_sha       String COMMENT 'Commit at the head of the request at this moment. Empty: not told',
    draft          Bool COMMENT 'True while the request says that it isn\'t ready for review',
    labels         Array(LowCardinality(String)) COMMENT 'Labels at this moment. Empty: none, or not told',
    reverts        Array(String) COMMENT 'References to the changes that this one takes back: change keys or commit shas. Empty: it reverts nothing, as far as told',
    record         LowCardinality(String) MATERIALIZED 'change_opened' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, title, author, head_sha, draft, labels, reverts
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A pull or merge request was opened';

CREATE TABLE IF NOT EXISTS events_change_updated
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
    branch         LowCardinality(String) COMMENT 'Branch that the request wants to reach. Empty: not told',
    title          String COMMENT 'Title at this moment. Empty: not told',
    author         LowCardinality(String) COMMENT 'Token of the person who opened it. Empty: not told',
    head_sha       String COMMENT 'Commit at the head of the request at this moment. Empty: not told',
    draft          Bool COMMENT 'True while the request says that it isn\'t ready for review',
    labels         Array(LowCardinality(String)) COMMENT 'Labels at this moment. Empty: none, or not told',
    reverts        Array(String) COMMENT 'References to the changes that this one takes back: change keys or commit shas. Empty: it reverts nothing, as far as told',
    record         LowCardinality(String) MATERIALIZED 'change_updated' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, title, author, head_sha, draft, labels, reverts
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A request changed before its end: a push, a new title, other labels, ready for review';

CREATE TABLE IF NOT EXISTS events_change_merged
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
    number         Nullable(Int64) COMMENT 'Number of the pull or merge request. Null: a direct commit, or not told',
    branch         LowCardinality(String) COMMENT 'Branch that the change reached. Empty: not told',
    sha            String COMMENT 'Commit on the branch that brought the change: the merge, the squash or the direct commit. Empty: not told',
    commits        Array(String) COMMENT 'Shas of the change\'s own commits, oldest first, when they differ from sha. Empty: not told',
    title          String COMMENT 'Title of the request, or first line of the commit message. Empty: not told',
    author         LowCardinality(String) COMMENT 'Token of the person who wrote it. Empty: not told',
    merged_by      LowCardinality(String) COMMENT 'Token of the person (or bot) who merged it. Empty: not told',
    opened_at      Nullable(DateTime64(6, 'UTC')) COMMENT 'When the request was opened. Null: a direct commit, or not told',
    additions      Nullable(Int64) COMMENT 'Lines added, generated files left out where the source knows them. Null: not told',
    deletions      Nullable(Int64) COMMENT 'Lines removed, generated files left out where the source knows them. Null: not told',
    files          Nullable(Int64) COMMENT 'Number of files touched, also when paths was cut. Null: not told',
    paths          Array(String) COMMENT 'Files touched, relative to the root of the repository. Empty: not told',
    owners         Array(LowCardinality(String)) COMMENT 'Owners of the touched paths by the CODEOWNERS of that time: person tokens or team names. Empty: nobody, or not told',
    labels         Array(LowCardinality(String)) COMMENT 'Labels when it was merged. Empty: none, or not told',
    reverts        Array(String) COMMENT 'References to the changes that this one takes back: change keys or commit shas. Empty: it reverts nothing, as far as told',
    record         LowCardinality(String) MATERIALIZED 'change_merged' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        branch, sha, commits, title, author, merged_by, opened_at, additions, deletions, files, paths,
        owners, labels, reverts
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A change reached its branch: a merged request, or a direct commit (then without a number)';

CREATE TABLE IF NOT EXISTS events_change_abandoned
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
    record         LowCardinality(String) MATERIALIZED 'change_abandoned' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A request was closed without a merge';

CREATE TABLE IF NOT EXISTS events_review_submitted
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
    reviewer       LowCardinality(String) COMMENT 'Token of the person who reviewed. Empty: not told',
    decision       LowCardinality(String) COMMENT 'approved, changes_requested, commented or dismissed. Empty: not told',
    commit_sha     String COMMENT 'Commit that was reviewed. Empty: not told',
    comments       Nullable(Int64) COMMENT 'Number of comments this review left. Null: not told',
    bot            Bool COMMENT 'True when a program reviewed',
    record         LowCardinality(String) MATERIALIZED 'review_submitted' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, change, repository, number,
        reviewer, decision, commit_sha, comments, bot
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A person (or a bot) reviewed a change';

CREATE TABLE IF NOT EXISTS events_check_finished
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
    commit         String COMMENT 'Key of the commit, owner/name@<sha>',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    sha            String COMMENT 'Commit that was checked. Empty: not told',
    name           LowCardinality(String) COMMENT 'Name of the job, equal over its attempts. Empty: not told',
    kind           LowCardinality(String) COMMENT 'build, test, policy, security or smoke. Empty: not told',
    attempt        Int64 COMMENT 'Which run of this job on this commit, from 1',
    outcome        LowCardinality(String) COMMENT 'success, failure, cancelled, skipped or error (the machinery failed, not the commit). Empty: not told',
    started_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'When this attempt began; its end is time. Null: not told',
    url            String COMMENT 'Where the run can be read. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'check_finished' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, commit, repository, sha, name,
        kind, attempt, outcome, started_at, url
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One attempt of one CI job on one commit ended';

CREATE TABLE IF NOT EXISTS events_artifact_packaged
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
    artifact       String COMMENT 'Key of the artifact: its package URL, or image:tag',
    tag            String COMMENT 'Deploy tag: image tag or version that travels with the build. Empty: not told',
    digest         String COMMENT 'Content digest, sha256:.... Empty: not told',
    repository     LowCardinality(String) COMMENT 'Repository, owner/name. Empty: not told',
    sha            String COMMENT 'Commit it was built from. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'artifact_packaged' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, artifact, tag, digest,
        repository, sha
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A build turned a commit into an artifact under a deploy tag';

CREATE TABLE IF NOT EXISTS events_deployment_progressed
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
    deployment     String COMMENT 'Key of the deployment, unique in its source',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    stage          LowCardinality(String) COMMENT 'Name of the stage reached (started, canary, 25 %). Empty: not told',
    fraction       Nullable(Float64) COMMENT 'Share of the traffic or of the instances on the new version, 0 to 1. Null: not told',
    record         LowCardinality(String) MATERIALIZED 'deployment_progressed' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, deployment, service,
        environment, stage, fraction
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A deployment started, or its roll-out reached a stage';

CREATE TABLE IF NOT EXISTS events_deployment_finished
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
    deployment     String COMMENT 'Key of the deployment, unique in its source',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    kind           LowCardinality(String) COMMENT 'What changed in production: service, flag, configuration, infrastructure or migration',
    outcome        LowCardinality(String) COMMENT 'success (live everywhere), failure or cancelled',
    tag            String COMMENT 'Deploy tag that is now live: image tag, digest or version. Empty: not told',
    artifact       String COMMENT 'Key of the deployed artifact. Empty: not told',
    repository     LowCardinality(String) COMMENT 'Repository of the deployed code, owner/name. Empty: not told',
    branch         LowCardinality(String) COMMENT 'Branch it was deployed from. Empty: not told',
    sha            String COMMENT 'Commit that is now live. Empty: not told',
    previous_sha   String COMMENT 'Commit that was live before, where the source says so: with sha it gives the compare range. Empty: not told',
    changes        Array(String) COMMENT 'Keys of the changes it brought, where the source lists them. Empty: not told, they are worked out',
    commits        Array(String) COMMENT 'Shas of the commits it brought, where the source lists them. Empty: not told',
    shared_id      String COMMENT 'An id that several reporters of one deployment agree on. Empty: none',
    started_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'When it began; its end is time. Null: not told',
    rolled_back    Bool COMMENT 'True when the source itself calls it a rollback',
    actor          String COMMENT 'Token of the person (or bot) who started it. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'deployment_finished' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, deployment, service,
        environment, kind, outcome, tag, artifact, repository, branch, sha, previous_sha, changes, commits,
        shared_id, started_at, rolled_back, actor
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A deployment ended: live everywhere, or failed. Flags and configuration count as deployments';

CREATE TABLE IF NOT EXISTS events_incident_detected
(
    workspace         LowCardinality(String) COMMENT 'Unit of correlation, usually one organisation',
    id                String COMMENT 'Natural key of the fact told: source family, object and transition (git acme/api#17 merged). A webhook, its redelivery and a backfill of one fact carry the same id',
    source            LowCardinality(String) COMMENT 'What told it, as a URI reference (github/acme/api, git/acme/api): one source has one clock and one parser',
    time              DateTime64(6, 'UTC') COMMENT 'When the fact happened, by the source\'s own clock',
    received_at       DateTime64(6, 'UTC') COMMENT 'When the bytes reached us. Equal to time for an imported event',
    imported          Bool COMMENT 'True when the event came from a file, a clone or a backfill; false when it was received as it happened',
    source_version    Int64 COMMENT 'The source\'s own version of the object at this telling (0 when the source counts none): of two tellings of one id the higher holds',
    parser_version    Int64 COMMENT 'Version of the parser that read the source\'s bytes: of two equal source versions the higher holds',
    retracted         Bool COMMENT 'True when the source says that the fact never happened; the id keeps its place in the order of tellings',
    sequence          Int64 COMMENT 'Order among the source\'s events of one time (0 when the source gives none)',
    incident          String COMMENT 'Key of the incident, unique in its source',
    service           LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment       LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    severity          LowCardinality(String) COMMENT 'Severity in the source\'s own words (SEV1, critical). Empty: not told',
    title             String COMMENT 'Title at detection. Empty: not told',
    deduplication_key String COMMENT 'Key under which alerts of one incident meet. Empty: none',
    ticket            String COMMENT 'Address or key of the ticket about it. Empty: none',
    component         LowCardinality(String) COMMENT 'Part of the service that misbehaves. Empty: not told',
    mentions          Array(String) COMMENT 'References to changes named in the incident\'s text: change keys or commit shas. Empty: none named',
    onset_at          Nullable(DateTime64(6, 'UTC')) COMMENT 'When the symptoms began, where the source knows. Null: not told, it is estimated',
    onset_earliest_at Nullable(DateTime64(6, 'UTC')) COMMENT 'Earliest moment at which the symptoms can have begun. Null: not told',
    record            LowCardinality(String) MATERIALIZED 'incident_detected' COMMENT 'Record type',
    telling           UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, incident, service,
        environment, severity, title, deduplication_key, ticket, component, mentions, onset_at,
        onset_earliest_at
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence        UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Somebody or something noticed that production misbehaves';

CREATE TABLE IF NOT EXISTS events_incident_updated
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
    incident       String COMMENT 'Key of the incident, unique in its source',
    status         LowCardinality(String) COMMENT 'acknowledged, investigating, mitigated, postmortem or the source\'s own word. Empty: unchanged',
    service        LowCardinality(String) COMMENT 'Service it turned out to concern, in the source\'s own words. Empty: unchanged',
    severity       LowCardinality(String) COMMENT 'New severity in the source\'s own words. Empty: unchanged',
    ticket         String COMMENT 'Address or key of the ticket about it. Empty: unchanged',
    component      LowCardinality(String) COMMENT 'Part of the service that misbehaves. Empty: unchanged',
    mentions       Array(String) COMMENT 'References to changes named in the incident\'s text: change keys or commit shas. Empty: none named',
    causes         Array(String) COMMENT 'References to the changes that a postmortem or a link names as the cause. Empty: none named',
    record         LowCardinality(String) MATERIALIZED 'incident_updated' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, incident, status, service,
        severity, ticket, component, mentions, causes
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Something became known about an incident: acknowledged, another service, a postmortem\'s cause';

CREATE TABLE IF NOT EXISTS events_incident_resolved
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
    incident       String COMMENT 'Key of the incident, unique in its source',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'incident_resolved' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, incident, service
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The symptoms of an incident ended';

CREATE TABLE IF NOT EXISTS events_burn_started
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
    slo            String COMMENT 'Key of the service level objective',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    burn_rate      Nullable(Float64) COMMENT 'Speed of spending: 1 spends exactly the whole budget over the objective\'s period. Null: not told',
    window_seconds Nullable(Int64) COMMENT 'Length in seconds of the window the rate was measured over. Null: not told',
    record         LowCardinality(String) MATERIALIZED 'burn_started' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, slo, service, environment,
        burn_rate, window_seconds
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A service began to spend its error budget faster than its objective allows';

CREATE TABLE IF NOT EXISTS events_burn_ended
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
    slo            String COMMENT 'Key of the service level objective',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'burn_ended' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, slo, service, environment
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The error budget is no longer spent too fast';

CREATE TABLE IF NOT EXISTS events_drift_detected
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
    resource       String COMMENT 'Key of the drifted resource, unique in its source',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    summary        String COMMENT 'What differs, in one line. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'drift_detected' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, resource, service,
        environment, summary
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A running resource differs from what the repository declares';

CREATE TABLE IF NOT EXISTS events_drift_corrected
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
    resource       String COMMENT 'Key of the drifted resource, unique in its source',
    service        LowCardinality(String) COMMENT 'Service in the source\'s own words; the catalogue maps it. Empty: not told',
    environment    LowCardinality(String) COMMENT 'Environment in the source\'s own words. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'drift_corrected' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, resource, service,
        environment
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A drifted resource matches its declaration again';

CREATE TABLE IF NOT EXISTS events_verdict_given
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
    verdict_key    String COMMENT 'Key of the verdict: a later word under the same key replaces the earlier one',
    incident       String COMMENT 'Key of the incident it is about. Empty: not told',
    verdict        LowCardinality(String) COMMENT 'cause, merge, onset or ignore',
    cause          String COMMENT 'For cause: a reference to a change, none or unseen. Empty otherwise',
    other_incident String COMMENT 'For merge: the incident that is the same one. Empty otherwise',
    deployment     String COMMENT 'For cause or ignore: the deployment meant. Empty otherwise',
    onset_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'For onset: when the symptoms began. Null otherwise',
    by             LowCardinality(String) COMMENT 'Token of the person who gave it. Empty: not told',
    because        String COMMENT 'The reason in that person\'s words. Empty: not told',
    record         LowCardinality(String) MATERIALIZED 'verdict_given' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, verdict_key, incident,
        verdict, cause, other_incident, deployment, onset_at, by, because
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'A person\'s word about an incident; verdict is cause, merge, onset or ignore';

CREATE TABLE IF NOT EXISTS events_service_declared
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
    service        LowCardinality(String) COMMENT 'Name of the service in the catalogue',
    team           LowCardinality(String) COMMENT 'Team that owns it. Empty: not told',
    tier           Nullable(Int64) COMMENT 'Importance, 1 the highest. Null: not told',
    repositories   Array(LowCardinality(String)) COMMENT 'Repositories it is built from, owner/name. Empty: not told',
    paths          Array(String) COMMENT 'Path patterns of its part of a shared repository. Empty: all of it',
    depends_on     Array(LowCardinality(String)) COMMENT 'Names of the services it calls. Empty: not told',
    aliases        Array(LowCardinality(String)) COMMENT 'Other names for it, <source family>:<name> or a bare name. Empty: none',
    record         LowCardinality(String) MATERIALIZED 'service_declared' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, service, team, tier,
        repositories, paths, depends_on, aliases
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One version of one service\'s entry in the catalogue';

CREATE TABLE IF NOT EXISTS events_clock_ticked
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
    clock          String COMMENT 'Name of the clock; there is one, clock',
    record         LowCardinality(String) MATERIALIZED 'clock_ticked' COMMENT 'Record type',
    telling        UInt64 MATERIALIZED cityHash64(tuple(
        id, source, time, source_version, parser_version, retracted, sequence, clock
    )) COMMENT 'Hash of what was told: all columns but received_at and imported',
    precedence     UInt64 MATERIALIZED if(imported, 0, 9223372036854775808) + toUInt64(9223372036854775807 - toUnixTimestamp64Micro(received_at))
        COMMENT 'Which of equal tellings is kept, the highest: live before imported, then the earliest receipt'
)
ENGINE = ReplacingMergeTree(precedence)
ORDER BY (workspace, id, telling)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Time passed while nothing happened; only the live receiver says so, once a minute';

CREATE TABLE IF NOT EXISTS events
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
    record         LowCardinality(String) COMMENT 'Record type: the event stands in the table events_<record>',
    telling        UInt64 COMMENT 'Hash of what was told: all columns but received_at and imported'
)
ENGINE = Merge(currentDatabase(), '^events_')
COMMENT 'Every event whatever its record type: what they have in common';

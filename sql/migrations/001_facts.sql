-- Fact tables: one row for each thing the core derived, the newest version of a key holds.
-- A row that no longer holds is written again with is_deleted = 1. Read them with FINAL.
-- The sorting key is the entity's key and nothing that can change; there is no partition, because a row may
-- not move between partitions. A part is on the disk before its insert returns (fsync): offsets are committed after it.

CREATE TABLE IF NOT EXISTS services
(
    workspace    LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    service      String COMMENT 'name of the service: of the catalogue, or as events imply it',
    declared     Bool COMMENT 'true when the catalogue declares it; false when only events name it',
    team         LowCardinality(String) COMMENT 'team that owns it; empty: not told',
    tier         Nullable(Int64) COMMENT 'importance, 1 the highest; null: not told',
    repositories Array(LowCardinality(String)) COMMENT 'repositories it is built from',
    paths        Array(String) COMMENT 'paths of its part of a shared repository; empty: all of it',
    depends_on   Array(LowCardinality(String)) COMMENT 'services that it calls',
    aliases      Array(LowCardinality(String)) COMMENT 'other names under which sources know it',
    problems     Array(String) COMMENT 'what is wrong with its declaration (a cycle of dependencies, an unknown name), in words',
    events       Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version      UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted   UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, service)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One service as the catalogue declares it, or as the events imply it';

CREATE TABLE IF NOT EXISTS changes
(
    workspace       LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    change          String COMMENT 'key: repository#number for a request, repository@sha for a direct commit',
    repository      LowCardinality(String) COMMENT 'repository, owner/name',
    number          Nullable(Int64) COMMENT 'number of the request; null: a direct commit',
    branch          LowCardinality(String) COMMENT 'branch it wants to reach or has reached',
    sha             String COMMENT 'commit on the branch that brought it; empty until merged',
    title           String COMMENT 'title of the request, or first line of the commit message',
    author          LowCardinality(String) COMMENT 'token of the person who wrote it',
    bot             Bool COMMENT 'true when a program wrote it',
    state           LowCardinality(String) COMMENT 'open, merged or abandoned',
    opened_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'when the request was opened; null: a direct commit, or not told',
    merged_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'when it reached its branch; null: it has not',
    closed_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'when it was merged or abandoned; null: still open',
    additions       Nullable(Int64) COMMENT 'lines added; null: not told',
    deletions       Nullable(Int64) COMMENT 'lines removed; null: not told',
    files           Nullable(Int64) COMMENT 'number of files touched; null: not told',
    paths           Array(String) COMMENT 'files touched, relative to the root of the repository',
    owners          Array(LowCardinality(String)) COMMENT 'owners of the touched paths by the CODEOWNERS of that time',
    labels          Array(LowCardinality(String)) COMMENT 'labels it carries',
    reviews         Int64 COMMENT 'number of reviews by people other than the author',
    approvals       Int64 COMMENT 'number of approvals that stand',
    change_requests Int64 COMMENT 'number of reviews that asked for changes',
    first_review_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when the first person reviewed; null: nobody has',
    approved_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'when the first standing approval was given; null: none stands',
    checks          Int64 COMMENT 'number of CI attempts on its commits',
    failed_checks   Int64 COMMENT 'number of those attempts that failed',
    reverts         Array(String) COMMENT 'keys of the changes that it takes back',
    reverted_by     Array(String) COMMENT 'keys of the changes that took it back',
    deployment      String COMMENT 'key of the first deployment that brought it to production; empty: none known',
    deployed_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'when that deployment was live; null: none known',
    risk            Float64 COMMENT 'prior probability (0 to 1) that it breaks production, before any incident is looked at',
    updated_at      DateTime64(6, 'UTC') COMMENT 'own time of the newest event about it',
    events          Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version         UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted      UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, change)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One pull or merge request, or one direct commit, from opening to production';

CREATE TABLE IF NOT EXISTS artifacts
(
    workspace   LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    artifact    String COMMENT 'key: package URL, or image:tag',
    tag         String COMMENT 'deploy tag: image tag or version',
    digest      String COMMENT 'content digest; empty: not told',
    repository  LowCardinality(String) COMMENT 'repository it was built from',
    sha         String COMMENT 'commit it was built from; empty: not told',
    packaged_at DateTime64(6, 'UTC') COMMENT 'when the build finished',
    deployed    Bool COMMENT 'true when a deployment used it',
    events      Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version     UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted  UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, artifact)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One artifact: which commit a deploy tag is, and whether a deployment used it';

CREATE TABLE IF NOT EXISTS deployments
(
    workspace   LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    deployment  String COMMENT 'key of the deployment: that of its leading report',
    service     LowCardinality(String) COMMENT 'service, as the catalogue names it',
    environment LowCardinality(String) COMMENT 'environment, normalised (production, staging, ...)',
    kind        LowCardinality(String) COMMENT 'service, flag or configuration',
    tag         String COMMENT 'deploy tag that went live; empty: not told',
    repository  LowCardinality(String) COMMENT 'repository the version comes from; empty: not told',
    sha         String COMMENT 'commit that went live; empty: not known',
    outcome     LowCardinality(String) COMMENT 'success or failure',
    started_at  Nullable(DateTime64(6, 'UTC')) COMMENT 'when it began; null: not told',
    live_at     DateTime64(6, 'UTC') COMMENT 'when it was live everywhere, or had failed',
    replaced_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when the next deployment of the same service and environment was live; null: it is live still',
    transition  LowCardinality(String) COMMENT 'forward, rollback, redeploy, reinstate, baseline (the first one known) or failed',
    previous    String COMMENT 'key of the deployment it replaced; empty: none known',
    rolls_back  String COMMENT 'key of the newest deployment that it undid; empty: no rollback',
    link_rule   LowCardinality(String) COMMENT 'rule that found its changes: explicit, commits, compare, artifact, branch, time, baseline or unlinked',
    changes     Int64 COMMENT 'number of changes it brought',
    additions   Int64 COMMENT 'lines added by those changes',
    risk        Float64 COMMENT 'prior probability (0 to 1) that it breaks production',
    fraction    Nullable(Float64) COMMENT 'share (0 to 1) of the traffic at its newest stage; null: not told',
    reporters   Array(LowCardinality(String)) COMMENT 'sources that reported it',
    ignored     Bool COMMENT 'true when a person said that it is no candidate cause',
    events      Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version     UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted  UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, deployment)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One deployment of one deploy tag to one service and environment, whoever reported it';

CREATE TABLE IF NOT EXISTS deployment_changes
(
    workspace   LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    deployment  String COMMENT 'key of the deployment',
    change      String COMMENT 'key of a change that it brought',
    service     LowCardinality(String) COMMENT 'service of the deployment',
    environment LowCardinality(String) COMMENT 'environment of the deployment',
    link_rule   LowCardinality(String) COMMENT 'rule that found the change',
    live_at     DateTime64(6, 'UTC') COMMENT 'when the deployment was live',
    version     UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted  UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, deployment, change)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One change that one deployment brought to production';

CREATE TABLE IF NOT EXISTS burns
(
    workspace      LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    slo            String COMMENT 'key of the service level objective',
    started_at     DateTime64(6, 'UTC') COMMENT 'when the budget began to be spent too fast',
    service        LowCardinality(String) COMMENT 'service',
    environment    LowCardinality(String) COMMENT 'environment',
    ended_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'when that ended; null: it goes on',
    burn_rate      Nullable(Float64) COMMENT 'speed of spending: 1 spends exactly the whole budget over the period of the objective; null: not told',
    window_seconds Nullable(Int64) COMMENT 'length of the window of the rate, in seconds; null: not told',
    events         Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version        UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted     UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, slo, started_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One period in which a service spent its error budget too fast';

CREATE TABLE IF NOT EXISTS drifts
(
    workspace    LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    resource     String COMMENT 'key of the drifted resource',
    detected_at  DateTime64(6, 'UTC') COMMENT 'when the difference was seen',
    service      LowCardinality(String) COMMENT 'service',
    environment  LowCardinality(String) COMMENT 'environment',
    corrected_at Nullable(DateTime64(6, 'UTC')) COMMENT 'when it matched its declaration again; null: it differs still',
    summary      String COMMENT 'what differs, in one line',
    events       Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version      UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted   UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, resource, detected_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One period in which a running resource differed from its declaration';

CREATE TABLE IF NOT EXISTS incidents
(
    workspace                 LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    incident                  String COMMENT 'key of the incident: that of its earliest report',
    members                   Array(String) COMMENT 'keys of all reports that are this incident',
    service                   LowCardinality(String) COMMENT 'service, as the catalogue names it; empty: not known',
    environment               LowCardinality(String) COMMENT 'environment; empty: not told',
    severity                  LowCardinality(String) COMMENT 'worst severity any report gives, in the words of the source',
    title                     String COMMENT 'title',
    component                 LowCardinality(String) COMMENT 'part of the service that misbehaves; empty: not told',
    opened_at                 DateTime64(6, 'UTC') COMMENT 'when the first report was opened',
    resolved_at               Nullable(DateTime64(6, 'UTC')) COMMENT 'when the last report was resolved; null: it is open',
    onset_at                  DateTime64(6, 'UTC') COMMENT 'when the symptoms began, as told or as estimated',
    onset_source              LowCardinality(String) COMMENT 'where that time comes from: verdict, event, burn, an alert window, or a usual delay',
    onset_uncertainty_seconds Float64 COMMENT 'standard uncertainty of the onset, in seconds; 0: exact',
    verdict                   LowCardinality(String) COMMENT 'confirmed, likely, leading, undecided, none or unseen',
    cause                     String COMMENT 'likeliest single cause: key of a deployment, none or unseen; the verdict says how far to trust it',
    cause_kind                LowCardinality(String) COMMENT 'deployment, none or unseen',
    probability               Float64 COMMENT 'probability (0 to 1) of that cause',
    change_probability        Float64 COMMENT 'probability (0 to 1) that a known deployment caused it',
    none_probability          Float64 COMMENT 'probability (0 to 1) that no deployment caused it',
    unseen_probability        Float64 COMMENT 'probability (0 to 1) that a deployment nobody reported caused it',
    candidates                Int64 COMMENT 'number of deployments that were weighed',
    excluded                  Map(LowCardinality(String), Int64) COMMENT 'reason -> number of deployments that were left out for it',
    silent_sources            Array(LowCardinality(String)) COMMENT 'sources that were silent around the onset',
    rollback_target           String COMMENT 'deploy tag (else key of the deployment) to go back to; empty: none',
    state                     LowCardinality(String) COMMENT 'provisional, final or revised',
    final_at                  DateTime64(6, 'UTC') COMMENT 'when the verdict turns or turned final',
    basis                     LowCardinality(String) COMMENT 'what the verdict rests on: a person, a number of labels learned from, or defaults',
    labels                    Int64 COMMENT 'number of labelled incidents that the model was calibrated on',
    model                     LowCardinality(String) COMMENT 'name of the model that attributed it',
    model_version             Int64 COMMENT 'version of that model',
    events                    Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version                   UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted                UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, incident)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One incident, what caused it in all likelihood, and how sure that is';

CREATE TABLE IF NOT EXISTS attributions
(
    workspace   LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    incident    String COMMENT 'key of the incident',
    candidate   String COMMENT 'key of a deployment, or none, unseen or rest',
    kind        LowCardinality(String) COMMENT 'deployment, none, unseen or rest (all below the twenty likeliest together)',
    rank        Int64 COMMENT 'place among the deployments, 1 the likeliest; 0 for the other kinds',
    probability Float64 COMMENT 'probability (0 to 1); the rows of an incident sum to 1',
    service     LowCardinality(String) COMMENT 'service of the deployment; empty for the others',
    environment LowCardinality(String) COMMENT 'environment of the deployment; empty for the others',
    live_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'when the deployment was live; null for the others',
    lag_seconds Nullable(Float64) COMMENT 'seconds from live to onset; null for the others',
    onset_at    DateTime64(6, 'UTC') COMMENT 'onset of the incident',
    factors     Map(LowCardinality(String), Float64) COMMENT 'factor -> its contribution to the log of the intensity (natural logarithm; above 0 speaks for the candidate)',
    model       LowCardinality(String) COMMENT 'name of the model',
    events      Array(String) COMMENT 'ids of the events this row was computed from, in their order',
    version     UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted  UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, incident, candidate)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One candidate cause of one incident; the rows of an incident sum to 1';

CREATE TABLE IF NOT EXISTS change_attributions
(
    workspace   LowCardinality(String) COMMENT 'unit of correlation, usually one organisation',
    incident    String COMMENT 'key of the incident',
    change      String COMMENT 'key of the change',
    deployment  String COMMENT 'key of the deployment that brought it',
    rank        Int64 COMMENT 'place among the changes, 1 the likeliest',
    probability Float64 COMMENT 'share (0 to 1) of the probability of the incident that falls on the change',
    onset_at    DateTime64(6, 'UTC') COMMENT 'onset of the incident',
    model       LowCardinality(String) COMMENT 'name of the model',
    version     UInt64 COMMENT 'epoch and log offset up to which the row was derived; the highest holds',
    is_deleted  UInt8 COMMENT '1 when the row no longer holds'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, incident, change)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The share of one incident\'s probability that falls on one change';

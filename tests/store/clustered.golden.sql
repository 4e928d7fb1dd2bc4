CREATE TABLE IF NOT EXISTS migrations ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', applied_at)
CREATE TABLE IF NOT EXISTS services ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS changes ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS artifacts ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS deployments ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS deployment_changes ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS burns ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS drifts ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS incidents ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS attributions ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS change_attributions ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS events_change_opened ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_change_updated ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_change_merged ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_change_abandoned ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_review_submitted ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_check_finished ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_artifact_packaged ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_deployment_progressed ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_deployment_finished ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_incident_detected ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_incident_updated ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_incident_resolved ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_burn_started ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_burn_ended ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_drift_detected ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_drift_corrected ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_verdict_given ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_service_declared ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_clock_ticked ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events ON CLUSTER `replicas`
ENGINE = Merge('on_replicas', '^events_')
CREATE TABLE IF NOT EXISTS dead_letters ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', failed_at)
ALTER TABLE events_change_opened ON CLUSTER `replicas`
ALTER TABLE events_change_updated ON CLUSTER `replicas`
ALTER TABLE events_change_merged ON CLUSTER `replicas`
ALTER TABLE events_review_submitted ON CLUSTER `replicas`
ALTER TABLE events_check_finished ON CLUSTER `replicas`
ALTER TABLE events_incident_updated ON CLUSTER `replicas`
CREATE TABLE IF NOT EXISTS events_review_requested ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_comment_posted ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_queue_changed ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_branch_pushed ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_release_published ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_finding_reported ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_policy_edited ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_measurement_reported ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
ALTER TABLE changes ON CLUSTER `replicas`
CREATE TABLE IF NOT EXISTS events_team_declared ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS reviews ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
ALTER TABLE events_comment_posted ON CLUSTER `replicas`
ALTER TABLE events_review_submitted ON CLUSTER `replicas`
CREATE TABLE IF NOT EXISTS events_class_declared ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_policy_declared ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_owners_required ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_rule_bypassed ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS compliance ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS events_threshold_set ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS findings ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS thresholds ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS check_flakiness ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS flaky_runs ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS outcomes ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
ALTER TABLE events_change_merged ON CLUSTER `replicas`
ALTER TABLE changes ON CLUSTER `replicas`
ALTER TABLE reviews ON CLUSTER `replicas`
CREATE TABLE IF NOT EXISTS weekly_counts ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS events_objective_declared ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS events_objective_counted ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', precedence)
CREATE TABLE IF NOT EXISTS budgets ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS budget_burns ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
CREATE TABLE IF NOT EXISTS budget_spending ON CLUSTER `replicas`
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted)
ALTER TABLE reviews ON CLUSTER `replicas`
ALTER TABLE outcomes ON CLUSTER `replicas`
ALTER TABLE reviews ON CLUSTER `replicas`
ALTER TABLE reviews ON CLUSTER `replicas`
ALTER TABLE reviews ON CLUSTER `replicas`
ALTER TABLE reviews ON CLUSTER `replicas`
ALTER TABLE events_threshold_set ON CLUSTER `replicas`
ALTER TABLE thresholds ON CLUSTER `replicas`
CREATE TABLE IF NOT EXISTS telemetry_traces ON CLUSTER `replicas`
CREATE TABLE IF NOT EXISTS telemetry_logs ON CLUSTER `replicas`
ALTER TABLE events_check_finished ON CLUSTER `replicas`
ALTER TABLE events_check_finished ON CLUSTER `replicas`
ALTER TABLE deployments ON CLUSTER `replicas`
ALTER TABLE deployments ON CLUSTER `replicas`
CREATE OR REPLACE VIEW as_of ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW attribution_quality ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW budget_alarms ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW budget_by_deployment ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW bypasses ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW candidate_evidence ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW change_fail_rate ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW change_history ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW change_lead_time ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW change_risk ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW change_size ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW check_runs ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW class_outcomes ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW deployment_frequency ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW deployment_impact ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW drift_periods ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW drift_time ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW event_counts ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW failed_deployments ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW flake_cost ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW flaky_checks ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW freshness ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW incident_answers ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW incident_candidates ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW incidents_by_cause ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW lead_time ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW main_line_failures ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW metrics_by_deployment ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW open_incidents ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW open_reviews ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW owner_coverage ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW policy_violations ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW queue_ejections ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW recent_deployments ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW retro_reviews ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW review_backlog ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW review_quality ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW review_response ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW reviewer_load ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW rollbacks ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW services_overview ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW signal_limits ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW signal_things ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW signal_weeks_production ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW signal_weeks_review ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW signals ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW silent_sources ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW slo_budgets ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW smoke_tests ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW software_delivery ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW spikes ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW time_to_merge ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW unlinked ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW what_changed ON CLUSTER `replicas` AS
CREATE OR REPLACE VIEW which_change_broke_it ON CLUSTER `replicas` AS

"""Grafana's dashboards, data source and alert rules, generated from the panels of ``pipeline/panels``."""

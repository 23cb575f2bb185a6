//! Grafana dashboard, recording rules, alerts and runbook, rendered from the metric names.

//! The real `presale run` as a process, on a real API server with its controllers and a real Prometheus.
//!
//! There is no node here: the harness reports pods as Ready, as a kubelet would, a second after they were made.

#[path = "operator/backlogs.rs"]
mod backlogs;
#[path = "operator/commands.rs"]
mod commands;
#[path = "operator/forecasts.rs"]
mod forecasts;
#[path = "operator/harness.rs"]
mod harness;
#[path = "operator/holds.rs"]
mod holds;
#[path = "operator/owns.rs"]
mod owns;
#[path = "operator/promotions.rs"]
mod promotions;
#[path = "operator/reserve.rs"]
mod reserve;
#[path = "operator/restarts.rs"]
mod restarts;

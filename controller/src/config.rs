//! Configuration of `presale run`: one struct, every flag also an environment variable, units in the values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;

mod defaults;
mod prometheus;

pub(crate) use defaults::DefaultsConfig;
pub(crate) use prometheus::{Header, PrometheusConfig};

/// How the operator runs. Behaviour per service lives in its `ShopService`; absent fields there take
/// the `--default-…` flags.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct RunConfig {
    /// Namespace to watch; all where it is absent
    #[arg(long, env = "PRESALE_WATCH_NAMESPACE", value_name = "NAME")]
    pub(crate) watch_namespace: Option<String>,
    /// Address for metrics, health, and what the commands ask the operator; read-only
    #[arg(long, env = "PRESALE_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Directory for trained models and the ledger of decisions; may be lost
    #[arg(long, env = "PRESALE_DATA_DIR", default_value = "/var/lib/presale", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Time between two looks at Prometheus and two decisions, at least 1s
    #[arg(long, env = "PRESALE_TICK", default_value = "15s", value_parser = at_least_a_second, value_name = "DURATION")]
    pub(crate) tick: SignedDuration,
    /// Reconciliations that may run at the same time
    #[arg(long, env = "PRESALE_CONCURRENCY", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "N")]
    pub(crate) concurrency: u16,
    /// Bytes of ledger kept per service, twice at most
    #[arg(long, env = "PRESALE_LEDGER_BYTES", default_value_t = 2 << 20, value_parser = clap::value_parser!(u64).range(65_536..), value_name = "BYTES")]
    pub(crate) ledger_bytes: u64,
    /// Least severe log level: error, warn, info, debug or trace, or a filter such as presale=debug,kube=warn
    #[arg(long, env = "PRESALE_LOG", default_value = "info", value_name = "FILTER")]
    pub(crate) log: String,
    /// How long a stop waits for what is under way
    #[arg(long, env = "PRESALE_STOP_TIMEOUT", default_value = "10s", value_parser = at_least_a_second, value_name = "DURATION")]
    pub(crate) stop_timeout: SignedDuration,
    /// Port at which pods of services with a warm reserve tell their metrics, where their annotation prometheus.io/port
    /// says nothing
    #[arg(long, env = "PRESALE_POD_METRICS_PORT", default_value_t = 9090, value_parser = clap::value_parser!(u16).range(1..), value_name = "PORT")]
    pub(crate) pod_metrics_port: u16,
    #[command(flatten)]
    pub(crate) prometheus: PrometheusConfig,
    #[command(flatten)]
    pub(crate) lease: LeaseConfig,
    #[command(flatten)]
    pub(crate) training: TrainingConfig,
    #[command(flatten)]
    pub(crate) defaults: DefaultsConfig,
}

/// Who may write.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct LeaseConfig {
    /// Whether several operators elect one that writes; false only where there is one for sure
    #[arg(long, env = "PRESALE_LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) leader_election: bool,
    /// Namespace of the Lease
    #[arg(long, env = "PRESALE_LEASE_NAMESPACE", default_value = "presale-system", value_name = "NAME")]
    pub(crate) lease_namespace: String,
    /// Name of the Lease
    #[arg(long, env = "PRESALE_LEASE_NAME", default_value = "presale", value_name = "NAME")]
    pub(crate) lease_name: String,
    /// How long after the leader's last sign another may take over, at least 3s
    #[arg(long, env = "PRESALE_LEASE_DURATION", default_value = "15s", value_parser = at_least_three_seconds, value_name = "DURATION")]
    pub(crate) lease_duration: SignedDuration,
    /// This process's name among its rivals: the pod's
    #[arg(long, env = "POD_NAME", default_value = "presale-local", value_name = "NAME")]
    pub(crate) identity: String,
}

/// How models are trained.
#[derive(clap::Args, Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "a field is named as its flag")]
pub(crate) struct TrainingConfig {
    /// Time between two trainings of one service's model
    #[arg(long, env = "PRESALE_TRAINING_INTERVAL", default_value = "6h", value_parser = at_least_a_minute, value_name = "DURATION")]
    pub(crate) training_interval: SignedDuration,
    /// Longest time for one training; the model before stays in use where it is overrun
    #[arg(long, env = "PRESALE_TRAINING_DEADLINE", default_value = "2m", value_parser = at_least_a_second, value_name = "DURATION")]
    pub(crate) training_deadline: SignedDuration,
    /// Trainings that may run at the same time
    #[arg(long, env = "PRESALE_TRAINING_THREADS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "N")]
    pub(crate) training_threads: u16,
}

impl RunConfig {
    /// One line per setting, secrets left out; printed once at the start.
    pub(crate) fn describe(&self) -> Vec<(&'static str, String)> {
        let Self {
            watch_namespace,
            listen,
            data_dir,
            tick,
            concurrency,
            ledger_bytes,
            log,
            stop_timeout,
            pod_metrics_port,
            prometheus,
            lease,
            training,
            defaults,
        } = self;
        let mut lines = vec![
            ("watch-namespace", watch_namespace.clone().unwrap_or_else(|| "(all)".to_owned())),
            ("listen", listen.to_string()),
            ("data-dir", data_dir.display().to_string()),
            ("tick", format!("{tick:#}")),
            ("concurrency", concurrency.to_string()),
            ("ledger-bytes", ledger_bytes.to_string()),
            ("log", log.clone()),
            ("stop-timeout", format!("{stop_timeout:#}")),
            ("pod-metrics-port", pod_metrics_port.to_string()),
        ];
        lines.extend(prometheus.describe());
        lines.extend(lease.describe());
        lines.extend(training.describe());
        lines.extend(defaults.describe());
        lines
    }
}

impl LeaseConfig {
    fn describe(&self) -> Vec<(&'static str, String)> {
        let Self { leader_election, lease_namespace, lease_name, lease_duration, identity } = self;
        vec![
            ("leader-election", leader_election.to_string()),
            ("lease", format!("{lease_namespace}/{lease_name}")),
            ("lease-duration", format!("{lease_duration:#}")),
            ("identity", identity.clone()),
        ]
    }
}

impl TrainingConfig {
    fn describe(&self) -> Vec<(&'static str, String)> {
        let Self { training_interval, training_deadline, training_threads } = self;
        vec![
            ("training-interval", format!("{training_interval:#}")),
            ("training-deadline", format!("{training_deadline:#}")),
            ("training-threads", training_threads.to_string()),
        ]
    }
}

/// A non-negative duration for timers.
pub(crate) fn unsigned(duration: SignedDuration) -> Duration {
    duration.unsigned_abs()
}

fn at_least_a_second(text: &str) -> Result<SignedDuration, String> {
    at_least(text, SignedDuration::from_secs(1))
}

fn at_least_three_seconds(text: &str) -> Result<SignedDuration, String> {
    at_least(text, SignedDuration::from_secs(3))
}

fn at_least_a_minute(text: &str) -> Result<SignedDuration, String> {
    at_least(text, SignedDuration::from_secs(60))
}

fn at_least(text: &str, least: SignedDuration) -> Result<SignedDuration, String> {
    let duration: SignedDuration = text.parse().map_err(|e| format!("{e}; a duration such as \"30s\" would pass"))?;
    if duration < least { Err(format!("at least {least:#} would pass")) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use presale_cluster::convert::Defaults;
    use presale_crds::Tier;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        run: RunConfig,
    }

    #[test]
    fn secrets_do_not_show() {
        let line = Line::try_parse_from([
            "run",
            "--prometheus-url=https://me:hunter2@prom.example/x",
            "--prometheus-header=X-Scope-OrgID: tenant7",
        ])
        .unwrap();
        let shown = format!("{:?}", line.run.describe());
        assert!(!shown.contains("hunter2") && !shown.contains("tenant7"), "{shown}");
        assert!(shown.contains("https://<redacted>@prom.example/x") && shown.contains("X-Scope-OrgID"), "{shown}");
    }

    #[test]
    fn units_are_in_the_values_and_nonsense_is_refused_with_a_cure() {
        let refused = |argument: &str| Line::try_parse_from(["run", argument]).err().map(|e| e.to_string()).unwrap();
        assert!(refused("--tick=15").contains("30s"), "{}", refused("--tick=15"));
        assert!(refused("--tick=10ms").contains("at least 1s"), "{}", refused("--tick=10ms"));
        assert!(refused("--prometheus-header=nonsense").contains("Name: value"));
        assert!(refused("--default-tier=Gold").contains("Critical"), "{}", refused("--default-tier=Gold"));
        let line = Line::try_parse_from(["run", "--tick=2s", "--default-tier=Critical"]).unwrap();
        assert_eq!(line.run.tick, SignedDuration::from_secs(2));
        assert_eq!(line.run.defaults.convert(), Defaults { tier: Tier::Critical, ..Defaults::default() });
    }
}

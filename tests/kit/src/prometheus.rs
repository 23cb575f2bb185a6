//! A real Prometheus, with a past written by promtool and a present scraped from live targets.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Mutex;

use crate::process::{Launch, Process};
use crate::{KitError, assets, command, port, ready, scratch};

const LIMIT: Duration = Duration::from_mins(1);

/// One scrape job with fixed targets.
#[derive(Debug, Clone)]
pub struct ScrapeJob {
    /// The `job` label.
    pub job: String,
    /// `host:port` of each target.
    pub targets: Vec<String>,
    /// Labels put on every series of these targets.
    pub labels: Vec<(String, String)>,
}

/// What a Prometheus is started with.
#[derive(Debug, Clone)]
pub struct PrometheusOptions {
    /// OpenMetrics text, samples with timestamps and `# EOF` at the end: the past.
    pub history: Option<String>,
    /// Files of such text, for a past too large to hold in memory.
    pub history_files: Vec<PathBuf>,
    /// What to scrape from now on.
    pub scrape: Vec<ScrapeJob>,
    /// More scrape jobs, as items of the configuration's list in YAML, for targets that are discovered.
    pub scrape_yaml: String,
    /// Time between scrapes and between rule evaluations. **Unit**: whole seconds, at least one.
    pub interval: Duration,
    /// Rule files to evaluate.
    pub rule_files: Vec<PathBuf>,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        let interval = Duration::from_secs(1);
        let (history_files, scrape, rule_files) = (Vec::new(), Vec::new(), Vec::new());
        Self { history: None, history_files, scrape, scrape_yaml: String::new(), interval, rule_files }
    }
}

/// A Prometheus server on a free loopback port, with 60 days of retention.
///
/// # Example
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use test_kit::{Exporter, Prometheus, PrometheusOptions, ScrapeJob};
///
/// let exporter = Exporter::start("requests_total 5\n").await?;
/// let job = ScrapeJob { job: "shop".into(), targets: vec![exporter.address().into()], labels: vec![] };
/// let history = "# TYPE requests counter\nrequests_total 1 1700000000\n# EOF\n".to_owned();
/// let options = PrometheusOptions { history: Some(history), scrape: vec![job], ..Default::default() };
/// let prometheus = Prometheus::start(options).await?;
/// println!("{} says {}", prometheus.url(), prometheus.query("sum(requests_total)").await?);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Prometheus {
    folder: PathBuf,
    port: u16,
    http: reqwest::Client,
    process: Mutex<Process>,
}

impl Prometheus {
    /// Writes the past, then starts the server; it ends when the handle is dropped.
    ///
    /// # Errors
    /// [`KitError::Missing`] if a program is not built; [`KitError::Command`] if promtool refuses the history;
    /// [`KitError::Ended`] or [`KitError::NotReady`] with the log's end if the server would not start.
    pub async fn start(options: PrometheusOptions) -> Result<Self, KitError> {
        let folder = scratch::folder("prometheus")?;
        write_configuration(&folder, &options)?;
        if let Some(history) = &options.history {
            let path = folder.join("history.om");
            std::fs::write(&path, history).map_err(KitError::io(format!("write {}", path.display())))?;
            backfill(&path, &folder.join("data")).await?;
        }
        for path in &options.history_files {
            backfill(path, &folder.join("data")).await?;
        }
        let http = ready::http_client()?;
        let [port] = port::free()?;
        let process = Mutex::new(serve(port, &folder, &http).await?);
        Ok(Self { folder, port, http, process })
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:port`, for a proxy to stand before it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The answer to an instant query: the API's `data.result`.
    ///
    /// # Errors
    /// [`KitError::Http`] if there is no answer; [`KitError::Answer`] with the server's words if it refuses the query.
    pub async fn query(&self, promql: &str) -> Result<serde_json::Value, KitError> {
        let doing = || format!("query {promql}");
        let request = self.http.post(format!("{}/api/v1/query", self.url()));
        // PromQL in a form body: percent-encode everything that is not plain.
        let body = format!("query={}", percent_encoded(promql));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
        let response = request.send().await.map_err(KitError::http(doing()))?;
        let answer: serde_json::Value = response.json().await.map_err(KitError::http(doing()))?;
        match answer.pointer("/data/result") {
            Some(result) => Ok(result.clone()),
            None => Err(KitError::Answer { doing: doing(), answer: answer.to_string() }),
        }
    }

    /// The value of a query that yields one series or a scalar; `None` if it yields nothing.
    ///
    /// # Errors
    /// As [`query`](Self::query), and [`KitError::Answer`] if there is more than one series.
    pub async fn value(&self, promql: &str) -> Result<Option<f64>, KitError> {
        let result = self.query(promql).await?;
        let refused = |answer: &serde_json::Value| KitError::Answer {
            doing: format!("read one value of {promql}"),
            answer: answer.to_string(),
        };
        let sample = match result.as_array().map(Vec::as_slice) {
            Some([]) => return Ok(None),
            Some([series]) if series.is_object() => series.pointer("/value/1"),
            Some([_, scalar]) if scalar.is_string() => Some(scalar),
            _ => return Err(refused(&result)),
        };
        let text = sample.and_then(serde_json::Value::as_str).ok_or_else(|| refused(&result))?;
        text.parse().map(Some).map_err(|_| refused(&result))
    }

    /// Replaces what is scraped and which rules run, without a restart.
    ///
    /// # Errors
    /// [`KitError::Answer`] with the server's words if it refuses the configuration.
    pub async fn reconfigure(&self, options: &PrometheusOptions) -> Result<(), KitError> {
        write_configuration(&self.folder, options)?;
        let reload = self.http.post(format!("{}/-/reload", self.url())).send().await;
        let response = reload.map_err(KitError::http("reload Prometheus"))?;
        if response.status().is_success() {
            return Ok(());
        }
        let answer = response.text().await.map_err(KitError::http("read why Prometheus did not reload"))?;
        Err(KitError::Answer { doing: "reload Prometheus".to_owned(), answer })
    }

    /// Kills the server as `kill -9` does; its data stays.
    ///
    /// # Errors
    /// [`KitError::Io`] if the process cannot be killed.
    pub async fn kill(&self) -> Result<(), KitError> {
        self.process.lock().await.kill()
    }

    /// Starts the server again on the same port and data, after [`kill`](Self::kill).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn revive(&self) -> Result<(), KitError> {
        let mut process = self.process.lock().await;
        process.kill()?;
        *process = serve(self.port, &self.folder, &self.http).await?;
        Ok(())
    }
}

async fn serve(port: u16, folder: &Path, http: &reqwest::Client) -> Result<Process, KitError> {
    let args = vec![
        format!("--config.file={}", folder.join("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", folder.join("data").display()),
        "--storage.tsdb.retention.time=60d".to_owned(),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--web.enable-lifecycle".to_owned(),
    ];
    let program = assets::tool("prometheus")?;
    let mut process =
        Process::start(&Launch { name: "prometheus", program: &program, args, folder, user: None, env: Vec::new() })?;
    let url = format!("http://127.0.0.1:{port}/-/ready");
    ready::wait_for(&mut process, LIMIT, async || ready::answers(http, &url).await).await?;
    Ok(process)
}

/// Turns OpenMetrics text into blocks; the (hidden) flag makes few large ones: 28 days in one second, not in 44.
async fn backfill(history: &Path, data: &Path) -> Result<(), KitError> {
    let promtool = assets::tool("promtool")?;
    let mut command = Command::new(&promtool);
    command.args(["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=768h", "--quiet"]);
    command.arg(history).arg(data);
    command::run(&mut command).await.map(drop)
}

fn write_configuration(folder: &Path, options: &PrometheusOptions) -> Result<(), KitError> {
    let path = folder.join("prometheus.yml");
    std::fs::write(&path, configuration(options)).map_err(KitError::io(format!("write {}", path.display())))
}

/// The configuration file; JSON strings are YAML strings.
fn configuration(options: &PrometheusOptions) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let seconds = options.interval.as_secs().max(1);
    let mut text = format!("global: {{scrape_interval: {seconds}s, evaluation_interval: {seconds}s}}\n");
    let rules: Vec<String> = options.rule_files.iter().map(|path| quoted(&path.display().to_string())).collect();
    let _ = writeln!(text, "rule_files: [{}]\nscrape_configs:", rules.join(", "));
    for job in &options.scrape {
        let targets: Vec<String> = job.targets.iter().map(|target| quoted(target)).collect();
        let labels: Vec<String> =
            job.labels.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value))).collect();
        let _ = writeln!(text, "- job_name: {}", quoted(&job.job));
        let (targets, labels) = (targets.join(", "), labels.join(", "));
        let _ = writeln!(text, "  static_configs: [{{targets: [{targets}], labels: {{{labels}}}}}]");
    }
    text.push_str(&options.scrape_yaml);
    text
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

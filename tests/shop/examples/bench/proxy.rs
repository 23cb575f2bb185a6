//! The gateway with tokens, limits and metrics beside nginx as a bare proxy, before the same service: requests per
//! second of the proxy's own processor time, and the time that the gateway adds.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use loadgen::connection::{Connection, Message};
use presale_shop::{Launch, Secrets, Service, Wiring};
use serde_json::json;
use shop_kit::access::{ACCESS_TYPE, AccessClaims};
use shop_kit::signature::Signer;
use test_kit::{Process, free_address, scratch_folder};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{Row, row};

/// Customers whose tokens are in use.
const TOKENS: u128 = 1_000;
/// Connections, each with one request at a time.
const CONNECTIONS: usize = 32;
/// Clock ticks of a second, as Linux tells processor time.
const TICKS: f64 = 100.0;

const ROUTES: &str = "[[route]]\npath = \"/v1/things\"\nmethods = [\"GET\"]\nservice = \"catalog\"\naudience = \"customer\"\n\
    priority = \"normal\"\ndeadline = \"5s\"\nper_client = { per_second = 100000, burst = 100000 }\n";

/// Who proxies.
struct Proxy {
    name: &'static str,
    address: SocketAddr,
    /// Its process, and those below it.
    id: u32,
}

/// Measures both.
pub(crate) async fn beside_nginx(program: &Path, seconds: u32) -> anyhow::Result<Vec<Row>> {
    let signer = Signer::new(&URL_SAFE_NO_PAD.encode([7; 32]).parse()?, ACCESS_TYPE)?;
    let keys = json!({"keys": [signer.public_key()]});
    let issuer = serve(Router::new().route("/.well-known/jwks.json", get(async move || axum::Json(keys)))).await?;
    let body = "x".repeat(1_000);
    let upstream = serve(Router::new().fallback(async move || body.clone())).await?;
    let messages = Arc::new(messages(&signer)?);

    let folder = scratch_folder("gateway-tables")?;
    let tables = [folder.join("routes.toml"), folder.join("endpoints.toml")];
    std::fs::write(&tables[0], ROUTES)?;
    std::fs::write(&tables[1], format!("catalog = [\"{upstream}\"]\n"))?;
    let mut wiring = Wiring::new("nats://127.0.0.1:1".to_owned(), Secrets::known());
    (wiring.issuer, wiring.tables) = (Some(issuer), Some(tables));
    let (name, address) = ("gateway", free_address()?);
    let flags = vec!["--drain-delay=0s".to_owned()];
    let service = Service::start(Launch { program, name, address, database: None, flags }, &wiring).await?;
    let gateway = Proxy { name, address, id: service.id() };
    let nginx = nginx(upstream).await?;
    let mut rows = Vec::new();
    let mut efficiency = Vec::new();
    for proxy in [Some(&gateway), nginx.as_ref().map(|(proxy, _)| proxy)].into_iter().flatten() {
        saturate(proxy.address, &messages, 2).await?;
        let before = cpu_seconds(proxy.id)?;
        let (answered, per_second) = saturate(proxy.address, &messages, seconds).await?;
        let per_cpu = answered as f64 / (cpu_seconds(proxy.id)? - before);
        efficiency.push(per_cpu);
        let what = format!(
            "{}: requests per second of its processor time ({per_second:.0}/s at {CONNECTIONS} connections)",
            proxy.name
        );
        rows.push(row(what, format!("{per_cpu:.0}"), ""));
        if proxy.name == "gateway" {
            rows.push(added(proxy, upstream, &messages, per_second / 2.0, seconds).await?);
        }
    }
    let ratio = match efficiency.as_slice() {
        [ours, theirs] => format!("{:.0} %", 100.0 * ours / theirs),
        _ => "nginx is not installed: run tests/cluster/packages.sh bench".to_owned(),
    };
    rows.push(row("gateway (token, limit, metrics) ÷ nginx (bare), requests per CPU-second", ratio, "≥ 60 %; ≥ 80 %"));
    drop(service);
    Ok(rows)
}

/// A request of each customer.
fn messages(signer: &Signer) -> anyhow::Result<Vec<Message>> {
    (0..TOKENS)
        .map(|number| {
            let claims = AccessClaims {
                iss: "accounts".into(),
                aud: "shop".into(),
                sub: uuid::Uuid::from_u128(number + 1),
                nbf: 0,
                exp: 4_000_000_000,
            };
            let token = HeaderValue::from_str(&format!("Bearer {}", signer.sign(&claims)?))?;
            let headers = vec![(AUTHORIZATION, token)];
            Ok(Message {
                method: Method::GET,
                path: "/v1/things".into(),
                headers,
                body: String::new().into(),
                keeps_body: false,
            })
        })
        .collect()
}

async fn serve(routes: Router) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(address)
}

/// As many requests as the connections make, one after the other; returns how many were answered, and the rate.
async fn saturate(address: SocketAddr, messages: &Arc<Vec<Message>>, seconds: u32) -> anyhow::Result<(u64, f64)> {
    let (since, end) = (Instant::now(), Instant::now() + Duration::from_secs(u64::from(seconds)));
    let callers: Vec<_> = (0..CONNECTIONS)
        .map(|caller| {
            let messages = Arc::clone(messages);
            tokio::spawn(async move {
                let (mut connection, mut answered, mut number) = (Connection::new(address), 0_u64, caller);
                while Instant::now() < end {
                    let message = &messages[number % messages.len()];
                    let answer = connection.send(message, end + Duration::from_secs(5)).await;
                    ensure!(answer.as_ref().is_ok_and(|answer| answer.status == 200), "{address} answered {answer:?}");
                    (answered, number) = (answered + 1, number + CONNECTIONS);
                }
                Ok(answered)
            })
        })
        .collect();
    let mut answered = 0;
    for caller in callers {
        answered += caller.await??;
    }
    Ok((answered, answered as f64 / since.elapsed().as_secs_f64()))
}

/// The 99th percentile through the gateway at this rate, less that of the service asked directly.
async fn added(
    gateway: &Proxy,
    upstream: SocketAddr,
    messages: &Arc<Vec<Message>>,
    rate: f64,
    seconds: u32,
) -> anyhow::Result<Row> {
    let direct = paced(upstream, messages, rate, seconds).await?;
    let through = paced(gateway.address, messages, rate, seconds).await?;
    let what = format!(
        "latency that the gateway adds, p99 at half load ({rate:.0}/s; {direct:.2} ms without, {through:.2} ms with)"
    );
    Ok(row(what, format!("{:.2} ms", through - direct), "≤ 2 ms; ≤ 1 ms"))
}

/// 99th percentile in milliseconds, from the intended start, at a steady rate.
async fn paced(address: SocketAddr, messages: &Arc<Vec<Message>>, rate: f64, seconds: u32) -> anyhow::Result<f64> {
    let zero = Instant::now() + Duration::from_millis(50);
    let gap = CONNECTIONS as f64 / rate;
    let callers: Vec<_> = (0..CONNECTIONS)
        .map(|caller| {
            let messages = Arc::clone(messages);
            tokio::spawn(async move {
                let (mut connection, mut times) = (Connection::new(address), Vec::new());
                let mut number = 0_u32;
                loop {
                    let at = (f64::from(number) + caller as f64 / CONNECTIONS as f64) * gap;
                    if at > f64::from(seconds) {
                        return times;
                    }
                    let intended = zero + Duration::from_secs_f64(at);
                    sleep_until(intended).await;
                    let message = &messages[(number as usize * CONNECTIONS + caller) % messages.len()];
                    if connection.send(message, Instant::now() + Duration::from_secs(5)).await.is_ok() {
                        times.push(intended.elapsed().as_secs_f64() * 1_000.0);
                    }
                    number += 1;
                }
            })
        })
        .collect();
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await?);
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len().saturating_sub(1) * 99 / 100).copied().context("answers")
}

/// nginx before the same service, where it is installed.
async fn nginx(upstream: SocketAddr) -> anyhow::Result<Option<(Proxy, Process)>> {
    let program = Path::new("/usr/sbin/nginx");
    if !program.is_file() {
        return Ok(None);
    }
    let (folder, address) = (scratch_folder("nginx")?, free_address()?);
    let configuration = format!(
        "daemon off; worker_processes 2; pid {0}/nginx.pid; error_log {0}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;\n\
         fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\n\
         upstream service {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}\n\
         server {{ listen {address}; location / {{ proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }} }}\n",
        folder.display()
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, configuration)?;
    let args = vec!["-c".to_owned(), path.display().to_string(), "-p".to_owned(), folder.display().to_string()];
    let launch = test_kit::Launch { name: "nginx", program, args, folder: &folder, user: None, env: Vec::new() };
    let process = Process::start(&launch)?;
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(Some((Proxy { name: "nginx", address, id: process.id() }, process)));
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("nginx does not listen; see {}/error.log", folder.display())
}

/// Processor time of a process and of those below it, in seconds.
fn cpu_seconds(id: u32) -> anyhow::Result<f64> {
    let mut ticks = 0.0;
    for entry in std::fs::read_dir("/proc")? {
        let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
        let Some((own, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let is = |text: &str| text.parse() == Ok(id);
        if is(own.split(' ').next().unwrap_or_default()) || is(fields[1]) {
            // utime and stime, fields 14 and 15 of the line.
            ticks += fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        }
    }
    Ok(ticks / TICKS)
}

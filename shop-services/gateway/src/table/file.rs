//! The table as it is written: TOML, one `[[route]]` each, and what is wrong with it in words.

use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use shop_kit::Priority;
use shop_kit::config::duration;
use thiserror::Error;

use super::{Audience, Drawn, Placed, Route, Table, Target};
use crate::directory::{Directory, Upstream};
use crate::door::Pace;
use crate::rate::Rate;

/// What a route has that says nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// Longest wait for an answer.
    pub deadline: Duration,
    /// Longest body of a request, in bytes.
    pub body_limit: usize,
}

/// The table is not understood.
#[derive(Debug, Error)]
pub enum TableError {
    /// Not text.
    #[error("the table is not UTF-8")]
    Text(#[from] Utf8Error),
    /// Not of the form it should have.
    #[error("the table is not of the form that is understood")]
    Toml(#[from] Box<toml::de::Error>),
    /// A route makes no sense.
    #[error("route {path}: {fault}")]
    Route {
        /// Its path.
        path: String,
        /// What would pass.
        fault: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Words in the `User-Agent` of robots, which are served last.
    #[serde(default)]
    bots: Vec<String>,
    #[serde(default, rename = "route")]
    routes: Vec<Written>,
}

/// A route as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    pub(crate) path: String,
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    pub(crate) service: Option<String>,
    #[serde(default = "http_port")]
    pub(crate) port: String,
    pub(crate) page: Option<Page>,
    pub(crate) audience: Audience,
    pub(crate) priority: Option<String>,
    pub(crate) deadline: Option<String>,
    pub(crate) body_limit: Option<usize>,
    pub(crate) per_client: Option<WrittenRate>,
    pub(crate) in_all: Option<WrittenRate>,
}

pub(crate) fn http_port() -> String {
    "http".to_owned()
}

/// What the gateway itself composes.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Page {
    Product,
}

/// A limit as it is written.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRate {
    #[serde(alias = "perSecond")]
    pub(crate) per_second: f64,
    pub(crate) burst: u32,
}

/// Reads a file as the table that it alone makes; pools are those of the directory.
///
/// # Errors
/// Says which route is wrong and what would pass.
pub fn parse(content: &[u8], directory: &Directory, defaults: Defaults) -> Result<Table, TableError> {
    draw(content, directory, defaults).map(|drawn| drawn.table().0)
}

/// Reads what a file draws; pools are those of the directory.
///
/// # Errors
/// Says which route is wrong and what would pass.
pub fn draw(content: &[u8], directory: &Directory, defaults: Defaults) -> Result<Drawn, TableError> {
    let File { bots, routes } = toml::from_str(std::str::from_utf8(content)?).map_err(Box::new)?;
    let routes = routes.into_iter().map(|written| route(written, directory, defaults)).collect::<Result<_, _>>()?;
    let drawn = Drawn { bots: bots.iter().map(|word| word.to_ascii_lowercase()).collect(), routes };
    match drawn.table().1.into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(drawn),
    }
}

/// A route as it is written, read and placed.
///
/// # Errors
/// Says what would pass.
pub(crate) fn route(written: Written, directory: &Directory, defaults: Defaults) -> Result<Placed, TableError> {
    let host = written.host.as_ref().map(|host| host.to_ascii_lowercase());
    let path = written.path.clone();
    match read(written, host.as_deref(), directory, defaults) {
        Ok(route) => Ok(Placed { host, route: Arc::new(route) }),
        Err(fault) => Err(TableError::Route { path, fault }),
    }
}

fn read(written: Written, host: Option<&str>, directory: &Directory, defaults: Defaults) -> Result<Route, String> {
    let methods: Vec<Method> = written.methods.iter().map(|name| method(name)).collect::<Result<_, _>>()?;
    if !written.path.starts_with('/') {
        return Err("a path begins with /".to_owned());
    }
    let target = match (written.service, written.page) {
        (Some(service), None) => Target::Service(directory.pool(Upstream { service, port: written.port })),
        (None, Some(Page::Product)) if written.path.ends_with("/{id}") && methods == [Method::GET] => {
            Target::ProductPage
        }
        (None, Some(Page::Product)) => return Err("a product page is a GET of a path that ends in /{id}".to_owned()),
        _ => return Err("either service or page passes, not both, not neither".to_owned()),
    };
    let label = written.priority.as_deref().unwrap_or(Priority::Normal.label());
    let priority = Priority::ALL.into_iter().find(|priority| priority.label() == label);
    let priority = priority.ok_or("priority is none; low, normal, high and critical pass")?;
    if let Target::Service(pool) = &target {
        pool.may_be_asked(&written.path, priority);
    }
    Ok(Route {
        name: format!("{} {}{}", written.methods.join(","), host.unwrap_or_default(), written.path).into(),
        path: written.path,
        methods,
        target,
        audience: written.audience,
        priority,
        deadline: written.deadline.as_deref().map(duration).transpose()?.unwrap_or(defaults.deadline),
        body_limit: written.body_limit.unwrap_or(defaults.body_limit),
        per_client: written.per_client.map(rate).transpose()?,
        in_all: written.in_all.map(rate).transpose()?,
        pace: Pace::default(),
    })
}

fn method(name: &str) -> Result<Method, String> {
    let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];
    known.into_iter().find(|method| method.as_str() == name).ok_or_else(|| format!("{name} is no method that passes"))
}

fn rate(written: WrittenRate) -> Result<Rate, String> {
    let WrittenRate { per_second, burst } = written;
    if per_second.is_finite() && per_second > 0.0 && burst > 0 {
        return Ok(Rate { per_second, burst: f64::from(burst) });
    }
    Err("a rate has per_second above 0 and burst of at least 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Found;
    use super::*;
    use crate::pool::Sizes;
    use shop_kit::admission::Limits;
    use shop_kit::process::ThisProcess;
    use shop_metrics::{Build, Proxying, ShopMetrics};

    fn read(text: &str) -> Result<Table, TableError> {
        let mut metrics = ShopMetrics::new(&Build { service_name: "gateway", version: "0" }, ThisProcess);
        let door = Limits { concurrency: 8, queue: 8, queue_timeout: Duration::from_secs(1) };
        let sizes = Sizes { door, hold: 4, hold_timeout: Duration::from_secs(10) };
        let directory = Directory::new(sizes, Proxying::register(&mut metrics));
        let defaults = Defaults { deadline: Duration::from_secs(5), body_limit: 1_000 };
        parse(text.as_bytes(), &directory, defaults)
    }

    const SHOP: &str = r#"
        bots = ["Bot"]
        [[route]]
        path = "/v1/{*rest}"
        service = "catalog"
        audience = "public"
        [[route]]
        path = "/v1/reservations/{*rest}"
        service = "inventory"
        audience = "internal"
        [[route]]
        path = "/v1/orders"
        methods = ["POST"]
        service = "orders"
        audience = "customer"
        priority = "critical"
        deadline = "500ms"
        in_all = { per_second = 100, burst = 10 }
        [[route]]
        path = "/v1/orders"
        methods = ["GET"]
        service = "orders"
        audience = "customer"
        [[route]]
        path = "/v1/orders"
        host = "Admin.Example"
        service = "orders"
        audience = "admin"
    "#;

    #[test]
    fn the_closest_route_of_the_host_counts_and_what_is_internal_does_not_exist() {
        let table = read(SHOP).unwrap();
        let find = |host: &str, method: Method, path: &str| match table.find(host, &method, path) {
            Found::Route(route) => route.name.to_string(),
            Found::Methods(methods) => format!("{methods:?}"),
            Found::Nothing => String::new(),
        };
        for (host, method, path, expected) in [
            ("shop.example", Method::POST, "/v1/orders", "POST /v1/orders"),
            ("shop.example", Method::HEAD, "/v1/orders", "GET /v1/orders"),
            ("admin.example", Method::POST, "/v1/orders", " admin.example/v1/orders"),
            ("shop.example", Method::DELETE, "/v1/orders", "[POST, GET]"),
            ("shop.example", Method::GET, "/v1/products", " /v1/{*rest}"),
            ("shop.example", Method::POST, "/v1/reservations/7/commit", ""),
            ("admin.example", Method::POST, "/v1/reservations/7/commit", ""),
            ("shop.example", Method::GET, "/metrics", ""),
            ("shop.example", Method::GET, "/", ""),
        ] {
            assert_eq!(find(host, method.clone(), path), expected, "{method} {host}{path}");
        }
        let Found::Route(route) = table.find("", &Method::POST, "/v1/orders") else { panic!("a route") };
        assert_eq!((route.priority, route.deadline.as_millis()), (Priority::Critical, 500));
        assert_eq!((route.in_all, route.body_limit), (Some(Rate { per_second: 100.0, burst: 10.0 }), 1_000));
        assert!(table.is_bot("Mozilla/5.0 (compatible; Googlebot/2.1)") && !table.is_bot("Mozilla/5.0"));
    }

    #[test]
    fn a_wrong_table_is_refused_in_words() {
        let one = |more: &str| format!("[[route]]\npath = \"/v1/a\"\naudience = \"public\"\n{more}");
        for (text, words) in [
            (one(""), "either service or page"),
            (one("service = \"a\"\npage = \"product\""), "either service or page"),
            (one("page = \"product\""), "ends in /{id}"),
            (one("service = \"a\"\npriority = \"urgent\""), "low, normal, high and critical pass"),
            (one("service = \"a\"\ndeadline = \"5\""), "write a duration"),
            (one("service = \"a\"\nmethods = [\"TRACE\"]"), "no method that passes"),
            (one("service = \"a\"\nper_client = { per_second = 0, burst = 1 }"), "above 0"),
            (format!("{0}{0}", one("service = \"a\"\n")), "one method has two routes"),
            (one("service = \"a\"").replace("/v1/a", "v1"), "begins with /"),
            (one("service = \"a\"").replace("/v1/a", "/v1/{"), "route /v1/{"),
            (one("service = \"a\"\nowner = \"me\""), "not of the form"),
        ] {
            let refused = read(&text).unwrap_err().to_string();
            assert!(refused.contains(words), "{refused} does not say {words}");
        }
    }
}

//! `docs/shop.md`: its picture and its table of events are what the services' code says, and every test that it names
//! is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use crate::comparison::root;

const DOCUMENT: &str = "docs/shop.md";
/// What stands between these lines is generated.
const BEGIN: &str = "<!-- generated: make generate -->\n";
const END: &str = "<!-- end of what is generated -->\n";

/// One service as its code describes it.
#[derive(Debug, Default)]
struct Service {
    /// Whom it asks.
    calls: BTreeSet<String>,
    /// Kinds of events that it takes.
    takes: BTreeSet<String>,
    /// Kinds of events that it publishes: those that it names and does not take.
    tells: BTreeSet<String>,
}

fn read(path: &Path) -> String {
    read_to_string(path).expect("a file of the repository")
}

/// All Rust files below a folder, as one text.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &read(&path);
        }
    }
    text
}

/// Kinds of events by the names of their constants.
fn kinds(root: &Path) -> BTreeMap<String, String> {
    let text = read(&root.join("shop-services/contracts/src/event.rs"));
    let constants = text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str = "));
    constants.map(|(name, kind)| (name.to_owned(), kind.trim_matches(['"', ';']).to_owned())).collect()
}

/// The words of a text that could be names of constants.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect()
}

/// Reads every service below `shop-services`.
fn services(root: &Path) -> BTreeMap<String, Service> {
    let kinds = kinds(root);
    let mut services = BTreeMap::new();
    for entry in std::fs::read_dir(root.join("shop-services")).expect("the services").filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("src/serve.rs").is_file() && name != "psp-sim" {
            services.insert(name, service(&sources(&entry.path().join("src")), &kinds));
        }
    }
    let table = read(&root.join("shop-services/gateway/routes.toml"));
    let routed = table.lines().filter_map(|line| line.strip_prefix("service = \""));
    let gateway = services.get_mut("gateway").expect("a gateway");
    gateway.calls.extend(routed.map(|name| name.trim_end_matches('"').to_owned()));
    services
}

fn service(text: &str, kinds: &BTreeMap<String, String>) -> Service {
    let list = text.split_once("pub const KINDS: &[&str] = &[").and_then(|(_, rest)| rest.split_once("];"));
    let list = list.map_or("", |(all, _)| all);
    let families: Vec<&str> = list.split('"').filter_map(|word| word.strip_suffix(".*")).collect();
    let named = |text: &str| -> BTreeSet<String> {
        words(text).into_iter().filter_map(|word| kinds.get(word).cloned()).collect()
    };
    let of_family = |kind: &&String| families.iter().any(|family| kind.starts_with(&format!("{family}.")));
    let mut takes = named(list);
    takes.extend(kinds.values().filter(of_family).cloned());
    let tells = named(text).difference(&takes).cloned().collect();
    let urls = text.split("env = \"SHOP_").skip(1).filter_map(|rest| rest.split_once("_URL\""));
    let mut calls: BTreeSet<String> = urls
        .map(|(name, _)| name.to_lowercase())
        .filter(|name| !name.contains([' ', '"', '\n']) && !["database", "nats", "sink"].contains(&name.as_str()))
        .map(|name| if name == "psp" { "payment provider".to_owned() } else { name })
        .collect();
    if text.contains("access: AccessConfig") {
        calls.insert("accounts".to_owned());
    }
    Service { calls, takes, tells }
}

/// The picture, and the table of events.
fn rendered(services: &BTreeMap<String, Service>) -> String {
    let id = |name: &str| name.replace([' ', '-'], "_");
    let mut text = String::from("```mermaid\nflowchart LR\n  customer([customer]) --> gateway\n");
    for (name, service) in services {
        for callee in &service.calls {
            let _ = writeln!(text, "  {}[{name}] --> {}[{callee}]", id(name), id(callee));
        }
    }
    let mut events: BTreeMap<&str, (&str, BTreeSet<&str>)> = BTreeMap::new();
    for (name, service) in services {
        for kind in &service.tells {
            let takers = services.iter().filter(|(_, other)| other.takes.contains(kind));
            events.insert(kind, (name.as_str(), takers.map(|(taker, _)| taker.as_str()).collect()));
        }
    }
    let mut arrows: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (kind, (teller, takers)) in &events {
        for taker in takers {
            let verb = kind.split_once('.').map_or(*kind, |(_, verb)| verb);
            arrows.entry((teller, taker)).or_default().push(verb);
        }
    }
    for ((teller, taker), verbs) in arrows {
        let _ = writeln!(text, "  {}[{teller}] -. {} .-> {}[{taker}]", id(teller), verbs.join(", "), id(taker));
    }
    text.push_str("```\n\n| event | told by | taken by |\n|---|---|---|\n");
    for (kind, (teller, takers)) in &events {
        let takers: Vec<&str> = takers.iter().copied().collect();
        let takers = if takers.is_empty() { "nobody yet".to_owned() } else { takers.join(", ") };
        let _ = writeln!(text, "| `{kind}` | {teller} | {takers} |");
    }
    text
}

/// The document with this text between the marks.
fn filled(document: &str, generated: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{generated}{END}{after}"))
}

#[test]
fn the_picture_and_the_events_are_what_the_code_says() {
    let (root, path) = (root(), root().join(DOCUMENT));
    let held = read(&path);
    let wanted = filled(&held, &rendered(&services(&root))).expect("the marks of what is generated");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("the document can be written");
    } else {
        assert!(held == wanted, "{DOCUMENT} differs from the services' code: run `make generate`");
    }
}

#[test]
fn a_new_call_and_a_new_event_change_the_picture() {
    let mut services = services(&root());
    let before = rendered(&services);
    assert!(before.contains("orders[orders] --> payments[payments]"), "{before}");
    assert!(
        before.contains("| `order.confirmed` | orders | cart, notifications, pricing, recommendations |"),
        "{before}"
    );
    services.get_mut("cart").expect("cart").calls.insert("inventory".to_owned());
    services.get_mut("catalog").expect("catalog").takes.insert("stock.low".to_owned());
    let after = rendered(&services);
    assert!(after.contains("cart[cart] --> inventory[inventory]") && after.contains("-. low .-> catalog[catalog]"));
    assert!(filled("no marks", "").is_none());
}

/// Calls of the picture that no row of the document has as `| caller | callee | test |`.
fn unproven(services: &BTreeMap<String, Service>, document: &str) -> Vec<String> {
    let rows: Vec<&str> = document.lines().filter(|line| line.contains(".rs::")).collect();
    let calls = services.iter().flat_map(|(name, service)| service.calls.iter().map(move |callee| (name, callee)));
    let without = calls.map(|(name, callee)| format!("| {name} | {callee} | "));
    without.filter(|start| !rows.iter().any(|row| row.starts_with(start))).collect()
}

#[test]
fn every_call_has_a_test_on_the_real_callee() {
    let (document, mut services) = (read(&root().join(DOCUMENT)), services(&root()));
    assert_eq!(unproven(&services, &document), Vec::<String>::new());
    services.get_mut("cart").expect("cart").calls.insert("inventory".to_owned());
    assert_eq!(unproven(&services, &document), ["| cart | inventory | "]);
}

/// Numbers below `of` that no row of a table of tests begins with, after this heading.
fn missing(document: &str, heading: &str, of: u32) -> Vec<u32> {
    let section = document.split_once(heading).map_or("", |(_, rest)| rest.split("\n## ").next().unwrap_or(rest));
    let has =
        |number: &u32| section.lines().any(|line| line.starts_with(&format!("| {number} |")) && line.contains(".rs::"));
    (1..=of).filter(|number| !has(number)).collect()
}

#[test]
fn all_twenty_failures_and_all_ten_attacks_have_tests() {
    let document = read(&root().join(DOCUMENT));
    assert_eq!(missing(&document, "## What goes wrong", 20), Vec::<u32>::new());
    assert_eq!(missing(&document, "## Who must not get in", 10), Vec::<u32>::new());
    assert_eq!(missing(&document.replace("| 7 |", "| 70 |"), "## Who must not get in", 10), [7]);
}

/// Routes of a service's sources that stand beside its document: all but the document's own.
fn beside(text: &str) -> usize {
    text.matches(".route(").count() - text.matches(".route(\"/openapi.json\"").count() + text.matches(".nest(").count()
}

#[test]
fn no_service_has_a_route_outside_of_its_document() {
    for name in services(&root()).keys().filter(|name| *name != "gateway") {
        let text = sources(&root().join("shop-services").join(name).join("src"));
        assert_eq!(beside(&text), 0, "{name}: routes go into OpenApiRouter, which documents them");
        assert!(text.contains("OpenApiRouter::new()"), "{name} has a document");
    }
    assert_eq!(beside("r.route(\"/openapi.json\", d).route(\"/v1/planted\", get(x))"), 1);
}

/// Tests that a document names and that are not there: `path/file.rs::name` in backticks.
fn absent(root: &Path, document: &str) -> Vec<String> {
    let named = document.split('`').filter_map(|code| code.split_once(".rs::").map(|(file, name)| (code, file, name)));
    let there = |file: &str, name: &str| {
        read_to_string(root.join(format!("{file}.rs"))).is_ok_and(|text| text.contains(&format!("fn {name}(")))
    };
    named.filter(|(_, file, name)| !there(file, name)).map(|(code, ..)| code.to_owned()).collect()
}

#[test]
fn every_test_that_the_document_names_is_there() {
    let document = read(&root().join(DOCUMENT));
    assert_eq!(absent(&root(), &document), Vec::<String>::new());
    assert!(document.matches(".rs::").count() > 40, "the promises name their tests");
    let planted = "see `tests/drift/shop.rs::no_such_test` and `tests/none.rs::x`";
    assert_eq!(absent(&root(), planted).len(), 2);
}

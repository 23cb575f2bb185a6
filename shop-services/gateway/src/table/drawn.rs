//! Routes before they are a table: from a file or from the cluster, put together in order.

use std::sync::Arc;

use matchit::Router;

use super::{Route, Table, TableError};

/// What one source draws.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// Words in the `User-Agent` of robots, in lower case.
    pub bots: Vec<String>,
    /// The routes, those that come first have precedence.
    pub routes: Vec<Placed>,
}

/// A route and where it holds.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The host, in lower case; any where `None`.
    pub host: Option<String>,
    /// The route.
    pub route: Arc<Route>,
}

type Place<'a> = (Option<&'a str>, &'a str);

impl Drawn {
    /// The table of these routes, and why some have no place in it: an earlier one has the same methods, or a pattern
    /// that cannot stand beside theirs.
    pub fn table(&self) -> (Table, Vec<TableError>) {
        let (mut places, mut faults) = (Vec::<(Place<'_>, Vec<Arc<Route>>)>::new(), Vec::new());
        for Placed { host, route } in &self.routes {
            let place = (host.as_deref(), route.path.as_str());
            match places.iter_mut().find(|(other, _)| *other == place) {
                Some((_, there)) if there.iter().any(|other| overlap(other, route)) => {
                    faults.push(fault(&route.path, "one method has two routes; one passes"));
                }
                Some((_, there)) => there.push(Arc::clone(route)),
                None => places.push((place, vec![Arc::clone(route)])),
            }
        }
        let mut table = Table { bots: self.bots.clone(), ..Table::default() };
        for ((host, path), routes) in places {
            let router: &mut Router<_> = match host {
                None => &mut table.anywhere,
                Some(host) => table.hosts.entry(host.to_owned()).or_default(),
            };
            if let Err(error) = router.insert(path, routes) {
                faults.push(fault(path, &error.to_string()));
            }
        }
        (table, faults)
    }
}

fn fault(path: &str, fault: &str) -> TableError {
    TableError::Route { path: path.to_owned(), fault: fault.to_owned() }
}

fn overlap(one: &Route, other: &Route) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one.methods.iter().any(|method| other.methods.contains(method))
}

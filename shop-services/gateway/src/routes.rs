//! The table that is in force: the file's routes first, then those that services expose.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::table::{Drawn, Placed, Table};

/// Puts the table together anew whenever one of its sources changes.
#[derive(Debug)]
pub struct Routes {
    sources: Mutex<Sources>,
    table: watch::Sender<Arc<Table>>,
}

#[derive(Debug, Default)]
struct Sources {
    file: Drawn,
    exposed: Vec<Placed>,
    told: bool,
}

impl Default for Routes {
    /// No route yet.
    fn default() -> Self {
        Self { sources: Mutex::default(), table: watch::channel(Arc::default()).0 }
    }
}

impl Routes {
    /// The table as it is now and will be.
    pub fn table(&self) -> watch::Receiver<Arc<Table>> {
        self.table.subscribe()
    }

    /// The file draws these.
    pub fn draw(&self, file: Drawn) {
        self.change(|sources| sources.file = file);
    }

    /// Services expose these.
    pub fn expose(&self, exposed: Vec<Placed>) {
        self.change(|sources| (sources.exposed, sources.told) = (exposed, true));
    }

    /// Services have told what they expose, if only nothing.
    pub fn are_told(&self) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).told = true;
    }

    /// Whether services have told what they expose.
    ///
    /// # Errors
    /// In words, where they have not.
    pub fn is_told(&self) -> Result<(), String> {
        let told = self.sources.lock().unwrap_or_else(PoisonError::into_inner).told;
        if told { Ok(()) } else { Err("what services expose is not known yet".to_owned()) }
    }

    fn change(&self, change: impl FnOnce(&mut Sources)) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sources);
        let Sources { file: Drawn { bots, routes }, exposed, told: _ } = &*sources;
        let all = Drawn { bots: bots.clone(), routes: routes.iter().chain(exposed).cloned().collect() };
        let (table, faults) = all.table();
        for fault in faults {
            tracing::error!(error = &fault as &dyn std::error::Error, "a route has no place beside an earlier one");
        }
        self.table.send_replace(Arc::new(table));
    }
}

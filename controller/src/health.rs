//! Health of the pods of one service against each other: what was found, and what was done about it.

use presale_crds::HealthStatus;

/// The verdict over one service's pods.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    status: Option<HealthStatus>,
}

impl Watch {
    /// For status; `None` before anybody looked.
    pub(crate) fn status(&self) -> Option<HealthStatus> {
        self.status.clone()
    }
}

//! Kill points: where a test lets the process end as `kill -9` does. Compiled in with the feature `kill-points` alone.

use clap::Args;

/// On which side of the commit of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Others have done it, and it is not written down yet.
    Before,
    /// It is written down, and so is the next step.
    After,
}

/// Where this process ends, if anywhere.
#[derive(Debug, Clone, Default, Args)]
pub struct KillPoint {
    /// Ends the process as kill -9 does at STEP:before or STEP:after, once.
    #[cfg(feature = "kill-points")]
    #[arg(long)]
    pub kill_at: Option<String>,
}

impl KillPoint {
    /// Ends the process if this is the point.
    #[cfg(feature = "kill-points")]
    pub fn reach(&self, step: &str, side: Side) {
        let side = if side == Side::Before { "before" } else { "after" };
        if self.kill_at.as_deref() == Some(format!("{step}:{side}").as_str()) {
            // The child's parent is this process; no destructor runs, nothing is flushed.
            let killed = std::process::Command::new("sh").args(["-c", "kill -9 $PPID"]).status();
            tracing::error!(?killed, "the process lives on after its kill point");
        }
    }

    /// Nothing ends here.
    #[cfg(not(feature = "kill-points"))]
    #[expect(clippy::unused_self, reason = "the same shape as with the feature")]
    pub fn reach(&self, _step: &str, _side: Side) {}
}

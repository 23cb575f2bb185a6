//! The machine itself: how idle its processors are.

use anyhow::Context;

/// Share of idle time between two looks.
#[derive(Debug, Default)]
pub(crate) struct Idleness {
    last: Option<(u64, u64)>,
}

impl Idleness {
    /// Idle share since the last look, 0..=1; 1 at the first.
    pub(crate) fn look(&mut self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string("/proc/stat").context("read /proc/stat")?;
        let now = times(&text).context("no line of all processors in /proc/stat")?;
        let (idle, all) = self.last.map_or((1, 1), |last| (now.0 - last.0, now.1 - last.1));
        self.last = Some(now);
        Ok(if all == 0 { 1.0 } else { idle as f64 / all as f64 })
    }
}

/// Idle and all ticks of all processors; waiting for a disk is idle.
fn times(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|tick| tick.parse().ok()).collect();
    Some((ticks.get(3)? + ticks.get(4)?, ticks.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_disk_counts_as_idle() {
        let text = "cpu  10 0 20 60 10 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(times(text), Some((70, 100)));
        assert_eq!(times("nothing"), None);
    }
}

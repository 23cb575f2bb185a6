//! CPU time and memory of this process, read from `/proc/self` at each scrape.

use std::time::Duration;

use shop_metrics::Process;

/// Ticks per second of `/proc/self/stat`: `USER_HZ`, 100 on every Linux architecture Rust's std supports for servers.
///
/// **Source**: Linux `include/asm-generic/param.h`.
const USER_HZ: u64 = 100;

/// This very process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisProcess;

impl Process for ThisProcess {
    fn cpu(&self) -> Option<Duration> {
        cpu(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn resident_bytes(&self) -> Option<u64> {
        resident_bytes(&std::fs::read_to_string("/proc/self/status").ok()?)
    }
}

/// Fields 14 and 15 (utime, stime), counted after the command name, which may itself hold spaces.
fn cpu(stat: &str) -> Option<Duration> {
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * (1000 / USER_HZ)))
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_documents() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1 2";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(resident_bytes("VmSize:\t  900 kB\nVmRSS:\t    12 kB\n"), Some(12 * 1024));
        assert_eq!(cpu("garbage"), None);
        assert_eq!(resident_bytes(""), None);
    }

    #[test]
    fn reads_this_process() {
        assert!(ThisProcess.cpu().is_some());
        assert!(ThisProcess.resident_bytes().unwrap() > 1 << 20);
    }
}

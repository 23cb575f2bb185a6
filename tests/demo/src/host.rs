//! The machine itself: how idle its processors are, ways from pods to its loopback, and a pod's share of its CPU.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The node as pods see it.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);

/// Opens a port on the pods' side of the host that leads to `server` on its loopback; ends with the process.
pub(crate) async fn reachable_from_pods(server: String) -> anyhow::Result<u16> {
    let listener = TcpListener::bind((HOST, 0)).await.context("listen where pods can reach")?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut pod, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(server).await {
                    // Its end is the end of both connections.
                    let _ = copy_bidirectional(&mut pod, &mut server).await;
                }
            });
        }
    });
    Ok(port)
}

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

/// Cuts a pod's CPU to `per_mille` of what its quota is now; returns the file that was changed.
///
/// The kubelet writes a pod's quota only when the pod changes, so the cut holds until the pod is gone.
pub(crate) fn cut_quota(uid: &str, per_mille: u64) -> anyhow::Result<PathBuf> {
    let (pod, file) = if unified() { (group("", uid)?, "cpu.max") } else { (group("cpu", uid)?, "cpu.cfs_quota_us") };
    let path = pod.join(file);
    let held = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut words = held.split_whitespace();
    let quota: u64 = words.next().and_then(|word| word.parse().ok()).context("the pod has no CPU limit")?;
    let cut = (quota * per_mille / 1000).max(1_000); // the kernel's least
    // The container's own quota may not exceed the pod's: it is cut first.
    for child in std::fs::read_dir(&pod)?.filter_map(Result::ok).map(|entry| entry.path().join(file)) {
        if child.is_file() && std::fs::read_to_string(&child)?.split_whitespace().next() != Some("-1") {
            write_quota(&child, cut)?;
        }
    }
    write_quota(&path, cut)?;
    Ok(path)
}

/// CPU time that a pod has taken so far. **Unit**: seconds.
pub(crate) fn cpu_seconds(uid: &str) -> anyhow::Result<f64> {
    let (path, per_second) = if unified() {
        (group("", uid)?.join("cpu.stat"), 1e6)
    } else {
        (group("cpuacct", uid)?.join("cpuacct.usage"), 1e9)
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let taken = used(&text).with_context(|| format!("no CPU time in {}", path.display()))?;
    Ok(taken / per_second)
}

/// The number of `cpuacct.usage`, or that after `usage_usec` in `cpu.stat`.
fn used(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    match words.next()? {
        "usage_usec" => words.next()?.parse().ok(),
        first => first.parse().ok(),
    }
}

fn unified() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// The control group of a pod under a controller; the controller has no name where all share one tree.
fn group(controller: &str, uid: &str) -> anyhow::Result<PathBuf> {
    let folder = Path::new("/sys/fs/cgroup").join(controller);
    let names = [format!("pod{uid}"), format!("pod{}", uid.replace('-', "_"))];
    find(&folder, &names, 4).with_context(|| format!("no control group of pod {uid} below {}", folder.display()))
}

fn write_quota(path: &Path, quota: u64) -> anyhow::Result<()> {
    let held = std::fs::read_to_string(path)?;
    let text = match held.split_whitespace().nth(1) {
        Some(period) => format!("{quota} {period}"),
        None => quota.to_string(),
    };
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// The folder whose name is, or ends with, one of `names`, at most `depth` levels down.
fn find(folder: &Path, names: &[String], depth: usize) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    let called = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        names.iter().any(|wanted| name.trim_end_matches(".slice").ends_with(wanted.as_str()))
    };
    if let Some(found) = folders.iter().find(|path| called(path)) {
        return Some(found.clone());
    }
    let nested = |path: &&PathBuf| path.to_str().is_some_and(|path| path.contains("kubepods"));
    folders.iter().filter(nested).find_map(|path| find(path, names, depth.checked_sub(1)?))
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

    #[test]
    fn cpu_time_is_read_as_either_kernel_writes_it() {
        assert_eq!(used("123456789\n"), Some(123_456_789.0));
        assert_eq!(used("usage_usec 250000\nuser_usec 200000\n"), Some(250_000.0));
        assert_eq!(used(""), None);
    }

    #[test]
    fn a_pods_group_is_found_under_either_way_of_naming_it() {
        let folder = tempfile::tempdir().unwrap();
        let pod = folder.path().join("kubepods/burstable/podab-cd");
        std::fs::create_dir_all(&pod).unwrap();
        assert_eq!(find(folder.path(), &["podab-cd".into()], 4), Some(pod));
        let sliced = folder.path().join("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_ef.slice");
        std::fs::create_dir_all(&sliced).unwrap();
        assert_eq!(find(folder.path(), &["podab-ef".into(), "podab_ef".into()], 4), Some(sliced));
        assert_eq!(find(folder.path(), &["podzz".into()], 4), None);
    }
}

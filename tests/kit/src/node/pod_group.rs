//! A pod's control group on this machine: its processes, and its share of the CPU.

use std::path::{Path, PathBuf};

use crate::KitError;

/// The kubelet's period, the kernel's least quota and longest period, in microseconds.
const PERIOD: u64 = 100_000;
const LEAST_QUOTA: u64 = 1_000;
const LONGEST_PERIOD: u64 = 1_000_000;

/// Whether all controllers share one tree (cgroup v2).
fn unified() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// Where cgroup v2 and v1 keep CPU quotas, and in which file.
fn hierarchy() -> (&'static Path, &'static str) {
    if unified() {
        (Path::new("/sys/fs/cgroup"), "cpu.max")
    } else {
        (Path::new("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us")
    }
}

/// Process ids of all containers of a pod.
pub(super) fn processes(uid: &str) -> Result<Vec<u32>, KitError> {
    let pod = group(hierarchy().0, uid)?;
    let mut ids = Vec::new();
    for folder in children(&pod)? {
        let text = read(&folder.join("cgroup.procs"))?;
        ids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
    }
    Ok(ids)
}

/// Cuts a pod's CPU to `per_mille` of its quota, the containers' own first, since none may exceed the pod's.
pub(super) fn cut_cpu(uid: &str, per_mille: u64) -> Result<(), KitError> {
    let (root, file) = hierarchy();
    let pod = group(root, uid)?;
    let unlimited = || KitError::Answer {
        doing: format!("cut the CPU of pod {uid}"),
        answer: "it has no CPU limit: one in its resources would pass".to_owned(),
    };
    let held = quota(&pod.join(file))?.ok_or_else(unlimited)?;
    let (cut, period) = cut_and_period(held * per_mille / 1000);
    for folder in children(&pod)? {
        if quota(&folder.join(file))?.is_some() {
            set_quota(&folder, file, cut, period)?;
        }
    }
    set_quota(&pod, file, cut, period)
}

/// Quota and period, in microseconds, that give `wanted` per [`PERIOD`]: below the kernel's least quota the period grows.
fn cut_and_period(wanted: u64) -> (u64, u64) {
    let cut = wanted.max(LEAST_QUOTA);
    (cut, (PERIOD * cut / wanted.max(1)).min(LONGEST_PERIOD))
}

/// The CPU that a pod's containers may use together, processors; `None` where none of them is limited.
pub(super) fn cpu_limit(uid: &str) -> Result<Option<f64>, KitError> {
    let (root, file) = hierarchy();
    let pod = group(root, uid)?;
    let mut limited = Vec::new();
    for folder in children(&pod)? {
        limited.extend(quota(&folder.join(file))?);
    }
    let containers = limited.iter().sum::<u64>();
    let held = quota(&pod.join(file))?.map_or(containers, |pod| pod.min(containers));
    Ok((!limited.is_empty()).then(|| held as f64 / PERIOD as f64))
}

/// CPU time that a pod has taken so far, in seconds.
pub(super) fn cpu_seconds(uid: &str) -> Result<f64, KitError> {
    let (root, file, per_second) = if unified() {
        (Path::new("/sys/fs/cgroup"), "cpu.stat", 1e6)
    } else {
        (Path::new("/sys/fs/cgroup/cpuacct"), "cpuacct.usage", 1e9)
    };
    let path = group(root, uid)?.join(file);
    let text = read(&path)?;
    let taken = used(&text).ok_or_else(|| KitError::Answer {
        doing: format!("read the CPU time of pod {uid} in {}", path.display()),
        answer: format!("{:?}, where a number or a line `usage_usec` with one would pass", text.trim()),
    })?;
    Ok(taken / per_second)
}

/// The number of `cpuacct.usage`, or that after `usage_usec` in `cpu.stat`.
fn used(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace().skip_while(|word| *word == "usage_usec");
    words.next()?.parse().ok()
}

/// Microseconds per period; `None` where there is no limit.
fn quota(path: &Path) -> Result<Option<u64>, KitError> {
    Ok(read(path)?.split_whitespace().next().and_then(|word| word.parse().ok()))
}

fn set_quota(group: &Path, file: &str, quota: u64, period: u64) -> Result<(), KitError> {
    let write = |file: &str, text: String| {
        let path = group.join(file);
        std::fs::write(&path, text).map_err(KitError::io(format!("write {}", path.display())))
    };
    if unified() {
        return write(file, format!("{quota} {period}"));
    }
    write(file, quota.to_string())?;
    write("cpu.cfs_period_us", period.to_string())
}

/// The pod's folder; the systemd driver writes `_` for `-` and ends it in `.slice`.
fn group(root: &Path, uid: &str) -> Result<PathBuf, KitError> {
    let names = [format!("pod{uid}"), format!("pod{}", uid.replace('-', "_"))];
    let found = find(root, &names, 4)?;
    found.ok_or_else(|| KitError::Answer {
        doing: format!("find the control group of pod {uid} below {}", root.display()),
        answer: "there is none: has the pod ended?".to_owned(),
    })
}

/// The folder whose name ends with one of `names`, at most `depth` levels of Kubernetes' groups down.
fn find(folder: &Path, names: &[String], depth: usize) -> Result<Option<PathBuf>, KitError> {
    let folders = children(folder)?;
    let called = |path: &&PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        names.iter().any(|wanted| name.trim_end_matches(".slice").ends_with(wanted.as_str()))
    };
    if let Some(found) = folders.iter().find(called) {
        return Ok(Some(found.clone()));
    }
    if depth == 0 {
        return Ok(None);
    }
    for path in folders.iter().filter(|path| path.to_str().is_some_and(|path| path.contains("kubepods"))) {
        if let Some(found) = find(path, names, depth - 1)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, KitError> {
    let doing = || KitError::io(format!("list {}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(doing())?;
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

fn read(path: &Path) -> Result<String, KitError> {
    std::fs::read_to_string(path).map_err(KitError::io(format!("read {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_as_either_kernel_writes_it() {
        assert_eq!(used("123456789\n"), Some(123_456_789.0));
        assert_eq!(used("usage_usec 250000\nuser_usec 200000\n"), Some(250_000.0));
        assert_eq!(used(""), None);
    }

    #[test]
    fn below_the_kernels_least_quota_the_period_grows() {
        assert_eq!(cut_and_period(4_000), (4_000, 100_000));
        assert_eq!(cut_and_period(400), (1_000, 250_000));
        assert_eq!(cut_and_period(0), (1_000, 1_000_000));
    }

    #[test]
    fn a_pods_group_is_found_under_either_way_of_naming_it() {
        let root = crate::scratch::folder("groups").unwrap();
        let pod = root.join("kubepods/burstable/podab-cd");
        std::fs::create_dir_all(&pod).unwrap();
        assert_eq!(group(&root, "ab-cd").unwrap(), pod);
        let sliced = root.join("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab_ef.slice");
        std::fs::create_dir_all(&sliced).unwrap();
        assert_eq!(group(&root, "ab-ef").unwrap(), sliced);
        assert!(group(&root, "zz").unwrap_err().to_string().contains("pod zz"));
    }
}

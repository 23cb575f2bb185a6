//! A pod's control group on this machine: its processes, and its share of the CPU.

use std::path::{Path, PathBuf};

use crate::KitError;

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
    let cut = (held * per_mille / 1000).max(1_000); // the kernel's least
    for path in children(&pod)?.into_iter().map(|child| child.join(file)) {
        if quota(&path)?.is_some() {
            set_quota(&path, cut)?;
        }
    }
    set_quota(&pod.join(file), cut)
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

fn set_quota(path: &Path, quota: u64) -> Result<(), KitError> {
    let text = match read(path)?.split_whitespace().nth(1) {
        Some(period) => format!("{quota} {period}"),
        None => quota.to_string(),
    };
    std::fs::write(path, text).map_err(KitError::io(format!("write {}", path.display())))
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

//! The ground itself: it runs pods, heals after a crash, changes hands between checkouts, and leaves nothing behind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use test_kit::Node;
use tokio::process::Command;
use tokio::sync::Mutex;

/// There is one ground per machine: these tests take turns.
static TURN: Mutex<()> = Mutex::const_new(());

const POD: &[&str] = &["run", "probe", "--image=localhost/pause:1", "--image-pull-policy=Never"];

#[tokio::test]
async fn up_with_a_running_pod_and_down_leaves_nothing_behind() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    Node::down().await?;
    let before = Machine::look().await?;
    let node = Node::up().await?;
    run_pod(&node).await?;
    let during = Machine::look().await?;
    for (what, there) in during.without(&before) {
        assert!(!there.is_empty(), "a running ground shows no {what}: this test would see nothing left either");
    }
    Node::down().await?;
    for (what, left) in Machine::look().await?.without(&before) {
        assert!(left.is_empty(), "{what} left behind: {left:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_second_up_finds_the_same_servers() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    Node::up().await?;
    let first = servers()?;
    Node::up().await?;
    assert_eq!(servers()?, first);
    assert_eq!(first.len(), 9, "{first:?}");
    Ok(())
}

#[tokio::test]
async fn a_crash_in_the_middle_is_healed_by_the_next_up() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    let node = Node::up().await?;
    run_pod(&node).await?;
    for server in ["containerd", "etcd", "kubelet"] {
        let id = server_id(server)?;
        anyhow::ensure!(Command::new("kill").args(["-KILL", &id]).status().await?.success(), "kill {server} ({id})");
    }
    let healed = Node::up().await?;
    run_pod(&healed).await
}

#[tokio::test]
async fn an_up_that_was_cut_short_is_healed_by_the_next_up() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    Node::down().await?;
    let mut up = Command::new(script()).arg("up").kill_on_drop(true).spawn()?;
    let begun = async {
        while server_id("kube-apiserver").is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), begun).await.context("no apiserver was started")?;
    up.kill().await?;
    assert!(!Path::new("/run/presale-ground/up").exists(), "it was cut too late to prove anything");
    let healed = Node::up().await?;
    run_pod(&healed).await
}

#[tokio::test]
async fn another_checkout_takes_over_and_takes_down_what_the_first_left() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    Node::up().await?;
    let first = servers()?;
    let other = tempfile::tempdir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in ["tests/cluster", "deploy/images"] {
        let to = other.path().join(part);
        std::fs::create_dir_all(&to)?;
        let copied = Command::new("cp").arg("-a").arg(root.join(part).join(".")).arg(&to).status().await?;
        anyhow::ensure!(copied.success(), "copy {part}");
    }
    let script = other.path().join("tests/cluster/ground.sh");
    anyhow::ensure!(Command::new(&script).arg("up").status().await?.success(), "up from another checkout");
    assert_eq!(servers()?, first, "the same inputs take over what runs");
    let recorded = std::fs::read_to_string("/run/presale-ground/checkout")?;
    assert_eq!(Path::new(recorded.trim()), other.path().join("tests/cluster"));
    anyhow::ensure!(Command::new(&script).arg("down").status().await?.success(), "down from another checkout");
    assert!(!Path::new("/run/presale-ground").exists());
    Ok(())
}

/// What a ground could leave on a machine. Other programs come and go meanwhile, so processes are those that name the
/// ground or are in a pod's cgroup, and rules those of Kubernetes and CNI.
struct Machine(Vec<(&'static str, BTreeSet<String>)>);

impl Machine {
    async fn look() -> anyhow::Result<Self> {
        Ok(Self(vec![
            ("processes", processes()?),
            ("mounts", matching(&std::fs::read_to_string("/proc/mounts")?, &["presale-ground", "/run/netns"])),
            ("network namespaces", names(Path::new("/run/netns"))),
            ("links", names(Path::new("/sys/class/net"))),
            (
                "rules",
                matching(&(output("iptables-save").await? + &output("ip6tables-save").await?), &["KUBE-", "CNI-"]),
            ),
            ("cgroups", matching(&output("find /sys/fs/cgroup -type d").await?, &["kubepods"])),
            ("files", files()),
        ]))
    }

    fn without(self, before: &Self) -> Vec<(&'static str, BTreeSet<String>)> {
        let pairs = self.0.into_iter().zip(&before.0);
        pairs.map(|((what, now), (_, then))| (what, now.difference(then).cloned().collect())).collect()
    }
}

fn processes() -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc")? {
        let folder = entry?.path();
        // A process may end while it is looked at.
        let command = std::fs::read_to_string(folder.join("cmdline")).unwrap_or_default().replace('\0', " ");
        let cgroup = std::fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
        if command.contains("/presale-ground") || cgroup.contains("kubepods") {
            found.insert(format!("{} {command}", folder.display()));
        }
    }
    Ok(found)
}

/// Places where a node keeps things, ours and those that Kubernetes programs choose themselves.
fn files() -> BTreeSet<String> {
    let places =
        ["/run/presale-ground", "/var/lib/presale-ground", "/run/containerd", "/var/lib/cni", "/var/lib/kubelet"];
    places
        .into_iter()
        .chain(["/var/log/containers", "/var/log/pods"])
        .flat_map(|place| below(Path::new(place)))
        .collect()
}

fn below(place: &Path) -> BTreeSet<String> {
    let here = place.exists().then(|| place.display().to_string());
    let inside = names(place).into_iter().map(|name| place.join(name).display().to_string());
    here.into_iter().chain(inside).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn matching(text: &str, words: &[&str]) -> BTreeSet<String> {
    text.lines().filter(|line| words.iter().any(|word| line.contains(word))).map(str::to_owned).collect()
}

async fn output(command: &str) -> anyhow::Result<String> {
    let mut words = command.split(' ');
    let program = words.next().context("an empty command")?;
    let output = Command::new(program).args(words).output().await.with_context(|| command.to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn run_pod(node: &Node) -> anyhow::Result<()> {
    let namespace = node.namespace().await?;
    node.kubectl(&[POD, &["-n", &namespace]].concat()).await?;
    node.kubectl(&["wait", "pod/probe", "--for=condition=Ready", "--timeout=60s", "-n", &namespace]).await?;
    Ok(())
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/ground.sh")
}

/// The recorded servers, by name, process id and start time.
fn servers() -> anyhow::Result<BTreeSet<String>> {
    let folder = Path::new("/run/presale-ground/processes");
    let read = |name: String| anyhow::Ok(format!("{name} {}", std::fs::read_to_string(folder.join(&name))?));
    names(folder).into_iter().map(read).collect()
}

fn server_id(name: &str) -> anyhow::Result<String> {
    let record = std::fs::read_to_string(Path::new("/run/presale-ground/processes").join(name))?;
    Ok(record.split(' ').next().context("an empty record")?.to_owned())
}

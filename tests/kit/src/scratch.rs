//! One temporary folder per test process, removed when that process is gone, however it went.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::KitError;

/// The folder, and the reaper whose standard input stays open for as long as the test process lives.
static ROOT: LazyLock<std::io::Result<(PathBuf, Child)>> = LazyLock::new(create_root);
static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// Reads until the test process is gone, gives its servers a moment to die, then removes the folder.
const REAPER: &str = "cat >/dev/null; [ -d \"$1\" ] || exit 0; sleep 1; rm -rf -- \"$1\"; sleep 4; rm -rf -- \"$1\"";

/// A new empty folder for one part, readable by everyone (PostgreSQL runs as its own user); it goes with this process.
///
/// # Errors
/// [`KitError::Io`] where it cannot be made.
pub fn folder(part: &str) -> Result<PathBuf, KitError> {
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let path = root()?.join(format!("{part}-{number}"));
    std::fs::create_dir(&path).map_err(KitError::io(format!("create {}", path.display())))?;
    Ok(path)
}

/// Removes every folder at once, where nothing uses them any more, instead of leaving it to the reaper.
///
/// # Errors
/// [`KitError::Io`] where something in them cannot be removed.
pub fn clear() -> Result<(), KitError> {
    let root = root()?;
    std::fs::remove_dir_all(root).map_err(KitError::io(format!("remove {}", root.display())))
}

fn root() -> Result<&'static Path, KitError> {
    match &*ROOT {
        Ok((path, _)) => Ok(path),
        Err(error) => Err(KitError::Io {
            doing: format!("create a folder in {}", std::env::temp_dir().display()),
            source: std::io::Error::new(error.kind(), error.to_string()),
        }),
    }
}

fn create_root() -> std::io::Result<(PathBuf, Child)> {
    let path = std::env::temp_dir().join(format!("presale-test-{}", std::process::id()));
    std::fs::create_dir_all(&path)?;
    let reaper = Command::new("sh")
        .args(["-c", REAPER, "reaper"])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0) // Ctrl-C ends the tests, not their reaper
        .spawn()?;
    Ok((path, reaper))
}

//! Where the real programs are: named by the environment, or built by us, or installed by Debian.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::KitError;

/// The path of one of our control-plane tools.
///
/// Looked up as controller-runtime does: `TEST_ASSET_KUBE_APISERVER` and the like, then the folder
/// `KUBEBUILDER_ASSETS`, then what `make tools` built.
///
/// # Errors
/// [`KitError::Missing`] with the command that builds it; a test shall fail with it, not skip.
pub fn tool(name: &str) -> Result<PathBuf, KitError> {
    let variable = format!("TEST_ASSET_{}", name.to_uppercase().replace('-', "_"));
    let named = std::env::var_os(variable).map(PathBuf::from);
    let beside = std::env::var_os("KUBEBUILDER_ASSETS").map(|folder| Path::new(&folder).join(name));
    if let Some(found) = [named, beside].into_iter().flatten().find(|path| path.is_file()) {
        return Ok(found);
    }
    built(name)
}

/// The script that knows what is built where answers in about 30 ms; it never builds here.
fn built(name: &str) -> Result<PathBuf, KitError> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../cluster/tools.sh");
    let output =
        Command::new(script).args(["--where", name]).output().map_err(KitError::io(format!("run {script}")))?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && path.is_file() {
        Ok(path)
    } else {
        Err(KitError::Missing { part: name.to_owned(), cure: "make tools".to_owned() })
    }
}

/// The path of a server program that a Debian package keeps off the search path, the newest version first.
///
/// # Errors
/// [`KitError::Missing`] with the command that installs the package.
pub fn debian_binary(package: &str, name: &str) -> Result<PathBuf, KitError> {
    let missing = || KitError::Missing {
        part: format!("{name} (Debian package {package})"),
        cure: format!("apt-get install -y {package}"),
    };
    let versions = std::fs::read_dir(Path::new("/usr/lib").join(package)).map_err(|_| missing())?;
    let newest = versions
        .filter_map(Result::ok)
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.is_file())
        .max_by_key(|path| version_of(path));
    newest.ok_or_else(missing)
}

fn version_of(binary: &Path) -> u32 {
    let version = binary.ancestors().nth(2).and_then(Path::file_name);
    version.and_then(|name| name.to_str()).and_then(|name| name.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_names_the_command_that_builds_it() {
        let refused = tool("no-such-tool").expect_err("nobody builds this");
        assert_eq!(refused.to_string(), "no-such-tool is missing: run `make tools` and try again");
    }

    #[test]
    fn a_missing_package_names_the_command_that_installs_it() {
        let refused = debian_binary("postgresql", "no-such-server").expect_err("nobody packages this");
        assert!(refused.to_string().contains("run `apt-get install -y postgresql`"), "{refused}");
    }
}

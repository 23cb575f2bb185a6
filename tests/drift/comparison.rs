//! Rendered files compared with those that lie in the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// Fails where the repository's files are not what was rendered; under `UPDATE=1` it makes them so first.
pub(crate) fn assert_no_drift(rendered: &BTreeMap<String, String>) {
    if std::env::var_os("UPDATE").is_some() {
        write(&root(), rendered).expect("the rendered files can be written");
    }
    assert_eq!(drift(&root(), rendered), Vec::<String>::new());
}

/// Writes rendered files below `root` and removes files that nothing renders from their directories.
pub(crate) fn write(root: &Path, rendered: &BTreeMap<String, String>) -> std::io::Result<()> {
    for (path, text) in rendered {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(root))?;
        std::fs::write(path, text)?;
    }
    for stray in strays(root, rendered) {
        std::fs::remove_file(root.join(stray))?;
    }
    Ok(())
}

/// What differs between rendered files and those below `root`, in both directions.
pub(crate) fn drift(root: &Path, rendered: &BTreeMap<String, String>) -> Vec<String> {
    let differs = rendered.iter().filter_map(|(path, text)| match std::fs::read_to_string(root.join(path)) {
        Ok(held) if held == *text => None,
        Ok(_) => Some(format!("{path} differs from its source: run `make generate`")),
        Err(error) => Some(format!("{path}: {error}: run `make generate`")),
    });
    let strays = strays(root, rendered);
    let strays = strays.iter().map(|path| format!("{path} is rendered by nothing: remove it, or render it"));
    differs.chain(strays).collect()
}

/// Files of a rendered kind that lie beside rendered files and are rendered by nothing.
fn strays(root: &Path, rendered: &BTreeMap<String, String>) -> Vec<String> {
    let kind = |path: &str| {
        let path = Path::new(path);
        (path.parent().map(Path::to_path_buf), path.extension().map(ToOwned::to_owned))
    };
    let kinds: BTreeSet<_> = rendered.keys().map(|path| kind(path)).collect();
    let directories: BTreeSet<_> = kinds.iter().filter_map(|(directory, _)| directory.clone()).collect();
    let mut found = Vec::new();
    for directory in directories {
        for entry in std::fs::read_dir(root.join(&directory)).into_iter().flatten().filter_map(Result::ok) {
            let path = directory.join(entry.file_name()).display().to_string();
            if kinds.contains(&kind(&path)) && !rendered.contains_key(&path) {
                found.push(path);
            }
        }
    }
    found
}

//! The CRDs, in `crds/` and in the Helm chart, against the API types.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use presale_crds::render;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// What differs between rendered files and those below `root`, in both directions.
fn drift(root: &Path, rendered: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut directories = BTreeSet::new();
    for (path, text) in rendered {
        directories.extend(Path::new(path).parent().map(Path::to_path_buf));
        match std::fs::read_to_string(root.join(path)) {
            Ok(held) if held == *text => {}
            Ok(_) => faults.push(format!("{path} differs from its source: run `make generate`")),
            Err(error) => faults.push(format!("{path}: {error}: run `make generate`")),
        }
    }
    for directory in directories {
        for entry in std::fs::read_dir(root.join(&directory)).into_iter().flatten().filter_map(Result::ok) {
            let path = directory.join(entry.file_name()).display().to_string();
            if path.ends_with(".yaml") && !rendered.contains_key(&path) {
                faults.push(format!("{path} is rendered by nothing: remove it, or render it"));
            }
        }
    }
    faults
}

#[test]
fn the_crds_are_what_the_types_render() {
    let rendered = render().expect("the types render");
    assert_eq!(rendered.len(), 4, "two kinds, each for kubectl and for Helm");
    assert_eq!(drift(&root(), &rendered), Vec::<String>::new());
}

#[test]
fn a_changed_a_missing_and_a_stray_file_are_found() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let rendered = render().expect("the types render");
    for (path, text) in &rendered {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("files lie in directories")).expect("make a directory");
        std::fs::write(path, text).expect("write a file");
    }
    assert_eq!(drift(folder.path(), &rendered), Vec::<String>::new());
    std::fs::write(folder.path().join("crds/shopservices.yaml"), "edited by hand").expect("write a file");
    std::fs::remove_file(folder.path().join("crds/promotionevents.yaml")).expect("remove a file");
    std::fs::write(folder.path().join("crds/stray.yaml"), "").expect("write a file");
    let faults = drift(folder.path(), &rendered).join("\n");
    for words in ["shopservices.yaml differs", "promotionevents.yaml: ", "stray.yaml is rendered by nothing"] {
        assert!(faults.contains(words), "{words:?} is missing in {faults}");
    }
}

//! The CRDs, in `crds/` and in the Helm chart, against the API types.

use presale_crds::render;

use crate::comparison::{assert_no_drift, drift, write};

#[test]
fn the_crds_are_what_the_types_render() {
    let rendered = render().expect("the types render");
    assert_eq!(rendered.len(), 4, "two kinds, each for kubectl and for Helm");
    assert_no_drift(&rendered);
}

#[test]
fn a_changed_a_missing_and_a_stray_file_are_found_and_healed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let rendered = render().expect("the types render");
    write(folder.path(), &rendered).expect("write the files");
    assert_eq!(drift(folder.path(), &rendered), Vec::<String>::new());
    std::fs::write(folder.path().join("crds/shopservices.yaml"), "edited by hand").expect("write a file");
    std::fs::remove_file(folder.path().join("crds/promotionevents.yaml")).expect("remove a file");
    std::fs::write(folder.path().join("crds/stray.yaml"), "").expect("write a file");
    std::fs::write(folder.path().join("crds/Cargo.toml"), "").expect("write a file of another kind");
    let faults = drift(folder.path(), &rendered).join("\n");
    for words in ["shopservices.yaml differs", "promotionevents.yaml: ", "stray.yaml is rendered by nothing"] {
        assert!(faults.contains(words), "{words:?} is missing in {faults}");
    }
    write(folder.path(), &rendered).expect("heal the files");
    assert_eq!(drift(folder.path(), &rendered), Vec::<String>::new());
    assert!(folder.path().join("crds/Cargo.toml").is_file(), "files of another kind are not ours to remove");
}

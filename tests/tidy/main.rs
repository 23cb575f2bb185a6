//! House rules that a program checks: heads, lengths, names, lints and the paths that must not be in a repository.
#![expect(clippy::expect_used, reason = "the makers of test data are not test functions")]

use std::path::{Path, PathBuf};
use std::process::Command;

const LONGEST_FILE: usize = 400;
const FORBIDDEN_STEMS: &[&str] = &["utils", "util", "common", "helpers", "helper", "manager", "mod", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// Files that git tracks, or would track: what a clean checkout holds.
fn tracked(root: &Path) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git lists the files of the checkout");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .expect("file names are UTF-8")
        .lines()
        .map(PathBuf::from)
        .filter(|p| root.join(p).is_file())
        .collect()
}

/// What is wrong with one Rust file.
fn faults_of_rust(path: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = path.display();
    if !text.starts_with("//!") {
        faults.push(format!("{name} does not open with `//!`: say its job in one sentence"));
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        faults.push(format!("{name} has {lines} lines: split it by idea, {LONGEST_FILE} would pass"));
    }
    let stem = path.file_stem().map(|s| s.to_string_lossy().to_lowercase()).unwrap_or_default();
    if FORBIDDEN_STEMS.contains(&stem.as_str()) {
        faults.push(format!("{name}: `{stem}` says nothing, name the file for its idea"));
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("#[ignore") || code.starts_with("#[allow(") {
            faults.push(format!(
                "{name}:{}: `{code}`: tests are not ignored, lints are `expect`ed with a reason",
                number + 1
            ));
        }
    }
    faults
}

/// What is wrong with one crate's manifest.
fn faults_of_manifest(path: &Path, text: &str) -> Vec<String> {
    if path == Path::new("Cargo.toml") || text.contains("[lints]\nworkspace = true") {
        Vec::new()
    } else {
        vec![format!("{} lacks `[lints] workspace = true`", path.display())]
    }
}

/// Paths of a developer's machine that must not be in any file.
fn faults_of_text(path: &Path, text: &str) -> Vec<String> {
    let private = [concat!("/work", "/"), concat!("/root", "/"), concat!("/home", "/")];
    text.lines()
        .enumerate()
        .filter(|(_, line)| private.iter().any(|p| line.contains(p)))
        .map(|(n, line)| format!("{}:{}: a path of one machine: {}", path.display(), n + 1, line.trim()))
        .collect()
}

#[test]
fn the_house_is_tidy() {
    let root = root();
    let mut faults = Vec::new();
    for path in tracked(&root) {
        let Ok(text) = std::fs::read_to_string(root.join(&path)) else { continue };
        let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
        if extension == "rs" {
            faults.extend(faults_of_rust(&path, &text));
        }
        if path.file_name().is_some_and(|n| n == "Cargo.toml") {
            faults.extend(faults_of_manifest(&path, &text));
        }
        if extension != "sum" && path != Path::new("Cargo.lock") {
            faults.extend(faults_of_text(&path, &text));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn planted_faults_are_found() {
    let series = Path::new("models/src/series.rs");
    let long = format!("//! Series.\n{}", "\n".repeat(LONGEST_FILE));
    let plants = [
        (series, "fn main() {}\n", "does not open with"),
        (series, long.as_str(), "lines: split it by idea"),
        (Path::new("models/src/utils.rs"), "//! Things.\n", "says nothing"),
        (Path::new("models/src/series/mod.rs"), "//! Series.\n", "says nothing"),
        (series, "//! Series.\n    #[ignore = \"slow\"]\n", "tests are not ignored"),
        (series, "//! Series.\n#[allow(dead_code)]\n", "lints are `expect`ed"),
    ];
    for (path, text, words) in plants {
        let faults = faults_of_rust(path, text);
        assert!(faults.len() == 1 && faults[0].contains(words), "{words:?} is not what was found: {faults:?}");
    }
    assert!(faults_of_rust(series, "//! Series.\n").is_empty());
    assert_eq!(faults_of_manifest(Path::new("models/Cargo.toml"), "[package]\n").len(), 1);
    assert_eq!(faults_of_text(Path::new("README.md"), concat!("see /ro", "ot/x")).len(), 1);
}

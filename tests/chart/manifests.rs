//! Helm and kubectl as the tests run them, and what they render.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use test_kit::{ApiServer, tool};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// The chart's folder.
pub(crate) fn chart() -> String {
    root().join("deploy/charts/presale").display().to_string()
}

/// Runs Helm with a home of its own and returns what it says.
pub(crate) fn helm(arguments: &[&str]) -> anyhow::Result<String> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(tool("helm")?);
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(variable, home.path());
    }
    let output = command.args(arguments).current_dir(root()).output().context("run helm")?;
    said(output).with_context(|| format!("helm {}", arguments.join(" ")))
}

/// Runs kubectl against a server, with `input` as its standard input.
pub(crate) fn kubectl(server: &ApiServer, arguments: &[&str], input: &str) -> anyhow::Result<String> {
    let mut command = Command::new(tool("kubectl")?);
    command.arg("--kubeconfig").arg(server.kubeconfig()).args(arguments);
    feed(command, input).with_context(|| format!("kubectl {}", arguments.join(" ")))
}

/// Runs a program with `input` as its standard input and returns what it says.
pub(crate) fn feed(mut command: Command, input: &str) -> anyhow::Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that needs no input may have closed it; what it says tells.
        let _ = pipe.write_all(input.as_bytes());
    }
    said(child.wait_with_output()?)
}

fn said(output: Output) -> anyhow::Result<String> {
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
    ensure!(output.status.success(), "{}: {err}{out}", output.status);
    Ok(out)
}

/// The chart's manifests, with values of a file where one is named.
pub(crate) fn render(values: Option<&str>) -> anyhow::Result<String> {
    let (chart, file) = (chart(), values.map(|path| root().join(path).display().to_string()));
    let mut arguments = vec!["template", "presale", &chart, "--namespace", "presale-system"];
    if let Some(file) = &file {
        arguments.extend(["--values", file]);
    }
    helm(&arguments)
}

/// Documents of a rendered stream.
pub(crate) fn documents(rendered: &str) -> anyhow::Result<Vec<Value>> {
    use serde::Deserialize as _;
    let read = serde_norway::Deserializer::from_str(rendered).map(Value::deserialize);
    Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|document| !document.is_null()).collect())
}

/// Scalars of a tree of values by path; `true` and `false` leave no word of their own and are left out, as empty
/// lists and maps are in what is rendered.
pub(crate) fn leaves(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, inner) in map {
                leaves(inner, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, inner) in items.iter().enumerate() {
                leaves(inner, &format!("{path}/{at}"), found);
            }
        }
        Value::Bool(_) => {}
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

//! A real autoscaler as a program: histories in on standard input, replica counts out, and the comparison with ours.

use std::io::Write;
use std::process::{Command, Stdio};

use serde::Serialize;
use test_kit::tool;

/// Histories of every comparison; the target is a thousand.
pub(crate) const HISTORIES: usize = 1200;

/// What the tool answers: one list of counts per history.
pub(crate) fn replay<H: Serialize>(name: &str, histories: &[H]) -> Vec<Vec<u32>> {
    let program = tool(name).unwrap_or_else(|missing| panic!("{missing}"));
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the tool can be started");
    let input = serde_json::to_vec(histories).expect("histories are JSON");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the tool ends");
    writer.join().expect("the writer ends").expect("the tool reads all of its input");
    assert!(output.status.success(), "{name} ended with {}", output.status);
    // A line of the test that carries the fake clock may come first.
    let answer = output.stdout.split(|byte| *byte == b'\n').find(|line| line.starts_with(b"[["));
    serde_json::from_slice(answer.expect("the tool answers with lists of counts")).expect("counts are JSON")
}

/// Fails with the first step that differs of up to five histories.
pub(crate) fn compare<H: Serialize>(histories: &[H], theirs: &[Vec<u32>], ours: impl Fn(&H) -> Vec<u32>) {
    assert_eq!(theirs.len(), histories.len(), "one answer per history");
    let mut apart = Vec::new();
    for (index, (history, theirs)) in histories.iter().zip(theirs).enumerate() {
        let ours = ours(history);
        assert_eq!(ours.len(), theirs.len(), "history {index}: one count per step");
        if let Some(step) = (0..ours.len()).find(|step| ours[*step] != theirs[*step]) {
            let shown = step.saturating_sub(25)..=step;
            let (ours, theirs) = (&ours[shown.clone()], &theirs[shown]);
            let history = serde_json::to_string(history).expect("histories are JSON");
            apart.push(format!("history {index}, step {step}\n  ours   {ours:?}\n  theirs {theirs:?}\n  {history}"));
        }
    }
    let shown = apart.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(apart.is_empty(), "{} of {} histories differ:\n{shown}", apart.len(), histories.len());
}

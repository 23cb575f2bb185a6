//! What an alert is: when it fires, what it says, and what the one who is woken can do about it.

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Now.
    Critical,
    /// Today.
    Warning,
    /// When there is time.
    Info,
}

impl Severity {
    /// The label's value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One alert and its page of the runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Name, in `PascalCase`.
    pub name: &'static str,
    /// How soon.
    pub severity: Severity,
    /// Condition.
    pub expr: String,
    /// How long the condition must hold, as Prometheus writes durations.
    pub hold: &'static str,
    /// One line with the object's name in it.
    pub summary: &'static str,
    /// What is the case, for a person.
    pub meaning: &'static str,
    /// What users notice.
    pub impact: &'static str,
    /// Commands that tell the cause.
    pub diagnosis: &'static [&'static str],
    /// What helps.
    pub mitigation: &'static str,
}

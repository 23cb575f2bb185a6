//! The runbook: one page per alert, for the one who was woken by it.

use std::fmt::Write as _;

use crate::alerts;

/// Markdown with one heading per alert, in the order of urgency.
pub(crate) fn text() -> String {
    let mut text = "<!-- Generated from the alerts: edit dashboards/src/alerts.rs, then run `make generate`. -->\n\
                    # Runbook\n\n\
                    NAMESPACE and SERVICE stand for the alert's labels. A dead operator changes no replica count: there \
                    is time to read.\n"
        .to_owned();
    for alert in alerts() {
        let commands = alert.diagnosis.join("\n");
        let _ = write!(
            text,
            "\n## {}\n\nSeverity {}; fires when `{}` holds for {}.\n\n**Meaning.** {}\n\n**Impact.** {}\n\n\
             **Diagnosis.**\n```sh\n{commands}\n```\n\n**Mitigation.** {}\n",
            alert.name,
            alert.severity.label(),
            alert.expr,
            alert.hold,
            alert.meaning,
            alert.impact,
            alert.mitigation,
        );
    }
    text
}

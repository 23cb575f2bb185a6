//! Pieces of queries: quoted strings, label matchers over a set of services, durations.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::{Labels, ServiceKey};

/// Label that tells the parts of one combined query apart.
pub(crate) const PART: &str = "presale_part";

/// Joins named expressions into one query whose series carry their part's name in [`PART`].
pub(crate) fn combined(parts: &[(String, String)]) -> String {
    let named = |(name, expression): &(String, String)| {
        format!("label_replace({expression}, {}, {}, \"\", \"\")", quoted(PART), quoted(name))
    };
    parts.iter().map(named).collect::<Vec<_>>().join(" or ")
}

/// A double-quoted string literal.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            _ => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

/// `label=~"a|b"` for literal values.
pub(crate) fn any_of<'a>(label: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let distinct: BTreeSet<&str> = values.into_iter().collect();
    let escaped: Vec<String> = distinct.into_iter().map(regex_literal).collect();
    format!("{label}=~{}", quoted(&escaped.join("|")))
}

/// Matchers, without braces, that hold for the series of these services (and of no other namespace or name).
pub(crate) fn of_services(labels: &Labels, keys: &[&ServiceKey]) -> String {
    let namespaces = any_of(&labels.namespace, keys.iter().map(|key| key.namespace.as_str()));
    let services = any_of(&labels.service, keys.iter().map(|key| key.service.as_str()));
    format!("{namespaces},{services}")
}

/// A duration in milliseconds, in the unit that a query reads everywhere.
pub(crate) fn span(duration: Duration) -> String {
    format!("{}ms", duration.as_millis().max(1))
}

/// The first 200 characters, for messages.
pub(crate) fn shortened(query: &str) -> String {
    match query.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &query[..end]),
        None => query.to_owned(),
    }
}

/// RE2 that matches exactly `text`.
pub(crate) fn regex_literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' || c == '-' {
            pattern.push(c);
        } else {
            let _ = write!(pattern, "\\{c}");
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        assert_eq!(any_of("service", ["a.b", "a\"b", "a"]), r#"service=~"a|a\\\"b|a\\.b""#);
        assert_eq!(quoted("a\\b\"c\nd"), r#""a\\b\"c\nd""#);
    }

    #[test]
    fn parts_are_told_apart_by_a_label() {
        let query = combined(&[("load".to_owned(), "sum(x)".to_owned()), ("at".to_owned(), "y".to_owned())]);
        assert_eq!(
            query,
            r#"label_replace(sum(x), "presale_part", "load", "", "") or label_replace(y, "presale_part", "at", "", "")"#
        );
    }
}

//! Label selectors as a scale subresource states them: one string in the query syntax of the API server.

use std::collections::BTreeSet;

use kube::core::{Expression, Selector};

/// Parses `a=b,c in (d,e),!f`. `None` for an empty selector (it would select every pod) or one that cannot be read.
///
/// **Source**: the grammar of `labels.Parse` in apimachinery; numeric comparisons are not among what workloads state.
pub fn parse(text: &str) -> Option<Selector> {
    let requirements = split(text);
    if requirements.is_empty() {
        return None;
    }
    requirements.into_iter().map(requirement).collect::<Option<Vec<_>>>().map(|all| all.into_iter().collect())
}

/// Splits at the commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn requirement(text: &str) -> Option<Expression> {
    if let Some((key, values)) = text.split_once(" notin ") {
        return Some(Expression::NotIn(word(key)?, set(values)?));
    }
    if let Some((key, values)) = text.split_once(" in ") {
        return Some(Expression::In(word(key)?, set(values)?));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Expression::NotEqual(word(key)?, value.trim().to_owned()));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Expression::Equal(word(key)?, value.trim().to_owned()));
    }
    match text.strip_prefix('!') {
        Some(key) => Some(Expression::DoesNotExist(word(key)?)),
        None => Some(Expression::Exists(word(text)?)),
    }
}

fn set(text: &str) -> Option<BTreeSet<String>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
}

fn word(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.contains([' ', '(', ')', '<', '>'])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::SelectorExt;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn reads_every_form_that_a_workload_states() {
        let selector =
            parse("app=orders,tier in (web, api),env notin (dev),stage!=canary,!legacy,owner").expect("selector");
        let fits = [("app", "orders"), ("tier", "api"), ("env", "live"), ("stage", "main"), ("owner", "x")];
        assert!(selector.matches(&labels(&fits)));
        for (key, value) in [("app", "other"), ("tier", "db"), ("env", "dev"), ("stage", "canary"), ("legacy", "")] {
            let mut broken = labels(&fits);
            broken.insert(key.to_owned(), value.to_owned());
            assert!(!selector.matches(&broken), "{key}={value}");
        }
        let mut ownerless = labels(&fits);
        ownerless.remove("owner");
        assert!(!selector.matches(&ownerless));
    }

    #[test]
    fn an_empty_or_unreadable_selector_selects_nothing() {
        for text in ["", " , ", "a in b", "(x)", "a > 3"] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }
}

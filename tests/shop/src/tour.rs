//! A walk through the shop that can be pasted into a shell, line by line.

const TOUR: &str = include_str!("tour.sh");

/// The walk through the shop at this URL, which sells `sku` of the product `product`, with its administrators' token:
/// comments, and one command per line.
pub fn tour(url: &str, product: &str, sku: &str, admin: &str) -> String {
    let words = [("URL", url), ("PRODUCT", product), ("SKU", sku), ("ADMIN", admin)];
    words.into_iter().fold(TOUR.to_owned(), |text, (word, value)| text.replace(word, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_open_and_every_variable_is_set_before_it_is_used() {
        let text = tour("http://127.0.0.1:1", "p", "s", "a");
        assert!(!["URL", "PRODUCT", "SKU", "ADMIN"].iter().any(|word| text.contains(word)), "{text}");
        let mut set = Vec::new();
        for line in text.lines() {
            for name in ["TOKEN", "TAG", "QUOTE", "ORDER"] {
                let used = line.contains(&format!("${name}")) || line.contains(&format!("${{{name}"));
                assert!(!used || set.contains(&name), "{name} in {line}");
                if line.starts_with(&format!("{name}=")) {
                    set.push(name);
                }
            }
        }
        assert_eq!(set.len(), 4);
    }
}

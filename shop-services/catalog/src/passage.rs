//! The passage of a description that answers a search best, with the search words marked in it.

use shop_contracts::catalog::Mark;

/// Words in an excerpt.
const WINDOW: usize = 28;

/// A passage and where the search words stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// A run of whole words.
    pub text: String,
    /// Byte ranges of matching words in `text`.
    pub marks: Vec<Mark>,
}

/// The first words of `text`, nothing marked.
pub fn beginning(text: &str) -> Passage {
    let words = words(text);
    Passage { text: slice(text, &words, 0).to_owned(), marks: Vec::new() }
}

/// The window of words with the most distinct search words, then the most matches, the earliest first.
///
/// Words match by their stem, as the full-text index does, approximated by dropping English endings.
pub fn best(text: &str, query: &str) -> Passage {
    let stems: Vec<String> = query.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2).map(stem).collect();
    let words = words(text);
    // For every word of the text, which search word it answers.
    let hits: Vec<Option<usize>> = words
        .iter()
        .map(|&(start, end)| {
            let word = stem(&text[start..end]);
            stems.iter().position(|s| *s == word)
        })
        .collect();
    let from = best_start(&hits, stems.len());
    let excerpt = slice(text, &words, from);
    let Some(&(base, _)) = words.get(from) else { return beginning(text) };
    let marks = words
        .iter()
        .zip(&hits)
        .skip(from)
        .take(WINDOW)
        .filter(|(_, hit)| hit.is_some())
        .filter_map(|(&(start, end), _)| {
            Some(Mark { start: u32::try_from(start - base).ok()?, end: u32::try_from(end - base).ok()? })
        })
        .collect();
    Passage { text: excerpt.to_owned(), marks }
}

fn best_start(hits: &[Option<usize>], stems: usize) -> usize {
    let mut best = (0, 0, 0);
    for from in 0..hits.len().saturating_sub(WINDOW - 1).max(1) {
        let window = &hits[from..hits.len().min(from + WINDOW)];
        let distinct = (0..stems).filter(|s| window.contains(&Some(*s))).count();
        let matches = window.iter().flatten().count();
        if (distinct, matches) > (best.0, best.1) {
            best = (distinct, matches, from);
        }
    }
    best.2
}

/// Byte ranges of the words of `text`.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut words = Vec::with_capacity(text.len() / 6);
    let mut start = None;
    for (at, c) in text.char_indices() {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| (from, text.len())));
    words
}

fn slice<'a>(text: &'a str, words: &[(usize, usize)], from: usize) -> &'a str {
    let last = words.len().min(from + WINDOW);
    match (words.get(from), words[..last].last()) {
        (Some(&(start, _)), Some(&(_, end))) => &text[start..end],
        _ => text,
    }
}

fn stem(word: &str) -> String {
    let lower = word.to_lowercase();
    for ending in ["ing", "ed", "es", "s", "e"] {
        if let Some(short) = lower.strip_suffix(ending)
            && short.len() > 2
        {
            return short.to_owned();
        }
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_passage_that_holds_most_of_the_search() {
        let filler = "plain words without meaning ".repeat(20);
        let text = format!("{filler}an oak table made by hand. {filler}");
        let passage = best(&text, "oak tables");
        let marked: Vec<&str> = passage.marks.iter().map(|m| &passage.text[m.start as usize..m.end as usize]).collect();
        assert_eq!(marked, ["oak", "table"]);
    }

    #[test]
    fn marks_stand_at_character_borders_of_any_text() {
        let text = "Größe, crème brûlée — oak, größe 你好 oak";
        let passage = best(text, "oak größe");
        assert_eq!(passage.marks.len(), 4);
        for mark in passage.marks {
            let word = &passage.text[mark.start as usize..mark.end as usize];
            assert!(["Größe", "größe", "oak"].contains(&word), "{word}");
        }
    }

    #[test]
    fn without_a_match_shows_the_beginning() {
        assert_eq!(best("one two three", "oak"), beginning("one two three"));
        assert_eq!(best("", "oak").text, "");
        assert_eq!(beginning("...").text, "...");
    }
}

//! What must not be merged: pairs, spellings, what exists already, tokens of too many words or with a forbidden
//! part.
//!
//! Whether a token may exist follows from its spelling alone (and from the tokens there are), so a vetoed pair is
//! vetoed for ever.

use memchr::memmem;
use rustc_hash::FxHashSet;

use super::resume::Segments;
use super::ties::key;
use super::tokens::Tokens;

/// What must not be merged.
#[derive(Debug, Clone, Default)]
pub struct Vetoes {
    pairs: FxHashSet<u64>,
    spellings: FxHashSet<Box<[u8]>>,
    /// Whether a merge must make a new token.
    existing: bool,
    max_words: Option<u32>,
    forbidden: Vec<Vec<u8>>,
}

impl Vetoes {
    /// Vetoes one more pair.
    pub(super) fn refuse(&mut self, left: u32, right: u32) {
        self.pairs.insert(key(left, right));
    }

    /// Vetoes every pair of `segments`, every token with one of these `spellings`, and, with `existing`, every
    /// token that is there already.
    pub fn new(segments: Segments<'_>, spellings: Vec<Vec<u8>>, existing: bool) -> Self {
        let words = segments.offsets.windows(2).filter_map(|ends| {
            let range = usize::try_from(ends[0]).ok()?..usize::try_from(ends[1]).ok()?;
            segments.ids.get(range)
        });
        Self {
            pairs: words
                .flat_map(|word| word.windows(2).map(|two| key(two[0], two[1])))
                .collect(),
            spellings: spellings.into_iter().map(Vec::into_boxed_slice).collect(),
            existing,
            ..Self::default()
        }
    }

    /// Also vetoes tokens of more than `max_words` words: runs of bytes other than the space (U+0020).
    #[must_use]
    pub fn of_words(mut self, max_words: Option<u32>) -> Self {
        self.max_words = max_words;
        self
    }

    /// Also vetoes tokens in which one of these byte strings occurs.
    #[must_use]
    pub fn with_parts(mut self, forbidden: Vec<Vec<u8>>) -> Self {
        self.forbidden = forbidden;
        self
    }

    /// Whether there is nothing that it vetoes.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
            && self.spellings.is_empty()
            && !self.existing
            && self.max_words.is_none()
            && self.forbidden.is_empty()
    }

    /// Whether `left right` may become a token.
    pub(super) fn allow(&self, left: u32, right: u32, tokens: &Tokens) -> bool {
        if self.pairs.contains(&key(left, right)) {
            return false;
        }
        let (first, second) = (tokens.bytes(left), tokens.bytes(right));
        if let Some(limit) = self.max_words
            && words_of(first, second) > limit as usize
        {
            return false;
        }
        if self.forbidden.iter().any(|part| occurs(part, first, second)) {
            return false;
        }
        if !self.existing && self.spellings.is_empty() {
            return true;
        }
        let spelled = [first, second].concat();
        let known = self.existing && tokens.id_of(&spelled).is_some();
        !known && !self.spellings.contains(&spelled[..])
    }
}

/// The number of words of two byte strings joined.
fn words_of(first: &[u8], second: &[u8]) -> usize {
    let mut n_words = 0;
    let mut inside = false;
    for &byte in first.iter().chain(second) {
        n_words += usize::from(!inside && byte != b' ');
        inside = byte != b' ';
    }
    n_words
}

/// Whether `part` occurs in two byte strings joined.
fn occurs(part: &[u8], first: &[u8], second: &[u8]) -> bool {
    if memmem::find(first, part).is_some() || memmem::find(second, part).is_some() {
        return true;
    }
    (1..part.len()).any(|cut| first.ends_with(&part[..cut]) && second.starts_with(&part[cut..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_anything_but_spaces() {
        for (first, second, n_words) in [
            ("the", "re", 1),
            ("the", " re", 2),
            ("the ", "re", 2),
            (" ", " ", 0),
            (" a b", "c d ", 3),
            ("a\n", "b", 1),
        ] {
            assert_eq!(words_of(first.as_bytes(), second.as_bytes()), n_words);
        }
    }

    #[test]
    fn a_part_is_found_inside_and_across() {
        let found = |part: &str, first: &str, second: &str| {
            occurs(part.as_bytes(), first.as_bytes(), second.as_bytes())
        };
        assert!(found(": ", "a:", " b"));
        assert!(found(": ", "a: ", "b"));
        assert!(found("abc", "xa", "bcd"));
        assert!(found("abc", "xab", "cd"));
        assert!(!found(": ", "a :", "b "));
        assert!(!found("aab", "xa", "b"));
    }
}

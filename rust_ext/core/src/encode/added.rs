//! Added tokens: strings that become one id before anything else looks at the text.
//!
//! The leftmost match wins, of those starting there the longest. `lstrip`/`rstrip` widen a match over the white
//! space beside it. Two matchers run per document: one over the text as given, one over the normalized text.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::{Error, Result};

/// One added token, with the flags of a `tokenizer.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the independent flags of the file format"
)]
pub struct AddedToken {
    /// What it matches.
    pub content: Vec<u8>,
    /// What it becomes.
    pub id: u32,
    /// Matched only when the caller allows it.
    pub special: bool,
    /// Matched in the normalized text rather than in the text as given.
    pub normalized: bool,
    /// Swallows white space before it.
    pub lstrip: bool,
    /// Swallows white space after it.
    pub rstrip: bool,
}

/// A part of a text: an added token with the bytes it covers, or text between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `id`, `start`, `end`.
    Token(u32, usize, usize),
    /// `start`, `end`; never empty.
    Text(usize, usize),
}

/// Finds added tokens in text.
#[derive(Debug)]
pub struct Matcher {
    automaton: Option<AhoCorasick>,
    tokens: Vec<AddedToken>,
}

impl Matcher {
    /// A matcher of these tokens.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for an empty token or when the automaton cannot be built.
    pub fn new(tokens: Vec<AddedToken>) -> Result<Self> {
        let fail = |message: String| Error::Vocabulary { message };
        if let Some(empty) = tokens.iter().find(|token| token.content.is_empty()) {
            return Err(fail(format!("added token {} is empty", empty.id)));
        }
        let automaton = if tokens.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(tokens.iter().map(|token| &token.content));
            Some(built.map_err(|error| fail(format!("added tokens: {error}")))?)
        };
        Ok(Self { automaton, tokens })
    }

    /// Whether it can never match.
    pub fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// Calls `f` for every part of `text`, in order; stops at the first error.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn split(&self, text: &[u8], mut f: impl FnMut(Part) -> Result<()>) -> Result<()> {
        let mut done = 0;
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_iter(text) {
                let token = &self.tokens[found.pattern().as_usize()];
                let mut start = found.start();
                let mut end = found.end();
                if start < done {
                    continue; // swallowed by the white space of the token before
                }
                if token.lstrip {
                    start -= trailing_space(&text[done..start]);
                }
                if token.rstrip {
                    end += leading_space(&text[end..]);
                }
                if done < start {
                    f(Part::Text(done, start))?;
                }
                f(Part::Token(token.id, start, end))?;
                done = end;
            }
        }
        if done < text.len() {
            f(Part::Text(done, text.len()))?;
        }
        Ok(())
    }
}

fn leading_space(text: &[u8]) -> usize {
    let mut n = 0;
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if !c.is_whitespace() {
                return n;
            }
            n += c.len_utf8();
        }
        if !chunk.invalid().is_empty() {
            return n;
        }
    }
    n
}

fn trailing_space(text: &[u8]) -> usize {
    let mut n = 0;
    loop {
        let rest = &text[..text.len() - n];
        let longest = rest.len().min(3); // every white space character has at most three bytes
        let last = (1..=longest).find_map(|len| {
            let tail = std::str::from_utf8(&rest[rest.len() - len..]).ok()?;
            let c = tail.chars().next()?;
            c.is_whitespace().then_some(len)
        });
        match last {
            Some(len) => n += len,
            None => return n,
        }
    }
}

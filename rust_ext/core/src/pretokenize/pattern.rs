//! Any regular expression: its matches and the gaps between them are the pieces.

use std::borrow::Cow;

use fancy_regex::{Regex, RegexBuilder};

use super::behaviour::{Behaviour, Joiner};
use crate::{Control, Error, Result};

/// Steps back that one match may take before the pattern counts as failed; about a second.
const BACKTRACK_LIMIT: usize = 100_000_000;
/// Matches between two looks at the [`Control`].
const MATCHES_PER_CHECK: usize = 256;

/// A compiled pattern and what becomes of its matches.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    text: String,
    behaviour: Behaviour,
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// [`Error::Pretokenizer`] with what the compiler says.
    pub fn new(text: &str, behaviour: Behaviour) -> Result<Self> {
        let regex = RegexBuilder::new(text)
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map_err(|error| Error::Pretokenizer {
                spec: text.to_owned(),
                message: format!("not a regular expression: {error}"),
            })?;
        Ok(Self {
            regex,
            text: text.to_owned(),
            behaviour,
        })
    }

    /// Calls `f` for every piece. Each invalid byte is shown to the pattern as one U+FFFD.
    pub fn each(&self, data: &[u8], control: &Control, f: impl FnMut(&[u8])) -> Result<()> {
        let shown = Shown::new(data);
        let mut joiner = Joiner::new(data, self.behaviour, f);
        let mut pos = 0;
        for (n, found) in self.regex.find_iter(&*shown.text).enumerate() {
            let found = found.map_err(|error| Error::Pretokenizer {
                spec: self.text.clone(),
                message: format!("failed on the text after byte {}: {error}", shown.position(pos)),
            })?;
            if found.start() > pos {
                joiner.push(shown.position(found.start()), false);
            }
            joiner.push(shown.position(found.end()), true);
            pos = found.end();
            if n % MATCHES_PER_CHECK == 0 {
                control.check()?;
            }
        }
        if data.len() > shown.position(pos) {
            joiner.push(data.len(), false);
        }
        joiner.finish();
        Ok(())
    }
}

/// The text that the pattern sees, and the way back.
struct Shown<'a> {
    text: Cow<'a, str>,
    /// For each U+FFFD that stands for a byte, its end in `text`.
    replaced: Vec<usize>,
}

impl<'a> Shown<'a> {
    fn new(data: &'a [u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(data) {
            return Self {
                text: Cow::Borrowed(text),
                replaced: Vec::new(),
            };
        }
        let mut text = String::with_capacity(data.len() + 64);
        let mut replaced = Vec::new();
        for chunk in data.utf8_chunks() {
            text.push_str(chunk.valid());
            for _ in chunk.invalid() {
                text.push(char::REPLACEMENT_CHARACTER);
                replaced.push(text.len());
            }
        }
        Self {
            text: Cow::Owned(text),
            replaced,
        }
    }

    /// The position in the data of a position in the text.
    fn position(&self, pos: usize) -> usize {
        let growth = char::REPLACEMENT_CHARACTER.len_utf8() - 1;
        pos - growth * self.replaced.partition_point(|&end| end <= pos)
    }
}

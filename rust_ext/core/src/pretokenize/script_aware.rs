//! The script-aware pre-tokenizers of BoundlessBPE: scripts without spaces are cut character by character.
//!
//! The text is first cut into runs of one script. Inherited code points (most marks) stay with the run before them.
//! Common ones (spaces, digits, punctuation) and unassigned ones stay with it only if a code point of its own script
//! or an inherited one follows before the next script begins; otherwise they begin the next run. A run of Han,
//! Hiragana, Katakana, Thai, Myanmar, Khmer or Lao is cut by one pattern, any other by another, each run as if it
//! were the whole text. Source: Schmidt et al. 2025 (arXiv 2504.00178) and its program.

use std::ops::Range;

use unicode_script::Script as Property;

use super::behaviour::Behaviour;
use super::class::Table;
use super::pattern::Pattern;
use super::script::scripts;
use super::{Kind, Step};
use crate::{Control, Result};

/// Scripts that are written without spaces between words.
const BY_CHARACTER: [Property; 7] = [
    Property::Han,
    Property::Hiragana,
    Property::Katakana,
    Property::Thai,
    Property::Myanmar,
    Property::Khmer,
    Property::Lao,
];
const COMMON: u8 = Property::Common as u8;
const INHERITED: u8 = Property::Inherited as u8;
const UNKNOWN: u8 = Property::Unknown as u8;

/// Of the published pattern what both kinds of runs share: emoji, symbols, white space, numbers from the right.
const SHARED: &str = concat!(
    r"[0-9#*]\x{FE0F}?\x{20E3}|[\x{1F1E6}-\x{1F1FF}]{2}|",
    r"\p{Extended_Pictographic}[\x{1F3FB}-\x{1F3FF}]?[\x{FE0F}\x{FE0E}]?",
    r"(?:\x{200D}\p{Extended_Pictographic}[\x{1F3FB}-\x{1F3FF}]?[\x{FE0F}\x{FE0E}]?)*|",
    r" ?(?:[\p{S}\p{P}]\p{M}*){1,16}|[^\S\r\n]{0,16}[\r\n]{1,16}|[^\S\r\n]{1,16}(?![^\s\p{N}\p{C}\p{M}])|\s{1,16}|",
    r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))|[\p{Z}\p{C}\p{M}]+",
);
/// A word, its capital letters in front, with what follows an apostrophe.
const WORDS: &str = concat!(
    r" ?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}\x{200D}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}\x{200D}]+",
    r"(?:['\x{2019}][\p{Ll}\p{Lm}\p{Lo}\p{M}]+)?|",
    r" ?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}\x{200D}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}\x{200D}]*",
    r"(?:['\x{2019}][\p{Ll}\p{Lm}\p{Lo}\p{M}]+)?",
);
/// A letter with its marks.
const CHARACTER: &str = r" ?\p{L}\p{M}*";
/// What `o200k` makes of anything but letters.
const O200K_REST: &str = r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Cuts runs of scripts by two rules.
#[derive(Clone)]
pub struct ScriptAware {
    table: &'static Table,
    words: Box<Kind>,
    characters: Box<Pattern>,
}

impl ScriptAware {
    /// The published default.
    ///
    /// # Errors
    /// None: the patterns compile.
    pub fn published() -> Result<Self> {
        let words = Step::Regex(format!("{WORDS}|{SHARED}"), Behaviour::Isolated);
        Self::new(&words, &format!("{CHARACTER}|{SHARED}"))
    }

    /// The published alternative with `o200k` for words.
    ///
    /// # Errors
    /// None: the patterns compile.
    pub fn o200k() -> Result<Self> {
        Self::new(&Step::Named("o200k"), &format!("{CHARACTER}|{O200K_REST}"))
    }

    fn new(words: &Step, characters: &str) -> Result<Self> {
        Ok(Self {
            table: scripts(),
            words: Box::new(Kind::new(words)?),
            characters: Box::new(Pattern::new(characters, Behaviour::Isolated)?),
        })
    }

    /// Calls `f` for every piece.
    pub fn each(&self, data: &[u8], control: &Control, f: &mut dyn FnMut(&[u8])) -> Result<()> {
        let mut start = 0;
        while start < data.len() {
            let (range, by_character) = self.run(data, start);
            start = range.end;
            if by_character {
                self.characters.each(&data[range], control, &mut *f)?;
            } else {
                self.words.each_boxed(&data[range], control, &mut *f)?;
            }
        }
        Ok(())
    }

    /// The run that begins at `start`, and whether it is cut by character.
    fn run(&self, data: &[u8], start: usize) -> (Range<usize>, bool) {
        let (mut script, mut end, mut pos) = (None, start, start);
        while pos < data.len() {
            let (next, n) = self.table.at(data, pos);
            match (next, script) {
                (COMMON | UNKNOWN, _) => {}
                (INHERITED, _) => end = pos + n,
                (_, Some(own)) if own != next => return (start..end, by_character(own)),
                _ => {
                    script = Some(next);
                    end = pos + n;
                }
            }
            pos += n;
        }
        (start..data.len(), script.is_some_and(by_character))
    }
}

fn by_character(script: u8) -> bool {
    BY_CHARACTER.iter().any(|&known| known as u8 == script)
}

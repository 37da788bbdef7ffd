//! What becomes of a delimiter: the lossless behaviours of the Hugging Face `Split` and `Punctuation` steps.

use std::ops::Range;

/// To which piece a match belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Every match is a piece of its own, and so is every gap between two.
    Isolated,
    /// As isolated, but neighbouring matches form one piece.
    Contiguous,
    /// A match ends the gap before it; a match right after a match stands alone.
    MergedWithPrevious,
    /// A match begins the gap after it; a match right before a match stands alone.
    MergedWithNext,
}

impl Behaviour {
    /// All of them by name.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("isolated", Self::Isolated),
        ("contiguous", Self::Contiguous),
        ("merged_with_previous", Self::MergedWithPrevious),
        ("merged_with_next", Self::MergedWithNext),
    ];

    /// The name as written in a specification.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// Turns the alternation of matches and gaps into pieces. An empty match still separates its neighbours.
pub struct Joiner<'a, F: FnMut(&[u8])> {
    data: &'a [u8],
    behaviour: Behaviour,
    pending: Range<usize>,
    pending_is_match: bool,
    f: F,
}

impl<'a, F: FnMut(&[u8])> Joiner<'a, F> {
    /// Starts at the beginning of `data`.
    pub fn new(data: &'a [u8], behaviour: Behaviour, f: F) -> Self {
        Self {
            data,
            behaviour,
            pending: 0..0,
            pending_is_match: false,
            f,
        }
    }

    /// Reports that the text up to `end` is a match or a gap.
    pub fn push(&mut self, end: usize, is_match: bool) {
        let joins = match self.behaviour {
            Behaviour::Isolated => false,
            Behaviour::Contiguous => is_match == self.pending_is_match,
            Behaviour::MergedWithPrevious => is_match && !self.pending_is_match,
            Behaviour::MergedWithNext => !is_match && self.pending_is_match,
        };
        if !joins {
            self.flush();
        }
        self.pending.end = end;
        self.pending_is_match = is_match;
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            (self.f)(&self.data[self.pending.clone()]);
        }
        self.pending.start = self.pending.end;
    }

    /// Hands out the last piece.
    pub fn finish(mut self) {
        self.flush();
    }
}

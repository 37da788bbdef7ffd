//! Nearly no splitting, for superwords: numbers in groups, runs of punctuation, all spaces but one before a word.
//!
//! Everything else, several words and lines, stays in one piece, so that merges may join words.

use super::class::{LETTER, NUMBER, SPACE, Table, WHITE};
use super::run;
use super::scan::Scanner;

/// `\p{N}{1,3}| ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S)` and the gaps between its matches: the second stage of SuperBPE
/// (Liu et al., arXiv 2503.13423).
#[derive(Clone, Copy)]
pub struct SuperBpe {
    pub table: &'static Table,
}

impl SuperBpe {
    /// End of the match that starts at `pos`, if one does.
    #[inline(always)]
    fn match_end(self, data: &[u8], pos: usize) -> Option<usize> {
        let (class, n) = self.table.at(data, pos);
        if class & NUMBER != 0 {
            return Some(run::at_most(self.table, data, pos + n, NUMBER, 2));
        }
        if class & (LETTER | WHITE) == 0 {
            return self.symbols_end(data, pos);
        }
        if data[pos] != b' ' {
            return None;
        }
        if let Some(end) = self.symbols_end(data, pos + 1) {
            return Some(end);
        }
        let mut end = pos + 1;
        while data.get(end) == Some(&b' ') {
            end += 1;
        }
        let before_white = end == data.len() || self.table.at(data, end).0 & WHITE != 0;
        if before_white {
            return Some(end);
        }
        (end - pos > 1).then_some(end - 1)
    }

    /// `[^\s\p{L}\p{N}]{2,}[\r\n/]*` at `pos`.
    #[inline(always)]
    fn symbols_end(self, data: &[u8], pos: usize) -> Option<usize> {
        let two = run::outside_at_most(self.table, data, pos, WHITE | LETTER | NUMBER, 2);
        if two.1 < 2 {
            return None;
        }
        let mut end = run::outside(self.table, data, two.0, WHITE | LETTER | NUMBER);
        while let Some(b'\r' | b'\n' | b'/') = data.get(end) {
            end += 1;
        }
        Some(end)
    }
}

impl Scanner for SuperBpe {
    #[inline(always)]
    fn next(&self, data: &[u8], pos: usize) -> usize {
        if let Some(end) = self.match_end(data, pos) {
            return end;
        }
        let mut at = pos + self.table.at(data, pos).1;
        loop {
            at = run::letters(self.table, data, at, LETTER);
            if at >= data.len() || self.match_end(data, at).is_some() {
                return at;
            }
            at += self.table.at(data, at).1;
        }
    }

    /// Numbers are pieces of their own, but a run of spaces before one depends on what follows it.
    fn cut(before: u8, after: u8, _first: u8) -> bool {
        (before ^ after) & NUMBER != 0 && before & SPACE == 0
    }

    fn table(&self) -> &'static Table {
        self.table
    }
}

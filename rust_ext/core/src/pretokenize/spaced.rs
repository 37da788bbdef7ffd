//! Splitting at white space, and at white space and punctuation, without losing either.
//!
//! The Hugging Face steps of these names drop the white space. Here a piece may begin with one space (U+0020); all
//! other white space stands in pieces of its own, as in GPT-2's pattern.

use super::class::{PUNCTUATION, Table, WHITE};
use super::run::{self, White};
use super::scan::Scanner;

/// ` ?[^\sP]+| ?P|\s+(?!\S)|\s+` where `P` is nothing or [`PUNCTUATION`].
#[derive(Clone, Copy)]
pub struct Spaced<const ALONE: u8> {
    pub table: &'static Table,
}

/// Words as runs of anything but white space.
pub type Whitespace = Spaced<0>;
/// Words as runs of anything but white space and punctuation; every punctuation mark alone.
pub type Bert = Spaced<PUNCTUATION>;

impl<const ALONE: u8> Scanner for Spaced<ALONE> {
    #[inline(always)]
    fn next(&self, data: &[u8], pos: usize) -> usize {
        let at = pos + usize::from(data[pos] == b' ' && pos + 1 < data.len());
        let (class, n) = self.table.at(data, at);
        if class & WHITE != 0 {
            let white = White::scan(self.table, data, pos);
            if white.end() == data.len() {
                white.end()
            } else {
                white.but_last()
            }
        } else if class & ALONE != 0 {
            at + n
        } else {
            run::outside(self.table, data, at + n, WHITE | ALONE)
        }
    }

    /// No piece holds white space after anything else.
    fn cut(before: u8, after: u8, _first: u8) -> bool {
        before & WHITE == 0 && after & WHITE != 0
    }

    fn table(&self) -> &'static Table {
        self.table
    }
}

//! GPT-2 (also r50k, p50k and the Hugging Face `ByteLevel` step).

use super::class::{LETTER, NUMBER, SYMBOL, Table, WHITE};
use super::run::{self, White};
use super::scan::Scanner;
use super::window::{Borders, Window};

/// `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
#[derive(Clone, Copy)]
pub struct Gpt2 {
    pub table: &'static Table,
}

impl Scanner for Gpt2 {
    #[inline(always)]
    fn next(&self, data: &[u8], pos: usize) -> usize {
        let first = data[pos];
        let (mut class, mut n) = self.table.at(data, pos);
        let mut at = pos;
        if class & LETTER != 0 || first == b' ' {
            let end = run::letters(self.table, data, pos + n, LETTER);
            if end > pos + n || first != b' ' || end == data.len() {
                return end;
            }
            at = end;
            (class, n) = self.table.at(data, at);
        } else if first == b'\'' {
            let n = run::contraction(data, pos);
            if n > 0 {
                return pos + n;
            }
        }
        if class & NUMBER != 0 {
            run::inside(self.table, data, at + n, NUMBER)
        } else if class & WHITE == 0 {
            run::outside(self.table, data, at + n, WHITE | LETTER | NUMBER)
        } else {
            let white = White::scan(self.table, data, pos);
            if white.end() == data.len() {
                white.end()
            } else {
                white.but_last()
            }
        }
    }

    const HAS_BORDERS: bool = true;

    /// A word, a number or symbols start where their class does, or at the blank before; white space starts at its
    /// first and at its last unit.
    #[inline(always)]
    fn borders(&self, data: &[u8], start: usize, window: &Window) -> Option<Borders> {
        let (letters, numbers, white) = (window.letters, window.numbers, window.white);
        let others = !(letters | numbers | white);
        let firsts = (letters & !(letters << 1)) | (numbers & !(numbers << 1)) | (others & !(others << 1));
        Some(Borders {
            starts: (firsts & !(window.blanks << 1)) | (white & !(white << 1)) | (white & !(white >> 1)),
            hard: (white & window.wide)
                | run::these(window.apostrophes, |at| run::contraction(data, start + at) > 0),
        })
    }

    /// No piece holds white space after anything else, and none holds a symbol after a letter.
    fn cut(before: u8, after: u8, _first: u8) -> bool {
        (before & WHITE == 0 && after & WHITE != 0) || (before & LETTER != 0 && after & SYMBOL != 0)
    }

    fn table(&self) -> &'static Table {
        self.table
    }
}

//! `DeepSeek` V3 and V4: three splits one after another, scanned as one.
//!
//! 1. `\p{N}{1,3}`, 2. `[一-龥぀-ゟ゠-ヿ]+`, 3. within what is left:
//!    ``[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``
//!
//! A number or a run of step 2 therefore ends the text as far as step 3 is concerned, and step 3 runs inside of
//! the CJK runs as well (it separates the few symbols in those ranges). Step 3 does not
//! match everything (control, format, private-use and unassigned code points): the gaps are pieces too.

use super::class::{CJK_OTHER, CJK_SYMBOL, CJK_WORD, NEWLINE, NUMBER, SPACE, SYMBOL, Table, WHITE, WORD};
use super::run::{self, White};
use super::scan::Scanner;

/// The three steps in one pass.
#[derive(Clone, Copy)]
pub struct Deepseek {
    pub table: &'static Table,
}

/// What ends the text for step 3 outside of the CJK runs.
const ISOLATED: u8 = NUMBER | CJK_WORD | CJK_SYMBOL | CJK_OTHER;

impl Scanner for Deepseek {
    #[inline(always)]
    fn next(&self, data: &[u8], pos: usize) -> usize {
        let table = self.table;
        let (class, n) = table.at(data, pos);
        let second = pos + n;
        if class & WORD != 0 {
            return run::letters(table, data, second, WORD);
        }
        if class & NUMBER != 0 {
            return run::at_most(table, data, second, NUMBER, 2);
        }
        if class & CJK_WORD != 0 {
            return run::inside(table, data, second, CJK_WORD);
        }
        if class & CJK_SYMBOL != 0 {
            return run::inside(table, data, second, CJK_SYMBOL);
        }
        if class & CJK_OTHER != 0 {
            return self.gap(data, pos, CJK_OTHER, CJK_WORD);
        }
        let (next_class, next_n) = if second < data.len() {
            table.at(data, second)
        } else {
            (NUMBER, 0)
        };
        if class & SYMBOL != 0 {
            let ascii = data[pos].is_ascii() && data.get(second).is_some_and(u8::is_ascii_alphabetic);
            if ascii {
                return second
                    + data[second..]
                        .iter()
                        .take_while(|b| b.is_ascii_alphabetic())
                        .count();
            }
            return self.symbols(data, second);
        }
        if next_class & WORD != 0 && class != NEWLINE {
            return run::letters(table, data, second + next_n, WORD);
        }
        if class & WHITE != 0 {
            if data[pos] == b' ' && next_class & SYMBOL != 0 {
                return self.symbols(data, second + next_n);
            }
            return self.white(data, pos);
        }
        self.gap(data, pos, 0, WORD)
    }

    /// As for `cl100k`; a CJK run ends before everything that is not part of it.
    fn cut(before: u8, after: u8, _first: u8) -> bool {
        (before & WHITE == 0 && after == SPACE)
            || (before == NEWLINE && after & WHITE == 0)
            || (before & (WORD | CJK_WORD) != 0 && after & (SYMBOL | NEWLINE) != 0)
    }

    fn table(&self) -> &'static Table {
        self.table
    }
}

impl Deepseek {
    #[inline(always)]
    fn symbols(self, data: &[u8], pos: usize) -> usize {
        let end = run::inside(self.table, data, pos, SYMBOL);
        run::inside(self.table, data, end, NEWLINE)
    }

    #[inline(always)]
    fn white(self, data: &[u8], pos: usize) -> usize {
        let white = White::scan(self.table, data, pos);
        let end = white.end();
        match white.through_newlines() {
            Some(end) => end,
            None if end == data.len() || self.table.at(data, end).0 & ISOLATED != 0 => end,
            None => white.but_last(),
        }
    }

    /// End of the piece at `pos` whose first unit is `other`, matched by nothing unless a word follows: the gap
    /// runs as far as such units do, but the last one before a word opens that word.
    #[cold]
    fn gap(self, data: &[u8], pos: usize, other: u8, word: u8) -> usize {
        let mut end = pos;
        let mut last = pos;
        while end < data.len() {
            let (class, n) = self.table.at(data, end);
            if class & word != 0 {
                return if last > pos {
                    last
                } else {
                    run::inside(self.table, data, end, word)
                };
            }
            if class != other {
                break;
            }
            last = end;
            end += n;
        }
        end
    }
}

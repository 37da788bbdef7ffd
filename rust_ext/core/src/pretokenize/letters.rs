//! The `cl100k` family: one optional sign before a run of letters, short numbers, newlines behind symbols.
//!
//! Its members differ in three constants. `cl100k` is what tiktoken publishes today; `llama3` is the older text of
//! the same pattern, which Llama 3 and the Hugging Face conversions keep. The two differ on white space at
//! the end of the text only: `\s++$` takes `" \n "` whole, where `\s*[\r\n]+|\s+` gives `" \n"` and `" "`.

use super::class::{LETTER, MARK, NEWLINE, NUMBER, SPACE, SYMBOL, Table, WHITE};
use super::run::{self, White};
use super::scan::Scanner;
use super::window::{Borders, Window, next_unit, white_borders};

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?W+|\p{N}{1,DIGITS}| ?[^\sW\p{N}]+[\r\n]*|…` with the letters
/// `W` = [`LETTER`], or [`LETTER`] and [`MARK`]; then `\s++$|` where `WHOLE_TAIL`; then `\s*[\r\n]+|\s+(?!\S)|\s+`.
#[derive(Clone, Copy)]
pub struct Letters<const WORD: u8, const DIGITS: usize, const WHOLE_TAIL: bool> {
    pub table: &'static Table,
}

/// tiktoken's `cl100k_base`.
pub type Cl100k = Letters<LETTER, 3, true>;
/// Llama 3; `cl100k_base` as it was first published.
pub type Llama3 = Letters<LETTER, 3, false>;
/// Qwen 2 and 3: every digit alone.
pub type Qwen2 = Letters<LETTER, 1, false>;
/// Qwen 3.5: marks count as letters.
pub type Qwen35 = Letters<{ LETTER | MARK }, 1, false>;

impl<const WORD: u8, const DIGITS: usize, const WHOLE_TAIL: bool> Scanner
    for Letters<WORD, DIGITS, WHOLE_TAIL>
{
    #[inline(always)]
    fn next(&self, data: &[u8], pos: usize) -> usize {
        let first = data[pos];
        let (class, n) = self.table.at(data, pos);
        let second = pos + n;
        // Words, with and without a space before them, are most of all text: one path for both predicts best.
        // A mark before a letter is "one optional sign" to the pattern; where marks are letters it is both, and
        // the match is the same.
        if class & WORD != 0 || first == b' ' {
            let end = run::letters(self.table, data, second, WORD);
            if end > second || first != b' ' {
                return end;
            }
        } else if first == b'\'' {
            let n = run::contraction_any_case(data, pos);
            if n > 0 {
                return pos + n;
            }
        }
        if class & NUMBER != 0 {
            return run::at_most(self.table, data, second, NUMBER, DIGITS - 1);
        }
        if second == data.len() {
            return second;
        }
        let (next_class, next_n) = self.table.at(data, second);
        if next_class & WORD != 0 && class != NEWLINE {
            return run::letters(self.table, data, second + next_n, WORD);
        }
        let mut symbols = second;
        if class & WHITE != 0 {
            if first != b' ' || next_class & (WHITE | WORD | NUMBER) != 0 {
                return self.white(data, pos);
            }
            symbols += next_n;
        }
        let symbols = run::outside(self.table, data, symbols, WHITE | WORD | NUMBER);
        run::inside(self.table, data, symbols, NEWLINE)
    }

    const HAS_BORDERS: bool = true;

    /// A word starts where its letters do, or at one sign or white space before, unless that belongs to something
    /// else: a newline to the white space, a symbol to the symbols beside it or to the blank before it.
    #[inline(always)]
    fn borders(&self, data: &[u8], start: usize, window: &Window) -> Option<Borders> {
        let words = if WORD & MARK == 0 {
            window.letters
        } else {
            window.letters | window.marks
        };
        let (white, newlines, numbers) = (window.white, window.newlines, window.numbers);
        let others = !(words | numbers | white);
        let symbols = others & !(others << 1) & !(window.blanks << 1);
        let joined = next_unit(window, symbols) | (white & !newlines) << 1;
        let (number_starts, long_numbers) = run::number_borders(window, numbers, DIGITS);
        let white = white_borders(window, others);
        Some(Borders {
            starts: (words & !(words << 1) & !joined) | symbols | number_starts | white.starts,
            hard: white.hard
                | long_numbers
                | run::these(window.apostrophes, |at| {
                    run::contraction_any_case(data, start + at) > 0
                }),
        })
    }

    /// Only newlines follow a symbol inside of a piece, and nothing follows a newline but white space.
    fn cut(before: u8, after: u8, _first: u8) -> bool {
        (before & WHITE == 0 && after == SPACE)
            || (before == NEWLINE && after & WHITE == 0)
            || (before & WORD != 0 && after & (SYMBOL | NEWLINE) != 0)
    }

    fn table(&self) -> &'static Table {
        self.table
    }
}

impl<const WORD: u8, const DIGITS: usize, const WHOLE_TAIL: bool> Letters<WORD, DIGITS, WHOLE_TAIL> {
    #[inline(always)]
    fn white(self, data: &[u8], pos: usize) -> usize {
        let white = White::scan(self.table, data, pos);
        let at_end = white.end() == data.len();
        if WHOLE_TAIL && at_end {
            return white.end();
        }
        match white.through_newlines() {
            Some(end) => end,
            None if at_end => white.end(),
            None => white.but_last(),
        }
    }
}

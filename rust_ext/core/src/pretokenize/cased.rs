//! The `o200k` family: words break before an uppercase letter that follows a lowercase one.

use super::class::{LETTER, LOWER, MARK, NEWLINE, NUMBER, OTHER_LETTER, SPACE, SYMBOL, Table, UPPER, WHITE};
use super::run::{self, White};
use super::scan::Scanner;
use super::window::{Borders, Window, next_unit, runs_from, white_borders};

/// With `A` = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, `B` = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]` and, where `SUFFIX`,
/// `C` = `(?i:'s|'t|'re|'ve|'m|'ll|'d)?`:
/// `[^\r\n\p{L}\p{N}]?A*B+C|[^\r\n\p{L}\p{N}]?A+B*C|\p{N}{1,DIGITS}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
#[derive(Clone, Copy)]
pub struct Cased<const DIGITS: usize, const SUFFIX: bool> {
    pub table: &'static Table,
}

/// GPT-4o, gpt-oss and Llama 4.
pub type O200k = Cased<3, true>;
/// Mistral's tekken: every digit alone, no contractions.
pub type Tekken = Cased<1, false>;

const WORD: u8 = LETTER | MARK;

impl<const DIGITS: usize, const SUFFIX: bool> Scanner for Cased<DIGITS, SUFFIX> {
    #[inline(always)]
    fn next(&self, data: &[u8], pos: usize) -> usize {
        let (class, n) = self.table.at(data, pos);
        let second = pos + n;
        if class & WORD != 0 {
            return self.word(data, pos);
        }
        if class & NUMBER != 0 {
            return run::at_most(self.table, data, second, NUMBER, DIGITS - 1);
        }
        if second == data.len() {
            return second;
        }
        let (next_class, next_n) = self.table.at(data, second);
        if next_class & WORD != 0 && class != NEWLINE {
            return self.word(data, second);
        }
        let mut symbols = second;
        if class & WHITE != 0 {
            if data[pos] != b' ' || next_class & (WHITE | NUMBER) != 0 {
                let white = White::scan(self.table, data, pos);
                return match white.through_newlines() {
                    Some(end) => end,
                    None if white.end() == data.len() => white.end(),
                    None => white.but_last(),
                };
            }
            symbols += next_n;
        }
        let mut end = run::outside(self.table, data, symbols, WHITE | LETTER | NUMBER);
        while let Some(b'\r' | b'\n' | b'/') = data.get(end) {
            end += 1;
        }
        end
    }

    const HAS_BORDERS: bool = true;

    /// As for `cl100k`, and a word also starts at an uppercase letter behind a lowercase one. Left to
    /// [`Scanner::next`]: an uppercase letter behind one without case, a mark behind a symbol, a slash behind a
    /// newline, contractions.
    #[inline(always)]
    fn borders(&self, data: &[u8], start: usize, window: &Window) -> Option<Borders> {
        let words = window.letters | window.marks;
        let (white, newlines, numbers) = (window.white, window.newlines, window.numbers);
        let others = !(words | numbers | white);
        let symbols = others & !(others << 1) & !(window.blanks << 1);
        let joined = next_unit(window, symbols) | (white & !newlines) << 1;
        let (number_starts, long_numbers) = run::number_borders(window, numbers, DIGITS);
        let white = white_borders(window, others);
        let contractions = run::these(window.apostrophes & if SUFFIX { words << 1 } else { 0 }, |at| {
            run::contraction_any_case(data, start + at) > 0
        });
        // `[\r\n/]*` may end between symbols, which then are one symbol less.
        let slashed = runs_from(others, window.slashes & newlines << 1);
        Some(Borders {
            starts: (words & !(words << 1) & !joined)
                | (window.upper & window.lower << 1)
                | symbols
                | number_starts
                | white.starts,
            hard: white.hard
                | long_numbers
                | (window.upper & window.caseless << 1)
                | (window.marks & others << 1) >> 1
                | slashed
                | slashed >> 1
                | contractions >> 1,
        })
    }

    /// As for `cl100k`; a slash may follow newlines, and an apostrophe or a mark may follow a letter.
    fn cut(before: u8, after: u8, first: u8) -> bool {
        (before & WHITE == 0 && after == SPACE)
            || (before == NEWLINE && after & WHITE == 0 && first != b'/')
            || (before & LETTER != 0 && (after == NEWLINE || (after == SYMBOL && first != b'\'')))
    }

    fn table(&self) -> &'static Table {
        self.table
    }
}

impl<const DIGITS: usize, const SUFFIX: bool> Cased<DIGITS, SUFFIX> {
    /// End of the word whose letters and marks start at `start`; [`Self::any_word`] with short ways for the common
    /// shapes: lowercase, one uppercase letter and lowercase, no case.
    #[inline(always)]
    fn word(self, data: &[u8], start: usize) -> usize {
        const LATER: u8 = LOWER | OTHER_LETTER | MARK;
        let table = self.table;
        let (class, n) = table.at(data, start);
        let second = start + n;
        if class & LOWER != 0 {
            return Self::suffix(data, run::lowercase(table, data, second, LATER));
        }
        if class & UPPER != 0 {
            if second < data.len() && table.at(data, second).0 & LOWER != 0 {
                return Self::suffix(data, run::lowercase(table, data, second, LATER));
            }
        } else {
            let end = run::lowercase(table, data, second, LATER);
            if end == data.len() || table.at(data, end).0 & UPPER == 0 {
                return Self::suffix(data, end);
            }
        }
        self.any_word(data, start)
    }

    /// `A*B+` first runs over `A`. If a lowercase letter follows, it runs on over `B`. If not, it must give
    /// back down to the last unit that is in both sets (Lm, Lo, M) and ends behind it; a run of uppercase letters
    /// has none, and the second alternative takes all of it. A mark that opens the word may match as the
    /// optional sign or as part of the word, with the same end.
    fn any_word(self, data: &[u8], start: usize) -> usize {
        let mut pos = start;
        let mut end_in_both = start;
        while pos < data.len() {
            let (class, n) = self.table.at(data, pos);
            if class & LOWER != 0 {
                let end = run::lowercase(self.table, data, pos + n, LOWER | OTHER_LETTER | MARK);
                return Self::suffix(data, end);
            }
            if class & WORD == 0 {
                break;
            }
            pos += n;
            if class & UPPER == 0 {
                end_in_both = pos;
            }
        }
        Self::suffix(data, if end_in_both > start { end_in_both } else { pos })
    }

    #[inline(always)]
    fn suffix(data: &[u8], end: usize) -> usize {
        if SUFFIX && data.get(end) == Some(&b'\'') {
            end + run::contraction_any_case(data, end)
        } else {
            end
        }
    }
}

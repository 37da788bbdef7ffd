//! What a code point is to a scanner: one byte per code point, looked up from UTF-8 without decoding twice.
//!
//! The classes come from `regex-syntax`, the crate behind the regular expressions, so a scanner and its
//! pattern agree on every code point by construction, whatever Unicode version that crate carries.
//!
//! Invalid UTF-8: a *unit* is a valid UTF-8 sequence (as `std::str::from_utf8` defines it) or one byte that
//! belongs to none. An invalid byte has the class of U+FFFD.

use std::sync::LazyLock;

use regex_syntax::hir::{Class as HirClass, HirKind};

/// Uppercase and titlecase letters (Lu, Lt).
pub const UPPER: u8 = 1;
/// Lowercase letters (Ll).
pub const LOWER: u8 = 2;
/// Modifier and other letters (Lm, Lo).
pub const OTHER_LETTER: u8 = 4;
/// Combining marks (M).
pub const MARK: u8 = 8;
/// Numbers (N).
pub const NUMBER: u8 = 16;
/// White space except carriage return and line feed.
pub const SPACE: u8 = 32;
/// Carriage return and line feed.
pub const NEWLINE: u8 = 64;
/// Punctuation and symbols (P, S).
pub const SYMBOL: u8 = 128;
/// Any letter (L).
pub const LETTER: u8 = UPPER | LOWER | OTHER_LETTER;
/// Any white space (`\s`).
pub const WHITE: u8 = SPACE | NEWLINE;

/// In [`deepseek`]'s table: letters and marks outside of the ranges that its second step isolates.
pub const WORD: u8 = OTHER_LETTER;
/// In [`deepseek`]'s table: letters and marks of those ranges (Han, Hiragana, Katakana).
pub const CJK_WORD: u8 = UPPER;
/// In [`deepseek`]'s table: punctuation and symbols of those ranges.
pub const CJK_SYMBOL: u8 = LOWER;
/// In [`deepseek`]'s table: the rest of those ranges (unassigned).
pub const CJK_OTHER: u8 = MARK;
/// In [`bert`]'s table: what BERT splits off (P and the ASCII symbols).
pub const PUNCTUATION: u8 = SYMBOL;

const CODE_POINTS: usize = 0x11_0000;
const BLOCK: usize = 64;

/// Class of every code point: direct below U+0800 (one- and two-byte UTF-8), two-stage above.
pub struct Table {
    low: [u8; 0x800],
    index: Vec<u16>,
    blocks: Vec<[u8; BLOCK]>,
    invalid: u8,
}

impl Table {
    /// Stores `class(c)` for every scalar value.
    pub fn build(class: impl Fn(char) -> u8) -> Self {
        let mut flat = vec![0; CODE_POINTS];
        for character in '\0'..=char::MAX {
            flat[character as usize] = class(character);
        }
        Self::compress(&flat)
    }

    /// Stores a class per code point, each given as a bracket expression and the bits it sets.
    fn from_classes(parts: &[(&str, u8)]) -> Self {
        let mut flat = vec![0; CODE_POINTS];
        for (pattern, bit) in parts {
            for range in ranges(pattern) {
                for class in &mut flat[range] {
                    *class |= bit;
                }
            }
        }
        Self::compress(&flat)
    }

    fn compress(flat: &[u8]) -> Self {
        let mut low = [0; 0x800];
        low.copy_from_slice(&flat[..0x800]);
        let mut blocks: Vec<[u8; BLOCK]> = Vec::new();
        let mut known = rustc_hash::FxHashMap::default();
        let index = flat
            .chunks_exact(BLOCK)
            .map(|chunk| {
                let mut block = [0; BLOCK];
                block.copy_from_slice(chunk);
                *known.entry(block).or_insert_with(|| {
                    blocks.push(block);
                    (blocks.len() - 1) as u16
                })
            })
            .collect();
        Self {
            low,
            index,
            blocks,
            invalid: flat[char::REPLACEMENT_CHARACTER as usize],
        }
    }

    /// Class and length in bytes of the unit that starts at `pos` (which must be inside `data`).
    #[inline(always)]
    pub fn at(&self, data: &[u8], pos: usize) -> (u8, usize) {
        let first = data[pos];
        if first < 0x80 {
            (self.low[first as usize], 1)
        } else {
            self.wide(data, pos, first)
        }
    }

    /// [`Table::at`] for a first byte of 0x80 or more.
    #[inline(always)]
    pub fn wide(&self, data: &[u8], pos: usize, first: u8) -> (u8, usize) {
        let rest = &data[pos + 1..];
        if first < 0xE0 {
            if let [b, ..] = *rest
                && first >= 0xC2
                && is_continuation(b)
            {
                return (self.low[(first as usize & 0x1F) << 6 | b as usize & 0x3F], 2);
            }
        } else if first < 0xF0 {
            if let [b, c, ..] = *rest
                && is_continuation(b)
                && is_continuation(c)
            {
                let block = (first as usize & 0x0F) << 6 | b as usize & 0x3F;
                // Below 0x20: overlong. 0x360 to 0x37F: surrogates.
                if block >= 0x20 && block & 0x3E0 != 0x360 {
                    return (self.look_up(block, c), 3);
                }
            }
        } else if let [b, c, d, ..] = *rest
            && is_continuation(b)
            && is_continuation(c)
            && is_continuation(d)
        {
            let block = (first as usize & 0x0F) << 12 | (b as usize & 0x3F) << 6 | c as usize & 0x3F;
            if (0x400..CODE_POINTS / BLOCK).contains(&block) {
                return (self.look_up(block, d), 4);
            }
        }
        (self.invalid, 1)
    }

    #[inline(always)]
    fn look_up(&self, block: usize, last: u8) -> u8 {
        self.blocks[self.index[block] as usize][last as usize & 0x3F]
    }
}

#[inline(always)]
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The start of the unit that holds the byte at `pos`. A byte that is no continuation always starts a unit,
/// so at most three steps back are needed.
pub fn unit_start(data: &[u8], pos: usize) -> usize {
    let table = letters();
    let nearest = (pos.saturating_sub(3)..=pos)
        .rev()
        .find(|&at| !is_continuation(data[at]));
    match nearest {
        Some(start) if start + table.at(data, start).1 > pos => start,
        _ => pos,
    }
}

/// The code points of a bracket expression.
fn ranges(pattern: &str) -> Vec<std::ops::RangeInclusive<usize>> {
    let parsed = regex_syntax::Parser::new().parse(pattern);
    match parsed.as_ref().map(regex_syntax::hir::Hir::kind) {
        Ok(HirKind::Class(HirClass::Unicode(class))) => class
            .iter()
            .map(|range| range.start() as usize..=range.end() as usize)
            .collect(),
        _ => unreachable!("{pattern} is a class known to regex-syntax"),
    }
}

/// The table of general categories that most scanners read.
pub fn letters() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        Table::from_classes(&[
            (r"[\p{Lu}\p{Lt}]", UPPER),
            (r"[\p{Ll}]", LOWER),
            (r"[\p{Lm}\p{Lo}]", OTHER_LETTER),
            (r"[\p{M}]", MARK),
            (r"[\p{N}]", NUMBER),
            (r"[\s&&[^\r\n]]", SPACE),
            (r"[\r\n]", NEWLINE),
            (r"[\p{P}\p{S}]", SYMBOL),
        ])
    });
    &TABLE
}

/// The classes that `DeepSeek`'s three steps distinguish.
pub fn deepseek() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        const RANGES: &str = r"\u{4e00}-\u{9fa5}\u{3040}-\u{30ff}";
        let outside = |class: &str| format!("[{class}&&[^{RANGES}]]");
        let inside = |class: &str| format!("[{class}&&[{RANGES}]]");
        Table::from_classes(&[
            (&inside(r"[\p{L}\p{M}]"), CJK_WORD),
            (&inside(r"[\p{P}\p{S}]"), CJK_SYMBOL),
            (&inside(r"[^\p{L}\p{M}\p{P}\p{S}]"), CJK_OTHER),
            (&outside(r"[\p{L}\p{M}]"), WORD),
            (&outside(r"[\p{P}\p{S}]"), SYMBOL),
            (r"[\p{N}]", NUMBER),
            (r"[\s&&[^\r\n]]", SPACE),
            (r"[\r\n]", NEWLINE),
        ])
    });
    &TABLE
}

/// White space and BERT's punctuation; everything else is 0.
pub fn bert() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        Table::from_classes(&[
            (r"[\s&&[^\r\n]]", SPACE),
            (r"[\r\n]", NEWLINE),
            (r"[\p{P}$+<=>^`|~]", PUNCTUATION),
        ])
    });
    &TABLE
}

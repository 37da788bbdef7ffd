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
    ascii: [u8; 0x80],
    /// 0 for ASCII: two bytes that lead there are overlong.
    two: [u8; 0x800],
    /// Where each block of 64 code points starts in `blocks`. Below U+0800 a block of zeros: three bytes that
    /// lead there are overlong.
    starts: Box<[u16; CODE_POINTS / BLOCK]>,
    /// As long as a `u16` can point, so that a look-up needs no check.
    blocks: Box<[u8; 0x1_0000]>,
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
        let mut ascii = [0; 0x80];
        ascii.copy_from_slice(&flat[..0x80]);
        let mut two = [0; 0x800];
        two[0x80..].copy_from_slice(&flat[0x80..0x800]);
        let mut starts = zeros();
        let mut blocks = zeros();
        let empty = [0; BLOCK];
        let mut known = rustc_hash::FxHashMap::from_iter([(&empty[..], 0)]);
        let chunks = starts.iter_mut().zip(flat.chunks_exact(BLOCK));
        for (start, chunk) in chunks.skip(two.len() / BLOCK) {
            let next = known.len() * BLOCK;
            let place = *known.entry(chunk).or_insert(next);
            *start = u16::try_from(place).expect("a few hundred distinct blocks, of 1024 possible");
            blocks[place..place + BLOCK].copy_from_slice(chunk);
        }
        Self {
            ascii,
            two,
            starts,
            blocks,
            invalid: flat[char::REPLACEMENT_CHARACTER as usize],
        }
    }

    /// Class and length in bytes of the unit that starts at `pos` (which must be inside `data`).
    #[inline(always)]
    pub fn at(&self, data: &[u8], pos: usize) -> (u8, usize) {
        let first = data[pos];
        if first < 0x80 {
            (self.ascii(first), 1)
        } else {
            self.wide(data, pos)
        }
    }

    /// Class of an ASCII byte.
    #[inline(always)]
    pub fn ascii(&self, byte: u8) -> u8 {
        debug_assert!(byte.is_ascii());
        self.ascii[byte as usize & 0x7F]
    }

    /// [`Table::at`] for a first byte of 0x80 or more: two and three bytes here, the rest out of line.
    ///
    /// Bytes that are no code point (overlong, surrogates) look up class 0, as some code points do: they are told
    /// apart out of line.
    #[inline(always)]
    pub fn wide(&self, data: &[u8], pos: usize) -> (u8, usize) {
        if let Some(&bytes) = data.get(pos..pos + 4).and_then(<[u8]>::first_chunk) {
            let word = u32::from_le_bytes(bytes);
            let (class, n) = if word & 0xC0E0 == 0x80C0 {
                (self.look_up_two(word), 2)
            } else if word & 0x00C0_C0F0 == 0x0080_80E0 {
                let block = (word & 0x0F) << 6 | word >> 8 & 0x3F;
                (self.look_up(block as usize, bytes[2]), 3)
            } else {
                (0, 4)
            };
            if class != 0 {
                return (class, n);
            }
        }
        self.rare(data, pos)
    }

    /// Whether two two-byte units start at `pos`, of classes that share a bit of `set`.
    #[inline(always)]
    pub fn two_by_two(&self, data: &[u8], pos: usize, set: u8) -> bool {
        if let Some(&bytes) = data.get(pos..pos + 4).and_then(<[u8]>::first_chunk) {
            let word = u32::from_le_bytes(bytes);
            word & 0xC0E0_C0E0 == 0x80C0_80C0
                && self.look_up_two(word) & self.look_up_two(word >> 16) & set != 0
        } else {
            false
        }
    }

    #[inline(always)]
    fn look_up_two(&self, word: u32) -> u8 {
        self.two[((word & 0x1F) << 6 | word >> 8 & 0x3F) as usize]
    }

    /// Four bytes, invalid bytes, class 0, and the last three bytes of the data.
    #[inline(never)]
    fn rare(&self, data: &[u8], pos: usize) -> (u8, usize) {
        let first = data[pos];
        match (first, &data[pos + 1..]) {
            (0xC2..=0xDF, &[b, ..]) if is_continuation(b) => {
                (self.look_up_two(u32::from_le_bytes([first, b, 0, 0])), 2)
            }
            (0xE0..=0xEF, &[b, c, ..]) if is_continuation(b) && is_continuation(c) => {
                let block = (first as usize & 0x0F) << 6 | b as usize & 0x3F;
                // Below U+0800: overlong. U+D800 to U+DFFF: surrogates.
                if block < 0x800 / BLOCK || (0xD800 / BLOCK..0xE000 / BLOCK).contains(&block) {
                    (self.invalid, 1)
                } else {
                    (self.look_up(block, c), 3)
                }
            }
            (0xF0..=0xF4, &[b, c, d, ..]) if [b, c, d].into_iter().all(is_continuation) => {
                let block = (first as usize & 0x07) << 12 | (b as usize & 0x3F) << 6 | c as usize & 0x3F;
                if (0x1_0000 / BLOCK..CODE_POINTS / BLOCK).contains(&block) {
                    (self.look_up(block, d), 4)
                } else {
                    (self.invalid, 1)
                }
            }
            _ => (self.invalid, 1),
        }
    }

    #[inline(always)]
    fn look_up(&self, block: usize, last: u8) -> u8 {
        self.blocks[self.starts[block] as usize | last as usize & 0x3F]
    }
}

/// An array on the heap that never was on the stack.
#[expect(
    clippy::unnecessary_box_returns,
    reason = "64 KiB do not belong on the stack of a worker thread"
)]
fn zeros<T: Clone + Default, const N: usize>() -> Box<[T; N]> {
    let zeros = vec![T::default(); N].into_boxed_slice().try_into();
    zeros.unwrap_or_else(|_| unreachable!("a slice of N makes an array of N"))
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

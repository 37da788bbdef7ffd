//! Runs of one class: how far the text stays inside of a set of classes.

use super::class::{LOWER, NEWLINE, Table, WHITE};
use super::window::Window;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many of the eight bytes, first byte first, are ASCII letters (`fold` 0x20) or lowercase ones (`fold` 0).
#[inline(always)]
fn letters_in_front(word: u64, fold: u64) -> usize {
    let low = (word | (ONES * fold)) & !HIGH;
    // Adding carries into the high bit of each byte, never beyond it: the low seven bits stay below 0x80.
    let from_a = low + ONES * (0x80 - b'a' as u64);
    let past_z = low + ONES * (0x7F - b'z' as u64);
    let letter = from_a & !past_z & !word & HIGH;
    ((letter ^ HIGH).trailing_zeros() / 8) as usize
}

#[inline(always)]
fn eight_bytes(data: &[u8], pos: usize) -> Option<u64> {
    data.get(pos..pos + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_le_bytes)
}

/// End of the run of units in `set` from `pos`, when the ASCII members of `set` are the letters (`fold` 0x20) or
/// the lowercase ones (`fold` 0).
#[inline(always)]
fn letter_run(table: &Table, data: &[u8], mut pos: usize, set: u8, fold: u64) -> usize {
    loop {
        let mut first;
        while let Some(word) = eight_bytes(data, pos) {
            first = word as u8;
            if first >= 0x80 {
                break;
            }
            let n = letters_in_front(word, fold);
            pos += n;
            if n < 8 {
                first = data[pos];
                if first < 0x80 {
                    return pos;
                }
                break;
            }
        }
        // Here is a wide unit, or fewer than eight bytes are left.
        loop {
            match data.get(pos) {
                None => return pos,
                Some(&byte) => first = byte,
            }
            if first < 0x80 {
                if table.ascii(first) & set == 0 {
                    return pos;
                }
                pos += 1;
                break;
            }
            let (class, n) = table.wide(data, pos);
            if class & set == 0 {
                return pos;
            }
            pos += n;
            if n == 2 {
                while table.two_by_two(data, pos, set) {
                    pos += 4;
                }
            }
        }
    }
}

/// End of the run of units in `set` from `pos`; `set` must hold all ASCII letters.
#[inline(always)]
pub fn letters(table: &Table, data: &[u8], pos: usize, set: u8) -> usize {
    letter_run(table, data, pos, set, 0x20)
}

/// End of the run of units in `set` from `pos`; `set` must hold the ASCII lowercase letters.
#[inline(always)]
pub fn lowercase(table: &Table, data: &[u8], pos: usize, set: u8) -> usize {
    debug_assert!(set & LOWER != 0);
    letter_run(table, data, pos, set, 0)
}

/// End of the run of units in `set` from `pos`.
#[inline(always)]
pub fn inside(table: &Table, data: &[u8], mut pos: usize, set: u8) -> usize {
    while pos < data.len() {
        let (class, n) = table.at(data, pos);
        if class & set == 0 {
            break;
        }
        pos += n;
    }
    pos
}

/// End of the run of units outside of `set` from `pos`.
#[inline(always)]
pub fn outside(table: &Table, data: &[u8], mut pos: usize, set: u8) -> usize {
    while pos < data.len() {
        let (class, n) = table.at(data, pos);
        if class & set != 0 {
            break;
        }
        pos += n;
    }
    pos
}

/// End of at most `limit` units outside of `set` from `pos`, and how many they are.
#[inline(always)]
pub fn outside_at_most(table: &Table, data: &[u8], mut pos: usize, set: u8, limit: usize) -> (usize, usize) {
    for seen in 0..limit {
        if pos >= data.len() {
            return (pos, seen);
        }
        let (class, n) = table.at(data, pos);
        if class & set != 0 {
            return (pos, seen);
        }
        pos += n;
    }
    (pos, limit)
}

/// End of at most `limit` units in `set` from `pos`.
#[inline(always)]
pub fn at_most(table: &Table, data: &[u8], mut pos: usize, set: u8, limit: usize) -> usize {
    for _ in 0..limit {
        if pos >= data.len() {
            break;
        }
        let (class, n) = table.at(data, pos);
        if class & set == 0 {
            break;
        }
        pos += n;
    }
    pos
}

/// A run of white space from `start`, with what the patterns ask about it.
pub struct White {
    start: usize,
    last: usize,
    end: usize,
    newlines_end: usize,
}

impl White {
    /// Scans the run that starts at `start`, whose first unit must be white space.
    #[inline(always)]
    pub fn scan(table: &Table, data: &[u8], start: usize) -> Self {
        let mut run = Self {
            start,
            last: start,
            end: start,
            newlines_end: start,
        };
        while run.end < data.len() {
            let (class, n) = table.at(data, run.end);
            if class & WHITE == 0 {
                break;
            }
            run.last = run.end;
            run.end += n;
            if class == NEWLINE {
                run.newlines_end = run.end;
            }
        }
        run
    }

    /// First position behind the run.
    #[inline(always)]
    pub fn end(&self) -> usize {
        self.end
    }

    /// `\s*[\r\n]+`: up to the last newline of the run, if it has one.
    #[inline(always)]
    pub fn through_newlines(&self) -> Option<usize> {
        (self.newlines_end > self.start).then_some(self.newlines_end)
    }

    /// `\s+(?!\S)|\s+` before a unit that is no white space: all but the last unit of the run, or its only one.
    #[inline(always)]
    pub fn but_last(&self) -> usize {
        if self.last > self.start {
            self.last
        } else {
            self.end
        }
    }
}

/// The bits of `mask` whose positions satisfy `wanted`; few are set.
#[inline(always)]
pub fn these(mut mask: u64, wanted: impl Fn(usize) -> bool) -> u64 {
    let mut found = 0;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if wanted(mask.trailing_zeros() as usize) {
            found |= lowest;
        }
        mask ^= lowest;
    }
    found
}

/// Where numbers of at most `limit` (1 to 3) units start in a window, and bytes of runs that are too long or not ASCII.
#[inline(always)]
pub fn number_borders(window: &Window, numbers: u64, limit: usize) -> (u64, u64) {
    if limit == 1 {
        return (numbers & window.leads, 0);
    }
    let too_long = (1..=limit).fold(numbers, |run, n| run & numbers << n);
    (numbers & !(numbers << 1), too_long | (numbers & window.wide))
}

/// Length of `'s|'t|'re|'ve|'m|'ll|'d` under `(?i:…)` at an apostrophe, or 0. U+017F folds to s, as in the patterns.
#[inline(always)]
pub fn contraction_any_case(data: &[u8], pos: usize) -> usize {
    match data[pos + 1..] {
        [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => 2,
        [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] | [0xC5, 0xBF, ..] => 3,
        _ => 0,
    }
}

/// Length of `'s|'t|'re|'ve|'m|'ll|'d` at an apostrophe, or 0.
#[inline(always)]
pub fn contraction(data: &[u8], pos: usize) -> usize {
    match data[pos + 1..] {
        [b's' | b't' | b'm' | b'd', ..] => 2,
        [b'r' | b'v', b'e', ..] | [b'l', b'l', ..] => 3,
        _ => 0,
    }
}

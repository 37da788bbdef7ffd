//! Sixty-four bytes of text as bit masks, from which a scanner reads all piece borders at once.
//!
//! A scanner that goes from piece to piece pays for every word with a branch that the processor cannot foresee:
//! where it ends. Here the classes of 64 bytes become one 64-bit mask per class, a few logical operations on
//! them give the borders of all pieces, and what the operations do not cover (contractions, long numbers, rare white
//! space) is marked and left to [`Scanner::next`].
//!
//! A window starts where a piece starts. Since no pattern looks behind, nothing before the window matters.
//! Bit `i` of a mask belongs to byte `i` of the window.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_min_epu8,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_sub_epi8,
};

#[cfg(target_arch = "x86_64")]
use super::class::{LETTER, LOWER, MARK, NEWLINE, NUMBER, OTHER_LETTER, Table, UPPER, WHITE};

/// Bytes of a window.
pub const WIDTH: usize = 64;
/// Bytes behind a window that must belong to the text too: a unit reaches at most three of them.
pub const BEHIND: usize = 4;

/// Where pieces start, as far as a window tells.
#[derive(Clone, Copy, Debug)]
pub struct Borders {
    /// First bytes of pieces. A piece ends where the next one starts.
    pub starts: u64,
    /// Bytes of which at least one lies in every piece whose end `starts` may have wrong.
    pub hard: u64,
}

/// The classes of 64 bytes. A byte that continues a unit has the class of the unit.
#[derive(Clone, Copy)]
pub struct Window {
    /// Letters.
    pub letters: u64,
    /// Uppercase and titlecase letters.
    pub upper: u64,
    /// Lowercase letters.
    pub lower: u64,
    /// Letters without case, and marks.
    pub caseless: u64,
    /// Marks.
    pub marks: u64,
    /// Numbers.
    pub numbers: u64,
    /// White space.
    pub white: u64,
    /// Carriage returns and line feeds.
    pub newlines: u64,
    /// Bytes of units of more than one byte, and invalid bytes.
    pub wide: u64,
    /// First bytes of units.
    pub leads: u64,
    /// Exactly U+0020.
    pub blanks: u64,
    /// Exactly U+0027.
    pub apostrophes: u64,
    /// Exactly U+002F.
    pub slashes: u64,
    /// Bytes of units that lie in the window as a whole.
    pub whole: u64,
}

/// Sixty-four bytes in two registers.
#[cfg(target_arch = "x86_64")]
type Bytes = [__m256i; 2];

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[u8; WIDTH]) -> Bytes {
    // SAFETY: both loads, which need no alignment, lie inside of the 64 bytes.
    unsafe {
        [
            _mm256_loadu_si256(bytes.as_ptr().cast()),
            _mm256_loadu_si256(bytes.as_ptr().add(WIDTH / 2).cast()),
        ]
    }
}

/// The same byte everywhere.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn all(byte: u8) -> __m256i {
    _mm256_set1_epi8(i8::from_ne_bytes([byte]))
}

/// The upper bit of every byte.
///
/// In assembly: the compiler knows what `_mm256_movemask_epi8` computes and, seeing logical operations on its results,
/// takes the vectors apart byte by byte, which is six times slower.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn mask(low: __m256i, high: __m256i) -> u64 {
    let (low_bits, high_bits): (u64, u64);
    // SAFETY: the two instructions are part of AVX2 and touch nothing but the registers named here.
    unsafe {
        std::arch::asm!(
            "vpmovmskb {low_bits:e}, {low}",
            "vpmovmskb {high_bits:e}, {high}",
            low = in(ymm_reg) low,
            high = in(ymm_reg) high,
            low_bits = out(reg) low_bits,
            high_bits = lateout(reg) high_bits,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    low_bits | high_bits << 32
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn equal(bytes: Bytes, byte: u8) -> u64 {
    let wanted = all(byte);
    mask(
        _mm256_cmpeq_epi8(bytes[0], wanted),
        _mm256_cmpeq_epi8(bytes[1], wanted),
    )
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn between(bytes: Bytes, first: u8, last: u8) -> u64 {
    let (first, span) = (all(first), all(last - first));
    let low = _mm256_sub_epi8(bytes[0], first);
    let high = _mm256_sub_epi8(bytes[1], first);
    mask(
        _mm256_cmpeq_epi8(_mm256_min_epu8(low, span), low),
        _mm256_cmpeq_epi8(_mm256_min_epu8(high, span), high),
    )
}

/// Bytes that share a bit with `set`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn any(bytes: Bytes, set: u8) -> u64 {
    let (wanted, zero) = (all(set), _mm256_setzero_si256());
    !mask(
        _mm256_cmpeq_epi8(_mm256_and_si256(bytes[0], wanted), zero),
        _mm256_cmpeq_epi8(_mm256_and_si256(bytes[1], wanted), zero),
    )
}

impl Window {
    /// The window of `data` that starts at `start`, where a unit starts. `None` if it is not all UTF-8, or if
    /// `data` ends less than [`BEHIND`] bytes after it.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    #[inline]
    pub fn read(table: &Table, data: &[u8], start: usize) -> Option<Self> {
        let bytes = load(data.get(start..start + WIDTH + BEHIND)?.first_chunk()?);
        let fold = all(0x20);
        let lowered = [_mm256_or_si256(bytes[0], fold), _mm256_or_si256(bytes[1], fold)];
        let first_continuation = all(0xC0);
        let letters = between(lowered, b'a', b'z');
        let lower = between(bytes, b'a', b'z');
        let blanks = equal(bytes, b' ');
        let mut window = Self {
            letters,
            upper: letters & !lower,
            lower,
            caseless: 0,
            marks: 0,
            numbers: between(bytes, b'0', b'9'),
            white: blanks | between(bytes, b'\t', b'\r'),
            newlines: equal(bytes, b'\n') | equal(bytes, b'\r'),
            wide: mask(bytes[0], bytes[1]),
            leads: !mask(
                _mm256_cmpgt_epi8(first_continuation, bytes[0]),
                _mm256_cmpgt_epi8(first_continuation, bytes[1]),
            ),
            blanks,
            apostrophes: equal(bytes, b'\''),
            slashes: equal(bytes, b'/'),
            whole: u64::MAX,
        };
        if window.wide == 0 {
            return Some(window);
        }
        let mut classes = [0; WIDTH + BEHIND];
        let mut left = window.wide & window.leads;
        let mut covered = 0;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            let (class, n) = table.wide(data, start + at);
            // Four at a time: what is too much is overwritten by the next unit or belongs to ASCII.
            classes[at..at + 4].copy_from_slice(&[class; 4]);
            covered |= ((1 << n) - 1) << at;
            if at + n > WIDTH {
                window.whole = (1 << at) - 1;
            }
        }
        if covered != window.wide {
            return None;
        }
        let classes = load(classes.first_chunk()?);
        window.letters |= window.wide & any(classes, LETTER);
        window.upper |= window.wide & any(classes, UPPER);
        window.lower |= window.wide & any(classes, LOWER);
        window.caseless = window.wide & any(classes, OTHER_LETTER | MARK);
        window.marks = window.wide & any(classes, MARK);
        window.numbers |= window.wide & any(classes, NUMBER);
        window.white |= window.wide & any(classes, WHITE);
        window.newlines |= window.wide & any(classes, NEWLINE);
        Some(window)
    }
}

/// The first bytes of the units that follow those which start at `these`.
#[inline(always)]
pub fn next_unit(window: &Window, these: u64) -> u64 {
    // An addition carries through the bytes that continue a unit to the one behind them.
    (these << 1).wrapping_add(!window.leads) & window.leads
}

/// The part of the runs of ones in `of` that starts at `from`; each bit of `from` is the first of its run.
#[inline(always)]
pub fn runs_from(of: u64, from: u64) -> u64 {
    of & !of.wrapping_add(from)
}

/// Borders in white space for `\s*[\r\n]+|\s+(?!\S)|\s+`, where `symbols` take the newlines right behind them.
#[inline(always)]
pub fn white_borders(window: &Window, symbols: u64) -> Borders {
    let (white, newlines) = (window.white, window.newlines);
    let attached = runs_from(newlines, newlines & symbols << 1);
    let rest = white & !attached;
    let plain = rest & !newlines;
    // Behind a newline the rest of the run starts anew, unless another newline follows later in it.
    let behind = plain & newlines << 1;
    let returns = plain.wrapping_add(behind) & !plain & newlines;
    let last = plain & !(white >> 1);
    Borders {
        starts: (rest & !(rest << 1)) | behind | last,
        hard: (white & window.wide) | if returns == 0 { 0 } else { behind >> 1 },
    }
}

/// The starts of `starts` that the text behind the window cannot change: up to the white space at its end.
#[inline(always)]
pub fn settled(window: &Window, starts: u64) -> u64 {
    let solid = !window.white & window.whole;
    let first_of_tail = solid.checked_ilog2().map_or(0, |top| 2u64.wrapping_shl(top));
    let up_to = if first_of_tail == 0 {
        if solid == 0 { 0 } else { u64::MAX }
    } else {
        first_of_tail | (first_of_tail - 1)
    };
    starts & up_to & window.whole
}

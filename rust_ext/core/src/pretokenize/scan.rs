//! What a hand-written scanner is: a function from a position to the end of the piece that starts there.

use super::class::{Table, unit_start};
#[cfg(target_arch = "x86_64")]
use super::window::{BEHIND, WIDTH, settled};
use super::window::{Borders, Window};
use crate::{Control, Result, cpu};

/// How much text is scanned between two looks at the [`Control`].
const CHUNK: usize = 1 << 20;

/// A pre-tokenizer whose pieces depend on nothing before them.
pub trait Scanner: Copy {
    /// End of the piece that starts at `pos`; always beyond `pos`, which must be inside of `data`.
    fn next(&self, data: &[u8], pos: usize) -> usize;

    /// Whether, in every text, a piece ends between two neighbouring units of classes `before` and `after`,
    /// and ends there too when the text ends there. `first` is the first byte of the second unit.
    fn cut(before: u8, after: u8, first: u8) -> bool;

    /// The table whose classes [`Scanner::cut`] understands.
    fn table(&self) -> &'static Table;

    /// The borders of pieces in a window that starts with a piece; `None` from a scanner that does not work on
    /// windows.
    #[inline(always)]
    fn borders(&self, _data: &[u8], _start: usize, _window: &Window) -> Option<Borders> {
        None
    }

    /// Whether [`Scanner::borders`] is there.
    const HAS_BORDERS: bool = false;

    /// Calls `f` for every piece.
    #[inline(always)]
    fn each(self, data: &[u8], control: &Control, mut f: impl FnMut(&[u8])) -> Result<()> {
        let mut pos = 0;
        #[cfg(target_arch = "x86_64")]
        if Self::HAS_BORDERS && data.len() >= WIDTH + BEHIND && cpu::has_windows() {
            return self.batches(data, control, |ends| {
                for &end in ends {
                    f(&data[pos..end]);
                    pos = end;
                }
            });
        }
        while pos < data.len() {
            let stop = data.len().min(pos + CHUNK);
            while pos < stop {
                let end = self.next(data, pos);
                f(&data[pos..end]);
                pos = end;
            }
            control.check()?;
        }
        Ok(())
    }

    /// Calls `f` with the ends of the pieces, at most [`MOST_ENDS`] at a time.
    #[inline(always)]
    fn batches(self, data: &[u8], control: &Control, mut f: impl FnMut(&[usize])) -> Result<()> {
        let mut ends = Ends::new();
        let mut pos = 0;
        while pos < data.len() {
            let stop = data.len().min(pos + CHUNK);
            #[cfg(target_arch = "x86_64")]
            if Self::HAS_BORDERS && cpu::has_windows() {
                // SAFETY: the processor has what the function is compiled for.
                pos = unsafe { in_windows(self, data, pos, stop, &mut ends, &mut f) };
            }
            while pos < stop {
                pos = self.next(data, pos);
                ends.push(pos, &mut f);
            }
            control.check()?;
        }
        ends.hand_out(&mut f);
        Ok(())
    }

    /// The first place from `at` on where [`Scanner::cut`] holds.
    fn safe_split(&self, data: &[u8], at: usize) -> Option<usize> {
        first_cut(self.table(), data, at, Self::cut)
    }
}

/// The most ends that [`Scanner::batches`] hands out at a time.
pub const MOST_ENDS: usize = 128;
/// Ends written at once, wanted or not.
const STRIDE: usize = 16;

/// Ends of pieces on their way out.
pub struct Ends {
    held: [usize; MOST_ENDS + STRIDE],
    n: usize,
}

impl Ends {
    /// None yet.
    pub fn new() -> Self {
        Self {
            held: [0; MOST_ENDS + STRIDE],
            n: 0,
        }
    }

    /// Adds one, and hands all out to `f` if they are many.
    #[inline(always)]
    pub fn push(&mut self, end: usize, f: &mut impl FnMut(&[usize])) {
        self.held[self.n] = end;
        self.n += 1;
        if self.n >= MOST_ENDS - WIDTH {
            self.hand_out(f);
        }
    }

    /// Adds `start` plus the position of each bit, and hands all out to `f` if they are many.
    ///
    /// The number of bits cannot be foreseen, so a loop that ends after the last one costs a wrong guess per window: most
    /// windows have at most [`STRIDE`].
    #[inline(always)]
    fn push_bits(&mut self, start: usize, mut bits: u64, f: &mut impl FnMut(&[usize])) {
        let end = self.n + bits.count_ones() as usize;
        while self.n < end {
            for place in &mut self.held[self.n..self.n + STRIDE] {
                *place = start + bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
            }
            self.n += STRIDE;
        }
        self.n = end;
        if self.n >= MOST_ENDS - WIDTH {
            self.hand_out(f);
        }
    }

    /// Hands out what is there.
    #[inline(always)]
    pub fn hand_out(&mut self, f: &mut impl FnMut(&[usize])) {
        if self.n > 0 {
            f(&self.held[..self.n]);
            self.n = 0;
        }
    }
}

/// Hands out the ends of the pieces from `pos` on, until one lies at `stop` or beyond it, or near the end of the
/// data; returns where the next piece starts.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
fn in_windows<S: Scanner>(
    scanner: S,
    data: &[u8],
    mut pos: usize,
    stop: usize,
    ends: &mut Ends,
    f: &mut impl FnMut(&[usize]),
) -> usize {
    let table = scanner.table();
    while pos < stop && data.len() - pos >= WIDTH + BEHIND {
        let start = pos;
        let window = Window::read(table, data, start);
        if let Some(window) = window
            && let Some(borders) = scanner.borders(data, start, &window)
        {
            let mut starts = settled(&window, borders.starts & !1);
            let mut hard = borders.hard & window.whole;
            loop {
                // Pieces that end before the first hard byte.
                let easy = starts & (hard ^ hard.wrapping_sub(1));
                if easy != 0 {
                    ends.push_bits(start, easy, f);
                    pos = start + easy.ilog2() as usize;
                }
                if hard == 0 {
                    break;
                }
                pos = scanner.next(data, pos);
                ends.push(pos, f);
                let done = pos - start;
                if done >= WIDTH - 1 {
                    break;
                }
                starts &= u64::MAX << done << 1;
                hard &= u64::MAX << done;
            }
        }
        if pos == start {
            // No border in sight, or bytes that are no UTF-8.
            pos = scanner.next(data, pos);
            ends.push(pos, f);
        }
    }
    pos
}

/// The first place strictly inside of `data`, from `at` on, between two units whose classes satisfy `cut`.
pub fn first_cut(table: &Table, data: &[u8], at: usize, cut: impl Fn(u8, u8, u8) -> bool) -> Option<usize> {
    let at = at.max(1);
    if at >= data.len() {
        return None;
    }
    let start = unit_start(data, at - 1);
    let (mut before, n) = table.at(data, start);
    let mut pos = start + n;
    while pos < data.len() {
        let (after, n) = table.at(data, pos);
        if pos >= at && cut(before, after, data[pos]) {
            return Some(pos);
        }
        before = after;
        pos += n;
    }
    None
}

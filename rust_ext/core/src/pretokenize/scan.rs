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
        while pos < data.len() {
            let stop = data.len().min(pos + CHUNK);
            #[cfg(target_arch = "x86_64")]
            if Self::HAS_BORDERS && cpu::has_windows() {
                // SAFETY: the processor has what the function is compiled for.
                pos = unsafe { each_in_windows(self, data, pos, stop, &mut f) };
            }
            while pos < stop {
                let end = self.next(data, pos);
                f(&data[pos..end]);
                pos = end;
            }
            control.check()?;
        }
        Ok(())
    }

    /// The first place from `at` on where [`Scanner::cut`] holds.
    fn safe_split(&self, data: &[u8], at: usize) -> Option<usize> {
        first_cut(self.table(), data, at, Self::cut)
    }
}

/// Calls `f` for the pieces from `pos` on, until they end at `stop` or beyond it, or near the end of the data;
/// returns where the next piece starts.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
#[inline]
fn each_in_windows<S: Scanner>(
    scanner: S,
    data: &[u8],
    mut pos: usize,
    stop: usize,
    f: &mut impl FnMut(&[u8]),
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
                let mut easy = starts & (hard ^ hard.wrapping_sub(1));
                while easy != 0 {
                    let end = start + easy.trailing_zeros() as usize;
                    f(&data[pos..end]);
                    pos = end;
                    easy &= easy - 1;
                }
                if hard == 0 {
                    break;
                }
                let end = scanner.next(data, pos);
                f(&data[pos..end]);
                pos = end;
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
            let end = scanner.next(data, pos);
            f(&data[pos..end]);
            pos = end;
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

//! What a hand-written scanner is: a function from a position to the end of the piece that starts there.

use super::class::{Table, unit_start};
use crate::{Control, Result};

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

    /// Calls `f` for every piece.
    #[inline(always)]
    fn each(self, data: &[u8], control: &Control, mut f: impl FnMut(&[u8])) -> Result<()> {
        let mut pos = 0;
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

    /// The first place from `at` on where [`Scanner::cut`] holds.
    fn safe_split(&self, data: &[u8], at: usize) -> Option<usize> {
        first_cut(self.table(), data, at, Self::cut)
    }
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

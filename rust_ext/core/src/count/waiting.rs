//! Pretokens between scanner and tables: collected, so that each step is a short loop of its own.
//!
//! A loop that cuts, hashes, looks up and counts one pretoken after another waits at every step for memory or for a
//! branch that could not be foreseen. In batches the waits of many pretokens overlap: by the time a batch is looked
//! up, the cache lines that were asked for when it was collected have arrived.

use super::hot::{Entry, Hot};
use super::table::{INLINE, Table, inline_key};
use crate::pretokenize::MOST_ENDS;

/// The most pretokens that come at a time.
pub const CUTS: usize = MOST_ENDS;
/// Short pretokens that are enough for a batch.
pub const SHORTS: usize = 64;
/// Long ones that are: those that are not kept inside of their slot.
pub const LONGS: usize = 64;
/// Entries pushed out of the cache that are enough for a batch.
pub const OUT: usize = 64;

/// Pretokens that have been cut but not yet counted, all of one group.
pub struct Waiting {
    /// Keys and hashes, the first `n_shorts`; they outlive the text they were cut from.
    pub shorts: [(u128, u64); SHORTS + CUTS],
    /// How many.
    pub n_shorts: usize,
    /// Where the first `n_longs` start and end in the text.
    pub longs: [(usize, usize); LONGS + CUTS],
    /// How many.
    pub n_longs: usize,
    /// What the cache has pushed out, the first `n_out`.
    pub out: [Entry; OUT + SHORTS + CUTS],
    /// How many.
    pub n_out: usize,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            shorts: [(0, 0); SHORTS + CUTS],
            n_shorts: 0,
            longs: [(0, 0); LONGS + CUTS],
            n_longs: 0,
            out: [Entry::default(); OUT + SHORTS + CUTS],
            n_out: 0,
        }
    }
}

impl Waiting {
    /// Adds at most [`CUTS`] pretokens, which lie one after another from `start` to each of `ends`. Fewer than
    /// [`SHORTS`] and [`LONGS`] must be there.
    #[inline]
    pub fn take(&mut self, hot: &Hot, text: &[u8], mut start: usize, ends: &[usize]) {
        // All but the last pretokens of a text have 16 bytes from their first byte on.
        let has_room = ends.last().is_some_and(|end| end + 16 <= text.len());
        for &end in ends {
            let length = end - start;
            let key = if has_room {
                text[start..]
                    .first_chunk()
                    .map_or(0, |window| inline_key(window, length))
            } else {
                last_key(&text[start..end])
            };
            let hash = Table::hash(key);
            hot.prefetch(hash);
            // Written in both places and counted in the right one: no branch on the length.
            self.shorts[self.n_shorts] = (key, hash);
            self.longs[self.n_longs] = (start, end);
            let is_long = length > INLINE;
            self.n_shorts += usize::from(!is_long);
            self.n_longs += usize::from(is_long);
            start = end;
        }
    }
}

/// The key of a pretoken at the end of a text.
#[cold]
fn last_key(pretoken: &[u8]) -> u128 {
    let length = pretoken.len().min(INLINE);
    let mut window = [0; 16];
    window[..length].copy_from_slice(&pretoken[..length]);
    inline_key(&window, length)
}

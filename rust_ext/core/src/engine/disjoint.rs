//! How often a pair of equal tokens can be merged: `x x x` holds (x, x) twice but is merged once.
//!
//! Only such pairs overlap themselves. Their entries keep the number of adjacencies, which is never too low, and
//! the number of merges is counted when they come to the top of a heap.

use super::Engine;
use super::ties::pair;

impl Engine {
    /// The count by which a followed pair is chosen.
    pub(super) fn chosen_count(&self, key: u64) -> u64 {
        let Some(entry) = self.table.get(key) else {
            return 0;
        };
        let (left, right) = pair(key);
        if self.setup.overlap || left != right {
            return entry.count;
        }
        let list = self.blocks.list(entry.start, entry.len);
        if list.is_sorted() {
            return self.merges_at(left, list.iter().copied());
        }
        let mut positions = list.to_vec();
        positions.sort_unstable();
        self.merges_at(left, positions.into_iter())
    }

    /// How often (token, token) can be merged at ascending positions, leftmost first; stale ones do not count.
    pub(super) fn merges_at(&self, token: u32, positions: impl Iterator<Item = u32>) -> u64 {
        let (cells, span) = (&self.words.cells, self.spans[token as usize]);
        let mut free_from = 0;
        let mut count = 0;
        for position in positions {
            if position >= free_from && Self::stands(cells, &self.spans, token, token, position) {
                count += self.words.weights.total(cells[position as usize].weight);
                free_from = position + 2 * span;
            }
        }
        count
    }
}

//! `PretokenCounts`: how often every pretoken occurs in every group, the only input of training.
//!
//! Invariant: pretokens are non-empty, strictly ascending as bytes; the groups of a row are strictly
//! ascending and their counts positive. The rows are sparse (most pretokens occur in one language), so
//! memory follows the number of (pretoken, group) cells, not pretokens × groups.

use crate::{Error, Result};

/// A sparse table pretoken × group → count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PretokenCounts {
    /// Group (language) names, by group id.
    pub groups: Vec<String>,
    /// All pretokens' bytes, one after another.
    pub arena: Vec<u8>,
    /// `n + 1` positions in `arena`: pretoken `i` is `arena[offsets[i]..offsets[i + 1]]`.
    pub offsets: Vec<u64>,
    /// `n + 1` positions in `group_ids` and `counts`: the cells of row `i`.
    pub row_starts: Vec<u64>,
    /// Group of each cell.
    pub group_ids: Vec<u32>,
    /// Count of each cell.
    pub counts: Vec<u64>,
}

impl PretokenCounts {
    /// Checks the invariants once and takes the arrays over.
    ///
    /// # Errors
    /// [`Error::Counts`] naming the first row that breaks one.
    pub fn new(
        groups: Vec<String>,
        arena: Vec<u8>,
        offsets: Vec<u64>,
        row_starts: Vec<u64>,
        group_ids: Vec<u32>,
        counts: Vec<u64>,
    ) -> Result<Self> {
        let table = Self {
            groups,
            arena,
            offsets,
            row_starts,
            group_ids,
            counts,
        };
        table.check()?;
        Ok(table)
    }

    fn check(&self) -> Result<()> {
        let fail = |message: String| Err(Error::Counts { message });
        if self.offsets.first() != Some(&0) || self.offsets.last() != Some(&(self.arena.len() as u64)) {
            return fail("offsets must start at 0 and end at the arena's length".into());
        }
        if self.row_starts.len() != self.offsets.len()
            || self.row_starts.first() != Some(&0)
            || self.row_starts.last() != Some(&(self.counts.len() as u64))
            || self.group_ids.len() != self.counts.len()
        {
            return fail("row_starts must have one entry per offset and end at the number of cells".into());
        }
        for row in 0..self.len() {
            if self.offsets[row] >= self.offsets[row + 1] {
                return fail(format!("pretoken {row} is empty or its offsets descend"));
            }
            if self.row_starts[row] >= self.row_starts[row + 1] {
                return fail(format!("pretoken {row} has no count or its cells descend"));
            }
            let cells = self.row_starts[row] as usize..self.row_starts[row + 1] as usize;
            let ids = &self.group_ids[cells.clone()];
            if ids.windows(2).any(|pair| pair[0] >= pair[1])
                || ids.iter().any(|&id| id as usize >= self.groups.len())
            {
                return fail(format!("pretoken {row}: group ids must be ascending and known"));
            }
            let mut total = 0u64;
            for &count in &self.counts[cells] {
                total = match total.checked_add(count) {
                    Some(sum) if count > 0 => sum,
                    _ => {
                        return fail(format!(
                            "pretoken {row}: counts must be positive and sum below 2^64"
                        ));
                    }
                };
            }
        }
        for row in 1..self.len() {
            if self.pretoken(row - 1) >= self.pretoken(row) {
                return fail(format!("pretoken {row} is not greater than the one before it"));
            }
        }
        Ok(())
    }

    /// Number of distinct pretokens.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of pretoken `row`.
    pub fn pretoken(&self, row: usize) -> &[u8] {
        &self.arena[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// The `(group, count)` cells of pretoken `row`, groups ascending.
    pub fn cells(&self, row: usize) -> impl Iterator<Item = (u32, u64)> + '_ {
        let cells = self.row_starts[row] as usize..self.row_starts[row + 1] as usize;
        self.group_ids[cells.clone()]
            .iter()
            .copied()
            .zip(self.counts[cells].iter().copied())
    }

    /// The count of pretoken `row` over all groups.
    pub fn total(&self, row: usize) -> u64 {
        self.cells(row).map(|(_, count)| count).sum()
    }

    /// The rows of a range (cut at the end of the table) as a table of their own, with the same groups.
    #[must_use]
    pub fn rows(&self, range: std::ops::Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let from = |positions: &[u64]| -> Vec<u64> {
            let rows = positions.get(start..=end).unwrap_or(&[0]);
            rows.iter().map(|position| position - rows[0]).collect()
        };
        let span = |positions: &[u64]| match positions.get(start..=end) {
            Some(rows) => rows[0] as usize..rows[end - start] as usize,
            None => 0..0,
        };
        let cells = span(&self.row_starts);
        Self {
            groups: self.groups.clone(),
            arena: self.arena[span(&self.offsets)].to_vec(),
            offsets: from(&self.offsets),
            row_starts: from(&self.row_starts),
            group_ids: self.group_ids[cells.clone()].to_vec(),
            counts: self.counts[cells].to_vec(),
        }
    }
}

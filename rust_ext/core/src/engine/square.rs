//! The first count of a small alphabet: all pairs of at most 256 symbols fit a square that stays in the cache.

use super::Engine;
use super::blocks::Blocks;
use super::groups::Share;
use super::table::Entry;
use super::ties::key;
use crate::{Control, Result};

/// The side of the square.
pub(super) const SIDE: usize = 256;

impl Engine {
    /// Counts the pairs before the first merge and follows those that reach a floor.
    pub(super) fn index_small_alphabet(&mut self, control: &Control) -> Result<()> {
        let mut place = vec![0usize; self.tokens.len()];
        for (index, &symbol) in self.layout.symbols.iter().enumerate() {
            place[symbol as usize] = index;
        }
        let at = |left: u32, right: u32| place[left as usize] * SIDE + place[right as usize];
        let mut counts = vec![0u64; SIDE * SIDE];
        let mut lens = vec![0u32; SIDE * SIDE];
        control.start("indexing", if self.groups.is_some() { 3 } else { 2 });
        self.walk_checked(control, |_, left, right, weight| {
            let at = at(left, right);
            counts[at] += self.words.weights.total(weight);
            lens[at] += 1;
            Ok(())
        })?;
        control.advance(1);

        let mut groups = self.groups.take();
        let mut shares: Vec<Vec<Share>> = Vec::new();
        if let Some(groups) = &groups {
            shares = self.count_shares(groups.len(), &lens, at, control)?;
            control.advance(1);
        }
        let is_followed = |&at: &usize| {
            let by_total = lens[at] > 0 && (counts[at] >= self.floor || self.rising.is_some());
            let by_group = groups
                .as_ref()
                .is_some_and(|groups| groups.any_reaches_floor(&shares[at]));
            by_total || by_group
        };
        let followed: Vec<usize> = (0..SIDE * SIDE).filter(is_followed).collect();
        let mut blocks = std::mem::replace(&mut self.blocks, Blocks::new());
        blocks.restart(followed.iter().map(|&at| lens[at]));
        let mut cursors = vec![u64::MAX; SIDE * SIDE];
        for at in followed {
            let entry = Entry {
                count: counts[at],
                start: blocks.take(lens[at]),
                len: lens[at],
                groups: match &mut groups {
                    Some(groups) => groups.add(&shares[at])?,
                    None => 0,
                },
            };
            cursors[at] = entry.start;
            let (left, right) = (self.layout.symbols[at / SIDE], self.layout.symbols[at % SIDE]);
            self.table.insert(key(left, right), entry)?;
        }
        self.walk_checked(control, |position, left, right, _| {
            let at = at(left, right);
            if cursors[at] != u64::MAX {
                blocks.write(cursors[at], position);
                cursors[at] += 1;
            }
            Ok(())
        })?;
        control.advance(1);
        self.blocks = blocks;
        self.groups = groups;
        self.claim_all(&self.open_columns());
        Ok(())
    }

    /// The group counts of the pairs that occur, by place in the square.
    fn count_shares(
        &self,
        n_groups: usize,
        lens: &[u32],
        at: impl Fn(u32, u32) -> usize,
        control: &Control,
    ) -> Result<Vec<Vec<Share>>> {
        let mut rows = vec![0usize; lens.len()];
        let mut n_rows = 0;
        for (row, &len) in rows.iter_mut().zip(lens) {
            *row = n_rows;
            n_rows += usize::from(len > 0);
        }
        let mut sums = vec![0u64; n_rows * n_groups];
        self.walk_checked(control, |_, left, right, weight| {
            let first = rows[at(left, right)] * n_groups;
            self.words
                .weights
                .each(weight, |group, count| sums[first + group as usize] += count);
            Ok(())
        })?;
        Ok(rows
            .iter()
            .zip(lens)
            .map(|(&row, &len)| {
                let sums = &sums[row * n_groups..][..if len > 0 { n_groups } else { 0 }];
                (0..)
                    .zip(sums.iter().copied())
                    .filter(|&(_, count)| count > 0)
                    .collect()
            })
            .collect())
    }
}

//! The first count of a small alphabet: all pairs of at most 256 symbols fit a square that stays in the cache.

use super::Engine;
use super::blocks::Blocks;
use super::cells::EDGE;
use super::groups::Share;
use super::table::Entry;
use super::ties::key;
use crate::{Control, Result};

/// The side of the square.
pub(super) const SIDE: usize = 256;

/// What a place of the square has seen of its pair: together, for they are raised together.
#[derive(Clone, Copy)]
struct Sum {
    count: u64,
    len: u32,
}

impl Engine {
    /// [`Engine::walk`] where every token is one cell: calls `sink(position, place of the pair, weight)` and looks
    /// up from time to time.
    fn walk_symbols(
        &self,
        place: &[usize],
        control: &Control,
        mut sink: impl FnMut(u32, usize, u32),
    ) -> Result<()> {
        let mut before = None;
        let mut position = 0;
        for chunk in self.words.cells.chunks(1 << 18) {
            control.check()?;
            for cell in chunk {
                if cell.symbol == EDGE {
                    before = None;
                } else {
                    let here = place[cell.symbol as usize];
                    if let Some(before) = before {
                        sink(position - 1, before * SIDE + here, cell.weight);
                    }
                    before = Some(here);
                }
                position += 1;
            }
        }
        Ok(())
    }

    /// Counts the pairs before the first merge and follows those that reach a floor.
    pub(super) fn index_small_alphabet(&mut self, control: &Control) -> Result<()> {
        let mut place = vec![0usize; self.tokens.len()];
        for (index, &symbol) in self.layout.symbols.iter().enumerate() {
            place[symbol as usize] = index;
        }
        let at = |left: u32, right: u32| place[left as usize] * SIDE + place[right as usize];
        let mut sums = vec![Sum { count: 0, len: 0 }; SIDE * SIDE];
        control.start("indexing", if self.groups.is_some() { 3 } else { 2 });
        self.walk_symbols(&place, control, |_, at, weight| {
            let sum = &mut sums[at];
            sum.count += self.words.weights.total(weight);
            sum.len += 1;
        })?;
        control.advance(1);

        let mut groups = self.groups.take();
        let mut shares: Vec<Vec<Share>> = Vec::new();
        if let Some(groups) = &groups {
            shares = self.count_shares(groups.len(), &sums, at, control)?;
            control.advance(1);
        }
        let is_followed = |&at: &usize| {
            let by_total = sums[at].len > 0 && (sums[at].count >= self.floor || self.rising.is_some());
            let by_group = groups
                .as_ref()
                .is_some_and(|groups| groups.any_reaches_floor(&shares[at]));
            by_total || by_group
        };
        let followed: Vec<usize> = (0..SIDE * SIDE).filter(is_followed).collect();
        let mut blocks = std::mem::replace(&mut self.blocks, Blocks::new());
        blocks.restart(followed.iter().map(|&at| sums[at].len))?;
        let mut cursors = vec![u64::MAX; SIDE * SIDE];
        for at in followed {
            let entry = Entry {
                count: sums[at].count,
                start: blocks.take(sums[at].len)?,
                len: sums[at].len,
                groups: match &mut groups {
                    Some(groups) => groups.add(&shares[at])?,
                    None => 0,
                },
            };
            cursors[at] = entry.start;
            let (left, right) = (self.layout.symbols[at / SIDE], self.layout.symbols[at % SIDE]);
            self.table.insert(key(left, right), entry)?;
        }
        self.walk_symbols(&place, control, |position, at, _| {
            let cursor = &mut cursors[at];
            if *cursor != u64::MAX {
                blocks.write(*cursor, position);
                *cursor += 1;
            }
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
        pairs: &[Sum],
        at: impl Fn(u32, u32) -> usize,
        control: &Control,
    ) -> Result<Vec<Vec<Share>>> {
        let mut rows = vec![0usize; pairs.len()];
        let mut n_rows = 0;
        for (row, pair) in rows.iter_mut().zip(pairs) {
            *row = n_rows;
            n_rows += usize::from(pair.len > 0);
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
            .zip(pairs)
            .map(|(&row, pair)| {
                let sums = &sums[row * n_groups..][..if pair.len > 0 { n_groups } else { 0 }];
                (0..)
                    .zip(sums.iter().copied())
                    .filter(|&(_, count)| count > 0)
                    .collect()
            })
            .collect())
    }
}

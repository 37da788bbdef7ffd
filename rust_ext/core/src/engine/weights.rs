//! How often a word occurs, in which groups: what the weight of its cells means.
//!
//! A word of one group with a small count says so in the weight itself (count above, group in the low bits). Any
//! other weight is the place of a record: the total, how many cells follow, then group and count of each, groups
//! ascending. A record lies in one or two cache lines, which is what visiting an occurrence costs.
//!
//! *Silent* groups (the last ones) are texts that are only segmented along: they count in the lengths of the texts,
//! but in no pair, token or total.

use std::cell::RefCell;

use crate::{Error, PretokenCounts, Result};

#[derive(Debug)]
pub(crate) struct Weights {
    group_bits: u32,
    /// Groups from this one on are silent.
    n_loud: u32,
    records: Vec<u64>,
}

/// Marks a weight that is a place in `records`.
const RECORD: u32 = 1 << 31;
/// A narrow cell holds the group above and the count in this many bits.
const COUNT_BITS: u32 = 40;
/// Marks a record whose cells take two values each.
const WIDE: u64 = 1 << 63;

impl Weights {
    pub(super) fn new(n_groups: usize, n_silent: usize) -> Self {
        Self {
            group_bits: n_groups.next_power_of_two().ilog2(),
            n_loud: (n_groups - n_silent) as u32,
            records: Vec::new(),
        }
    }

    /// Number of groups that are not silent.
    pub(super) fn n_loud(&self) -> usize {
        self.n_loud as usize
    }

    pub(super) fn encode(&mut self, counts: &PretokenCounts, row: usize) -> Result<u32> {
        let mut rest = counts.cells(row);
        if let (Some((group, count)), None) = (rest.next(), rest.next())
            && count < 1 << (31 - self.group_bits)
            && group < self.n_loud
        {
            return Ok((count as u32) << self.group_bits | group);
        }
        let place = self.records.len();
        if place >= RECORD as usize {
            return Err(Error::TooLarge {
                message: "the pretokens that occur in several groups fill more than 2^31 values".into(),
            });
        }
        let (mut total, mut n_loud, mut n_cells, mut wide) = (0, 0u64, 0u64, 0);
        for (group, count) in counts.cells(row) {
            n_cells += 1;
            if group < self.n_loud {
                total += count;
                n_loud += 1;
            }
            if count >> COUNT_BITS > 0 || u64::from(group) >> (64 - COUNT_BITS) > 0 {
                wide = WIDE;
            }
        }
        self.records.push(total);
        self.records.push(wide | n_cells << 32 | n_loud);
        for (group, count) in counts.cells(row) {
            if wide == 0 {
                self.records.push(u64::from(group) << COUNT_BITS | count);
            } else {
                self.records.extend([u64::from(group), count]);
            }
        }
        Ok(RECORD | place as u32)
    }

    /// The weight of something that occurs `count` times in the only group.
    pub(super) fn encode_count(&mut self, count: u64) -> Result<u32> {
        debug_assert_eq!((self.group_bits, self.n_loud), (0, 1), "there is one group");
        if count < u64::from(RECORD) {
            return Ok(count as u32);
        }
        let place = self.records.len();
        if place >= RECORD as usize {
            return Err(Error::TooLarge {
                message: "the sequences that occur 2^31 times fill more than 2^31 values".into(),
            });
        }
        self.records.extend([count, WIDE | 1 << 32 | 1, 0, count]);
        Ok(RECORD | place as u32)
    }

    /// The count over all groups but the silent ones.
    #[inline]
    pub(crate) fn total(&self, weight: u32) -> u64 {
        if weight < RECORD {
            u64::from(weight >> self.group_bits)
        } else {
            self.records[(weight & !RECORD) as usize]
        }
    }

    /// Calls `sink(group, count)` for every group but the silent ones, ascending.
    #[inline]
    pub(crate) fn each(&self, weight: u32, mut sink: impl FnMut(u32, u64)) {
        if weight < RECORD {
            let group = weight & ((1 << self.group_bits) - 1);
            sink(group, u64::from(weight >> self.group_bits));
        } else {
            self.each_of_both(weight, sink, |_, _| ());
        }
    }

    /// Calls `loud(group, count)` or `silent(group, count)` for every group, ascending.
    #[inline]
    pub(crate) fn each_of_both(
        &self,
        weight: u32,
        mut loud: impl FnMut(u32, u64),
        mut silent: impl FnMut(u32, u64),
    ) {
        if weight < RECORD {
            let group = weight & ((1 << self.group_bits) - 1);
            loud(group, u64::from(weight >> self.group_bits));
            return;
        }
        let place = (weight & !RECORD) as usize;
        let head = self.records[place + 1];
        let (n_cells, n_loud) = (((head & !WIDE) >> 32) as usize, head as u32 as usize);
        if head & WIDE == 0 {
            let (heard, unheard) = self.records[place + 2..place + 2 + n_cells].split_at(n_loud);
            for &cell in heard {
                loud((cell >> COUNT_BITS) as u32, cell & ((1 << COUNT_BITS) - 1));
            }
            for &cell in unheard {
                silent((cell >> COUNT_BITS) as u32, cell & ((1 << COUNT_BITS) - 1));
            }
        } else {
            let (heard, unheard) = self.records[place + 2..place + 2 + 2 * n_cells].split_at(2 * n_loud);
            for cell in heard.chunks_exact(2) {
                loud(cell[0] as u32, cell[1]);
            }
            for cell in unheard.chunks_exact(2) {
                silent(cell[0] as u32, cell[1]);
            }
        }
    }

    /// Calls `sink(group, count)` for every group, ascending, the silent ones last.
    pub(crate) fn each_with_silent(&self, weight: u32, sink: impl FnMut(u32, u64)) {
        let sink = RefCell::new(sink);
        let both = |group, count| sink.borrow_mut()(group, count);
        self.each_of_both(weight, both, both);
    }

    /// The count in one group, which is not silent.
    #[inline]
    pub(crate) fn count(&self, weight: u32, wanted: u32) -> u64 {
        if weight < RECORD {
            let is_wanted = weight & ((1 << self.group_bits) - 1) == wanted;
            return if is_wanted {
                u64::from(weight >> self.group_bits)
            } else {
                0
            };
        }
        let mut found = 0;
        self.each(weight, |group, count| {
            found += if group == wanted { count } else { 0 }
        });
        found
    }

    /// Asks for the cache line of a weight's record.
    #[inline]
    pub(crate) fn prefetch(&self, weight: u32) {
        if weight >= RECORD {
            super::pages::prefetch(&self.records, (weight & !RECORD) as usize);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_weight_says_what_the_row_says() {
        let rows: [&[(u32, u64)]; 6] = [
            &[(0, 7)],
            &[(2, 9)],
            &[(0, 1), (1, 3), (2, 5)],
            &[(1, (1 << 50) + 1)],
            &[(0, 1 << 45), (2, 1 << 41)],
            &[(1, 1 << 29)],
        ];
        let mut counts = PretokenCounts {
            groups: vec!["a".into(), "b".into(), "c".into()],
            offsets: vec![0],
            row_starts: vec![0],
            ..PretokenCounts::default()
        };
        for (row, cells) in (b'a'..).zip(rows) {
            counts.arena.push(row);
            counts.offsets.push(counts.arena.len() as u64);
            counts.group_ids.extend(cells.iter().map(|cell| cell.0));
            counts.counts.extend(cells.iter().map(|cell| cell.1));
            counts.row_starts.push(counts.counts.len() as u64);
        }
        for n_silent in 0..3 {
            let mut weights = Weights::new(3, n_silent);
            for (row, cells) in rows.iter().enumerate() {
                let weight = weights.encode(&counts, row).unwrap();
                let (mut loud, mut all) = (Vec::new(), Vec::new());
                weights.each(weight, |group, count| loud.push((group, count)));
                weights.each_with_silent(weight, |group, count| all.push((group, count)));
                let heard = cells.iter().filter(|cell| (cell.0 as usize) < 3 - n_silent);
                assert_eq!(all, *cells);
                assert_eq!(loud, heard.clone().copied().collect::<Vec<_>>());
                assert_eq!(weights.total(weight), heard.map(|cell| cell.1).sum::<u64>());
            }
        }
    }
}

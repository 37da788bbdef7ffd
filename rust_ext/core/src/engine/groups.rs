//! Pair counts per group: sparse rows, a floor and a heap for each group.
//!
//! Most pairs occur in one group only. Such a pair's share is its count, so its handle names the group and nothing
//! else is kept. Any other handle is the place of a record: how many shares, for how many there is room, then the
//! shares, groups ascending.

use super::heap::{Claim, Heap};
use super::table::{Entry, Table};
use super::ties::Ties;
use super::tokens::Tokens;
use super::weights::Weights;
use crate::{Error, Result};

/// One group's share of a pair's count.
pub(crate) type Share = (u32, u64);

/// Marks a handle that is a group.
const SINGLE: u32 = 1 << 31;
/// Records have room for a power of two of shares.
const CLASSES: usize = 32;

#[derive(Debug)]
pub(crate) struct Groups {
    floors: Vec<u64>,
    heaps: Vec<Heap>,
    records: Vec<Share>,
    /// Places of unused records, by the logarithm of their room.
    unused: Vec<Vec<u32>>,
}

impl Groups {
    pub(crate) fn new(n_groups: usize) -> Self {
        Self {
            floors: vec![1; n_groups],
            heaps: (0..n_groups).map(|_| Heap::default()).collect(),
            records: Vec::new(),
            unused: vec![Vec::new(); CLASSES],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.floors.len()
    }

    pub(crate) fn floor(&self, group: u32) -> u64 {
        self.floors[group as usize]
    }

    pub(crate) fn floors_mut(&mut self) -> &mut [u64] {
        &mut self.floors
    }

    pub(crate) fn heap(&self, group: u32) -> &Heap {
        &self.heaps[group as usize]
    }

    pub(crate) fn heap_mut(&mut self, group: u32) -> &mut Heap {
        &mut self.heaps[group as usize]
    }

    /// Forgets every pair.
    pub(crate) fn clear(&mut self) {
        self.heaps.iter_mut().for_each(Heap::clear);
        self.records.clear();
        self.unused.iter_mut().for_each(Vec::clear);
    }

    /// A handle for a pair with these shares, which sum to its count.
    pub(crate) fn add(&mut self, shares: &[Share]) -> Result<u32> {
        if let &[(group, _)] = shares {
            return Ok(SINGLE | group);
        }
        let place = self.record(shares.len())?;
        let start = place as usize;
        self.records[start].0 = shares.len() as u32;
        self.records[start + 1..=start + shares.len()].copy_from_slice(shares);
        Ok(place)
    }

    /// An empty record with room for so many shares.
    fn record(&mut self, n_shares: usize) -> Result<u32> {
        let class = n_shares.next_power_of_two().ilog2() as usize;
        if let Some(place) = self.unused[class].pop() {
            self.records[place as usize].0 = 0;
            return Ok(place);
        }
        let place = self.records.len();
        if place >= SINGLE as usize {
            return Err(Error::TooLarge {
                message: "the pairs that are followed have more than 2^31 counts by group".into(),
            });
        }
        self.records.resize(place + 1 + (1 << class), (0, 0));
        self.records[place] = (0, class as u64);
        Ok(place as u32)
    }

    pub(crate) fn remove(&mut self, handle: u32) {
        if handle & SINGLE == 0 {
            let class = self.records[handle as usize].1;
            self.unused[class as usize].push(handle);
        }
    }

    /// The shares of a record.
    fn recorded(&self, handle: u32) -> &[Share] {
        let start = handle as usize;
        &self.records[start + 1..start + 1 + self.records[start].0 as usize]
    }

    /// Calls `sink` with every share of a pair, groups ascending; some may be 0.
    pub(crate) fn each(&self, entry: &Entry, mut sink: impl FnMut(u32, u64)) {
        if entry.groups & SINGLE == 0 {
            self.recorded(entry.groups)
                .iter()
                .for_each(|&(group, count)| sink(group, count));
        } else {
            sink(entry.groups & !SINGLE, entry.count);
        }
    }

    /// The count of a pair in one group.
    pub(crate) fn count(&self, entry: &Entry, group: u32) -> u64 {
        if entry.groups & SINGLE != 0 {
            return if entry.groups & !SINGLE == group {
                entry.count
            } else {
                0
            };
        }
        let shares = self.recorded(entry.groups);
        shares
            .binary_search_by_key(&group, |&(g, _)| g)
            .map_or(0, |at| shares[at].1)
    }

    /// Adds to one group's share in a record, which may move; returns where it is then.
    fn raise(&mut self, handle: u32, group: u32, count: u64) -> Result<u32> {
        let (start, len) = (handle as usize, self.records[handle as usize].0 as usize);
        let at = match self.recorded(handle).binary_search_by_key(&group, |&(g, _)| g) {
            Ok(at) => {
                self.records[start + 1 + at].1 += count;
                return Ok(handle);
            }
            Err(at) => at,
        };
        let mut place = handle;
        if len == 1 << self.records[start].1 {
            place = self.record(len + 1)?;
            self.records
                .copy_within(start + 1..=start + len, place as usize + 1);
            self.remove(handle);
        }
        let start = place as usize;
        self.records
            .copy_within(start + 1 + at..=start + len, start + 2 + at);
        self.records[start + 1 + at] = (group, count);
        self.records[start].0 = len as u32 + 1;
        Ok(place)
    }

    /// Adds the counts of one more occurrence to a pair that is being counted: one with a record.
    pub(crate) fn raise_all(&mut self, entry: &mut Entry, weights: &Weights, weight: u32) -> Result<()> {
        let mut outcome = Ok(entry.groups);
        weights.each(weight, |group, count| {
            if let Ok(handle) = outcome {
                outcome = self.raise(handle, group, count);
            }
        });
        entry.groups = outcome?;
        Ok(())
    }

    /// Ends the counting of pairs: those that occur in one group give their records up.
    pub(crate) fn settle(&mut self, fresh: &mut Table) {
        for (_, entry) in fresh.iter_mut() {
            if let &[(group, _)] = self.recorded(entry.groups) {
                self.remove(entry.groups);
                entry.groups = SINGLE | group;
            }
        }
    }

    /// Takes `lost` (groups ascending) off a pair's shares; that of a single group falls with the pair's count.
    pub(crate) fn lower(&mut self, handle: u32, lost: &[Share]) {
        if handle & SINGLE != 0 {
            return;
        }
        let start = handle as usize;
        let len = self.records[start].0 as usize;
        let mut shares = self.records[start + 1..=start + len].iter_mut();
        for &(group, count) in lost {
            let share = shares.find(|share| share.0 == group);
            debug_assert!(share.is_some(), "a group loses what it has");
            if let Some(share) = share {
                share.1 -= count;
            }
        }
    }

    /// Whether some group could still choose a pair.
    pub(crate) fn reaches_floor(&self, entry: &Entry) -> bool {
        if entry.groups & SINGLE != 0 {
            return entry.count >= self.floors[(entry.groups & !SINGLE) as usize];
        }
        self.any_reaches_floor(self.recorded(entry.groups))
    }

    /// Whether some group could choose a pair with these shares.
    pub(crate) fn any_reaches_floor(&self, shares: &[Share]) -> bool {
        shares
            .iter()
            .any(|&(group, count)| count >= self.floors[group as usize])
    }

    /// Empties the heaps of the marked groups.
    pub(crate) fn clear_heaps(&mut self, marked: &[bool]) {
        for (heap, &marked) in self.heaps.iter_mut().zip(marked) {
            if marked {
                heap.clear();
            }
        }
    }

    /// Enters a pair into the heap of every `wanted` group that could choose it.
    pub(crate) fn claim(
        &mut self,
        key: u64,
        entry: &Entry,
        ties: &Ties,
        tokens: &Tokens,
        wanted: impl Fn(u32) -> bool,
    ) {
        let single = [(entry.groups & !SINGLE, entry.count)];
        let shares = if entry.groups & SINGLE == 0 {
            let start = entry.groups as usize;
            &self.records[start + 1..start + 1 + self.records[start].0 as usize]
        } else {
            &single[..]
        };
        for &(group, count) in shares {
            if count >= self.floors[group as usize] && wanted(group) {
                self.heaps[group as usize].push(Claim { count, key }, ties, tokens);
            }
        }
    }
}

/// Sums per (row, group) for the neighbours of one merge. Untouched sums are 0 at all times, so that neither a new
/// row nor an emptied one costs more than the groups it has touched.
#[derive(Debug, Default)]
pub(crate) struct GroupSums {
    n_groups: usize,
    n_rows: usize,
    sums: Vec<u64>,
    /// Which groups a row has touched, 64 to a word.
    touched: Vec<u64>,
}

impl GroupSums {
    /// Removes all rows.
    pub(crate) fn reset(&mut self, n_groups: usize) {
        let words = self.words();
        for row in 0..self.n_rows {
            for word in 0..words {
                let mut bits = std::mem::take(&mut self.touched[row * words + word]);
                while bits != 0 {
                    self.sums[row * self.n_groups + word * 64 + bits.trailing_zeros() as usize] = 0;
                    bits &= bits - 1;
                }
            }
        }
        self.n_rows = 0;
        self.n_groups = n_groups;
    }

    fn words(&self) -> usize {
        self.n_groups.div_ceil(64)
    }

    /// Adds an empty row.
    pub(crate) fn push_row(&mut self) {
        self.n_rows += 1;
        if self.sums.len() < self.n_rows * self.n_groups {
            self.sums.resize(2 * self.n_rows * self.n_groups, 0);
            self.touched.resize(2 * self.n_rows * self.words(), 0);
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, row: u32, group: u32, count: u64) {
        self.sums[row as usize * self.n_groups + group as usize] += count;
        self.touched[row as usize * self.n_groups.div_ceil(64) + group as usize / 64] |= 1 << (group % 64);
    }

    /// Writes the row's shares, groups ascending, without the zeros.
    pub(crate) fn shares(&self, row: u32, into: &mut Vec<Share>) {
        into.clear();
        let words = self.words();
        for word in 0..words {
            let mut bits = self.touched[row as usize * words + word];
            while bits != 0 {
                let group = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let sum = self.sums[row as usize * self.n_groups + group];
                if sum > 0 {
                    into.push((group as u32, sum));
                }
            }
        }
    }
}

//! Pair counts per group: sparse rows, a floor and a heap for each group.

use super::heap::{Claim, Heap};
use super::ties::Ties;
use super::tokens::Tokens;

/// One group's share of a pair's count.
pub(crate) type Share = (u32, u64);

#[derive(Debug)]
pub(crate) struct Groups {
    floors: Vec<u64>,
    heaps: Vec<Heap>,
    /// The shares of a followed pair, groups ascending, by the handle in its entry.
    shares: Vec<Vec<Share>>,
    unused: Vec<u32>,
}

impl Groups {
    pub(crate) fn new(n_groups: usize) -> Self {
        Self {
            floors: vec![1; n_groups],
            heaps: (0..n_groups).map(|_| Heap::default()).collect(),
            shares: Vec::new(),
            unused: Vec::new(),
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
        self.shares.clear();
        self.unused.clear();
    }

    /// A handle for a pair with these shares.
    pub(crate) fn add(&mut self, shares: &[Share]) -> u32 {
        if let Some(handle) = self.unused.pop() {
            self.shares[handle as usize].extend_from_slice(shares);
            return handle;
        }
        self.shares.push(shares.to_vec());
        (self.shares.len() - 1) as u32
    }

    pub(crate) fn remove(&mut self, handle: u32) {
        self.shares[handle as usize] = Vec::new();
        self.unused.push(handle);
    }

    pub(crate) fn shares(&self, handle: u32) -> &[Share] {
        &self.shares[handle as usize]
    }

    /// The count of a pair in one group.
    pub(crate) fn count(&self, handle: u32, group: u32) -> u64 {
        let shares = &self.shares[handle as usize];
        shares
            .binary_search_by_key(&group, |&(g, _)| g)
            .map_or(0, |at| shares[at].1)
    }

    /// Adds to one group's share.
    pub(crate) fn raise(&mut self, handle: u32, group: u32, count: u64) {
        let shares = &mut self.shares[handle as usize];
        match shares.binary_search_by_key(&group, |&(g, _)| g) {
            Ok(at) => shares[at].1 += count,
            Err(at) => shares.insert(at, (group, count)),
        }
    }

    /// Takes `lost` (groups ascending) off a pair's shares.
    pub(crate) fn lower(&mut self, handle: u32, lost: &[Share]) {
        let mut shares = self.shares[handle as usize].iter_mut();
        for &(group, count) in lost {
            let share = shares.find(|share| share.0 == group);
            debug_assert!(share.is_some(), "a group loses what it has");
            if let Some(share) = share {
                share.1 -= count;
            }
        }
    }

    /// Whether some group could still choose a pair with these shares.
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
        handle: u32,
        ties: &Ties,
        tokens: &Tokens,
        wanted: impl Fn(u32) -> bool,
    ) {
        for &(group, count) in &self.shares[handle as usize] {
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

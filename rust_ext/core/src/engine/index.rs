//! Counting the pairs from the words: at the start, and again whenever the floor is lowered.

use super::Engine;
use super::blocks::Blocks;
use super::groups::{Groups, Share};
use super::heap::Claim;
use super::table::{Entry, Table, VACANT};
use super::ties::key;
use crate::{Control, Result};

/// Below this many cells following every pair costs nothing.
const SMALL: usize = 1 << 16;
/// The side of the square of pairs of a small alphabet.
const SIDE: usize = 256;
/// At most this many counters decide which pairs may reach the floor.
const MAX_SKETCH: usize = 1 << 22;
/// Lowering a floor divides it by this.
const FLOOR_STEP: u64 = 8;
/// The first floor is this fraction of the average count that `expected_merges` merges could have.
const FIRST_FLOOR_DIVISOR: u64 = 64;

/// Counters shared by all pairs of one hash: a pair's count is at most its counter.
struct Sketch {
    counters: Vec<u32>,
    shift: u32,
}

impl Sketch {
    fn new(n_cells: usize) -> Self {
        let bits = n_cells.clamp(1 << 12, MAX_SKETCH).next_power_of_two().ilog2();
        Self {
            counters: vec![0; 1 << bits],
            shift: 64 - bits,
        }
    }

    #[inline]
    fn slot(&self, key: u64, salt: u64) -> usize {
        let mixed =
            (key ^ key >> 31 ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> self.shift) as usize
    }

    #[inline]
    fn add(&mut self, key: u64, salt: u64, count: u64) {
        let slot = self.slot(key, salt);
        let counter = &mut self.counters[slot];
        *counter = counter.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }

    #[inline]
    fn may_reach(&self, key: u64, salt: u64, floor: u64) -> bool {
        u64::from(self.counters[self.slot(key, salt)]) >= floor.min(u64::from(u32::MAX))
    }
}

impl Engine {
    fn lowest_floor(&self) -> u64 {
        self.setup.min_frequency.max(1)
    }

    /// Guesses the counts of the last merges from the size of the text.
    pub(super) fn set_first_floors(&mut self) {
        let lowest = self.lowest_floor();
        let small = self.words.cells.len() < SMALL;
        let first = self.setup.first_floor;
        let guess = |length: u64, merges: u64| match first {
            Some(floor) => floor.max(lowest),
            None if small => lowest,
            None => (length / merges.max(1) / FIRST_FLOOR_DIVISOR).max(lowest),
        };
        let merges = self.setup.expected_merges;
        self.floor = guess(self.words.lengths.iter().sum(), merges);
        if let Some(groups) = &mut self.groups {
            // Each group is served by its share of the merges.
            let served = merges / groups.len().max(1) as u64;
            for (floor, &length) in groups.floors_mut().iter_mut().zip(&self.words.lengths) {
                *floor = guess(length, served);
            }
        }
    }

    /// Lowers the floor of one column, and of the groups that are near theirs; false if it cannot be lower.
    pub(super) fn lower_floor(&mut self, group: Option<u32>) -> bool {
        let lowest = self.lowest_floor();
        let lower = |floor: u64| (floor / FLOOR_STEP).max(lowest);
        let Some(group) = group else {
            let can = self.floor > lowest;
            self.floor = lower(self.floor);
            return can;
        };
        if self
            .groups
            .as_ref()
            .is_none_or(|groups| groups.floor(group) <= lowest)
        {
            return false;
        }
        // Counting anew is the same work for one group and for all.
        for other in 0..self.n_groups() as u32 {
            let top = self.settle_top(Some(other)).map_or(0, |claim| claim.count);
            if let Some(groups) = &mut self.groups {
                let floor = &mut groups.floors_mut()[other as usize];
                if top < FLOOR_STEP * *floor {
                    *floor = lower(*floor);
                }
            }
        }
        true
    }

    /// Counts all pairs anew and follows those that reach a floor.
    pub(super) fn index(&mut self, control: &Control) -> Result<()> {
        self.torn = true;
        self.table = Table::new();
        self.heap.clear();
        if let Some(groups) = &mut self.groups {
            groups.clear();
        }
        if self.n_merges == 0 && self.n_given == 0 && self.layout.symbols.len() <= SIDE {
            self.index_small_alphabet(control)?;
        } else {
            self.index_any(control)?;
        }
        self.claim_all();
        self.torn = false;
        Ok(())
    }

    /// Before the first merge of at most 256 symbols all counts fit a square that stays in the cache.
    fn index_small_alphabet(&mut self, control: &Control) -> Result<()> {
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
            let by_total = lens[at] > 0 && counts[at] >= self.floor;
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
                groups: groups.as_mut().map_or(0, |groups| groups.add(&shares[at])),
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

    /// Any state: a sketch finds the pairs that may reach a floor, those are counted exactly, and those that do
    /// reach it get their positions.
    fn index_any(&mut self, control: &Control) -> Result<()> {
        let mut sketch = Sketch::new(self.words.cells.len());
        let mut table = std::mem::replace(&mut self.table, Table::new());
        let mut groups = self.groups.take();
        let everything = self.floor <= 1;

        control.start("indexing", 3);
        control.check()?;
        if !everything {
            self.walk_checked(control, |_, left, right, weight| {
                let key = key(left, right);
                match &groups {
                    None => sketch.add(key, 0, self.words.weights.total(weight)),
                    Some(_) => self.words.weights.each(weight, |group, count| {
                        sketch.add(key, u64::from(group) + 1, count);
                    }),
                }
                if groups.is_some() {
                    sketch.add(key, 0, self.words.weights.total(weight));
                }
                Ok(())
            })?;
        }
        control.advance(1);

        let may_be_followed = |sketch: &Sketch, groups: &Option<Groups>, key: u64, weight: u32| {
            if everything || sketch.may_reach(key, 0, self.floor) {
                return true;
            }
            let mut may = false;
            if let Some(groups) = groups {
                self.words.weights.each(weight, |group, _| {
                    may = may || sketch.may_reach(key, u64::from(group) + 1, groups.floor(group));
                });
            }
            may
        };
        if groups.is_some() {
            // A pair may first qualify through a later group: find them all before counting.
            self.walk_checked(control, |_, left, right, weight| {
                let key = key(left, right);
                if self.is_allowed(left, right)
                    && table.get(key).is_none()
                    && may_be_followed(&sketch, &groups, key, weight)
                {
                    table.insert(key, VACANT)?;
                }
                Ok(())
            })?;
            if let Some(groups) = &mut groups {
                table
                    .iter_mut()
                    .for_each(|(_, entry)| entry.groups = groups.add(&[]));
            }
        }
        self.walk_checked(control, |_, left, right, weight| {
            let key = key(left, right);
            if groups.is_none() {
                if !(everything || sketch.may_reach(key, 0, self.floor)) || !self.is_allowed(left, right) {
                    return Ok(());
                }
                if table.get(key).is_none() {
                    table.insert(key, VACANT)?;
                }
            }
            if let Some(entry) = table.get_mut(key) {
                entry.count += self.words.weights.total(weight);
                entry.len += 1;
                if let Some(groups) = &mut groups {
                    let handle = entry.groups;
                    self.words
                        .weights
                        .each(weight, |group, count| groups.raise(handle, group, count));
                }
            }
            Ok(())
        })?;
        control.advance(1);

        let misses = |&(_, entry): &(u64, &Entry)| {
            entry.count < self.floor
                && groups
                    .as_ref()
                    .is_none_or(|groups| !groups.any_reaches_floor(groups.shares(entry.groups)))
        };
        let dropped: Vec<u64> = table.iter().filter(misses).map(|(key, _)| key).collect();
        for key in dropped {
            if let (Some(entry), Some(groups)) = (table.remove(key), &mut groups) {
                groups.remove(entry.groups);
            }
        }
        self.blocks.restart(table.iter().map(|(_, entry)| entry.len));
        for (_, entry) in table.iter_mut() {
            entry.start = self.blocks.take(entry.len);
            entry.len = 0;
        }
        let mut blocks = std::mem::replace(&mut self.blocks, Blocks::new());
        self.walk_checked(control, |position, left, right, weight| {
            let key = key(left, right);
            if groups.is_none() && !(everything || sketch.may_reach(key, 0, self.floor)) {
                return Ok(());
            }
            let _ = weight;
            if let Some(entry) = table.get_mut(key) {
                blocks.write(entry.start + u64::from(entry.len), position);
                entry.len += 1;
            }
            Ok(())
        })?;
        control.advance(1);
        self.blocks = blocks;
        self.table = table;
        self.groups = groups;
        Ok(())
    }

    /// [`Engine::walk`] that looks up from time to time.
    fn walk_checked(
        &self,
        control: &Control,
        mut sink: impl FnMut(u32, u32, u32, u32) -> Result<()>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        let mut next_check = 0;
        self.walk(|position, left, right, weight| {
            if outcome.is_ok() {
                if position >= next_check {
                    next_check = position.saturating_add(1 << 18);
                    outcome = control.check();
                }
                if outcome.is_ok() {
                    outcome = sink(position, left, right, weight);
                }
            }
        });
        outcome
    }

    /// Enters every followed pair into the heaps.
    fn claim_all(&mut self) {
        let mut claims: Vec<Claim> = self
            .table
            .iter()
            .map(|(key, entry)| Claim {
                count: entry.count,
                key,
            })
            .collect();
        // Descending counts enter a heap without moving anything.
        claims.sort_unstable_by_key(|claim| (std::cmp::Reverse(claim.count), claim.key));
        for claim in claims {
            if claim.count >= self.floor {
                self.heap.push(claim, &self.ties, &self.tokens);
            }
            if let (Some(groups), Some(entry)) = (&mut self.groups, self.table.get(claim.key)) {
                groups.claim(claim.key, entry.groups, &self.ties, &self.tokens);
            }
        }
    }
}

//! Counting the pairs from the words: at the start, and again whenever the floor is lowered.

use super::Engine;
use super::cells::EDGE;
use super::groups::Groups;
use super::heap::Claim;
use super::table::{Entry, Table, VACANT};
use super::ties::key;
use crate::{Control, Result};

/// Below this many cells following every pair costs nothing.
const SMALL: usize = 1 << 16;
/// At most this many counters decide which pairs may reach the floor.
const MAX_SKETCH: usize = 1 << 22;
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
            for (floor, &length) in groups.floors_mut().iter_mut().zip(&self.words.lengths) {
                *floor = guess(length, merges);
            }
        }
    }

    /// Lowers the floor of one column; false if it cannot be lower.
    pub(super) fn lower_floor(&mut self, group: Option<u32>) -> bool {
        let lowest = self.lowest_floor();
        let floor = match (group, &mut self.groups) {
            (Some(group), Some(groups)) => &mut groups.floors_mut()[group as usize],
            _ => &mut self.floor,
        };
        if *floor <= lowest {
            return false;
        }
        *floor = (*floor / 8).max(lowest);
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
        if self.groups.is_none() && self.n_merges == 0 && self.layout.symbols.len() <= 256 {
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
        const SIDE: usize = 256;
        let mut place = vec![0u32; self.tokens.len()];
        for (index, &symbol) in self.layout.symbols.iter().enumerate() {
            place[symbol as usize] = index as u32;
        }
        let mut counts = vec![0u64; SIDE * SIDE];
        let mut lens = vec![0u32; SIDE * SIDE];
        let chunks = |n: usize| (0..n.saturating_sub(1)).step_by(1 << 20);
        let n_cells = self.words.cells.len();
        control.start("indexing", 2 * n_cells as u64);
        for chunk in chunks(n_cells) {
            control.check()?;
            let cells = &self.words.cells[chunk..n_cells.min(chunk + (1 << 20) + 1)];
            for two in cells.windows(2) {
                if two[0].symbol != EDGE && two[1].symbol != EDGE {
                    let at = place[two[0].symbol as usize] as usize * SIDE
                        + place[two[1].symbol as usize] as usize;
                    counts[at] += self.words.weights.total(two[0].weight);
                    lens[at] += 1;
                }
            }
            control.advance(cells.len() as u64);
        }
        let mut cursors = vec![u64::MAX; SIDE * SIDE];
        let symbols = self.layout.symbols.clone();
        let reaches = |at: &usize| lens[*at] > 0 && counts[*at] >= self.floor;
        let followed: Vec<usize> = (0..SIDE * SIDE).filter(reaches).collect();
        self.blocks.restart(followed.iter().map(|&at| lens[at]));
        for at in followed {
            let (left, right) = (symbols[at / SIDE], symbols[at % SIDE]);
            let start = self.blocks.take(lens[at]);
            cursors[at] = start;
            let entry = Entry {
                count: counts[at],
                start,
                len: lens[at],
                groups: 0,
            };
            self.table.insert(key(left, right), entry)?;
        }
        for chunk in chunks(n_cells) {
            control.check()?;
            let end = n_cells.min(chunk + (1 << 20) + 1);
            for (position, two) in (chunk..).zip(self.words.cells[chunk..end].windows(2)) {
                if two[0].symbol != EDGE && two[1].symbol != EDGE {
                    let at = place[two[0].symbol as usize] as usize * SIDE
                        + place[two[1].symbol as usize] as usize;
                    if cursors[at] != u64::MAX {
                        self.blocks.write(cursors[at], position as u32);
                        cursors[at] += 1;
                    }
                }
            }
            control.advance((end - chunk) as u64);
        }
        Ok(())
    }

    /// Any state: a sketch finds the pairs that may reach a floor, those are counted exactly, and those that do
    /// reach it get their positions.
    fn index_any(&mut self, control: &Control) -> Result<()> {
        let mut sketch = Sketch::new(self.words.cells.len());
        let mut table = std::mem::replace(&mut self.table, super::Table::new());
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
                table.iter_mut().for_each(|(_, entry)| entry.groups = groups.add(&[]));
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
        let mut blocks = std::mem::replace(&mut self.blocks, super::Blocks::new());
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

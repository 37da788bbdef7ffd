//! The pairs that are being followed: open addressing, linear probing, no tombstones. Keys stand apart from what
//! they lead to, because most look-ups are for pairs that are not followed and end at the keys.

use super::pages::prefetch;
use crate::room::require_for_training;
use crate::{Error, Result};

/// No pair has this key: ids stay below the marks.
const EMPTY: u64 = u64::MAX;

/// A followed pair: its count and its occurrence list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The exact count over all groups.
    pub(crate) count: u64,
    /// Where its occurrence list starts.
    pub(crate) start: u64,
    /// How many positions the list holds, stale ones included.
    pub(crate) len: u32,
    /// Its per-group counts, where these are kept.
    pub(crate) groups: u32,
}

pub(crate) const VACANT: Entry = Entry {
    count: 0,
    start: 0,
    len: 0,
    groups: 0,
};

#[derive(Debug)]
pub(crate) struct Table {
    keys: Vec<u64>,
    entries: Vec<Entry>,
    shift: u32,
    used: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::with_bits(10)
    }

    fn with_bits(bits: u32) -> Self {
        Self {
            keys: vec![EMPTY; 1 << bits],
            entries: vec![VACANT; 1 << bits],
            shift: 64 - bits,
            used: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        // Two odd constants, one per half, so that neither id alone decides the high bits.
        let mixed = (key >> 32)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add((key & 0xffff_ffff).wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
        (mixed >> self.shift) as usize
    }

    /// The slot of `key`, or of the vacancy where it belongs.
    #[inline]
    fn probe(&self, key: u64) -> usize {
        let mask = self.keys.len() - 1;
        let mut at = self.home(key);
        while self.keys[at] != key && self.keys[at] != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    /// Asks for the cache line where a look-up of `key` will begin.
    #[inline]
    pub(crate) fn prefetch(&self, key: u64) {
        prefetch(&self.keys, self.home(key));
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<&Entry> {
        let at = self.probe(key);
        (self.keys[at] == key).then(|| &self.entries[at])
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut Entry> {
        let at = self.probe(key);
        (self.keys[at] == key).then(|| &mut self.entries[at])
    }

    /// Adds an entry whose key is not there yet.
    pub(crate) fn insert(&mut self, key: u64, entry: Entry) -> Result<()> {
        if (self.used + 1) * 8 > self.keys.len() * 5 {
            self.grow()?;
        }
        let at = self.probe(key);
        debug_assert!(self.keys[at] == EMPTY, "a pair is followed once");
        self.keys[at] = key;
        self.entries[at] = entry;
        self.used += 1;
        Ok(())
    }

    fn grow(&mut self) -> Result<()> {
        let bits = 65 - self.shift;
        if bits > 40 {
            return Err(Error::TooLarge {
                message: "more than 2^40 pairs to follow".into(),
            });
        }
        require_for_training(
            (size_of::<u64>() + size_of::<Entry>()) << bits,
            "the pairs it follows",
        )?;
        let old = std::mem::replace(self, Self::with_bits(bits));
        for (key, entry) in old.keys.into_iter().zip(old.entries) {
            if key != EMPTY {
                let at = self.probe(key);
                self.keys[at] = key;
                self.entries[at] = entry;
                self.used += 1;
            }
        }
        Ok(())
    }

    /// Removes `key` and closes the gap, so that probing never meets a tombstone.
    pub(crate) fn remove(&mut self, key: u64) -> Option<Entry> {
        let mask = self.keys.len() - 1;
        let mut gap = self.probe(key);
        if self.keys[gap] == EMPTY {
            return None;
        }
        let removed = self.entries[gap];
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let key = self.keys[at];
            if key == EMPTY {
                break;
            }
            // An entry may move into the gap unless its home lies behind the gap.
            let home = self.home(key);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.keys[gap] = key;
                self.entries[gap] = self.entries[at];
                gap = at;
            }
        }
        self.keys[gap] = EMPTY;
        self.used -= 1;
        Some(removed)
    }

    /// All entries, in no order that may reach an output.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.keys
            .iter()
            .copied()
            .zip(&self.entries)
            .filter(|&(key, _)| key != EMPTY)
    }

    /// All entries, to be changed in any order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Entry)> {
        self.keys
            .iter()
            .copied()
            .zip(&mut self.entries)
            .filter(|&(key, _)| key != EMPTY)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn behaves_like_a_map_under_insertions_and_removals() {
        let mut table = Table::new();
        let mut twin = BTreeMap::new();
        let mut state = 1u64;
        for step in 0..200_000u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let key = (((state >> 40) % 3000) << 32) | ((state >> 20) % 7);
            if state >> 63 == 0 {
                assert_eq!(table.remove(key).map(|entry| entry.count), twin.remove(&key));
            } else if let std::collections::btree_map::Entry::Vacant(vacancy) = twin.entry(key) {
                vacancy.insert(step);
                let entry = Entry {
                    count: step,
                    ..VACANT
                };
                table.insert(key, entry).unwrap();
            }
            assert_eq!(table.get(key).map(|entry| entry.count), twin.get(&key).copied());
        }
        let mut rest: Vec<(u64, u64)> = table.iter().map(|(key, entry)| (key, entry.count)).collect();
        rest.sort_unstable();
        assert_eq!(rest, twin.into_iter().collect::<Vec<_>>());
    }
}

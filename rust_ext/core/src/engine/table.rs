//! The pairs that are being followed: open addressing, linear probing, 32-byte entries, no tombstones.

use crate::{Error, Result};

/// No pair has this key: ids stay below the marks.
const EMPTY: u64 = u64::MAX;

/// A followed pair: its count and its occurrence list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) key: u64,
    /// The exact count over all groups.
    pub(crate) count: u64,
    /// Where its occurrence list starts.
    pub(crate) start: u64,
    /// How many positions the list holds, stale ones included.
    pub(crate) len: u32,
    /// Its per-group counts, where these are kept.
    pub(crate) groups: u32,
}

const VACANT: Entry = Entry {
    key: EMPTY,
    count: 0,
    start: 0,
    len: 0,
    groups: 0,
};

#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Entry>,
    shift: u32,
    used: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::with_bits(10)
    }

    fn with_bits(bits: u32) -> Self {
        Self {
            slots: vec![VACANT; 1 << bits],
            shift: 64 - bits,
            used: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Removes all entries and sizes the table for `expected` ones.
    pub(crate) fn clear_for(&mut self, expected: usize) {
        *self = Self::with_bits(((expected * 2).max(1024)).next_power_of_two().ilog2());
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
        let mask = self.slots.len() - 1;
        let mut at = self.home(key);
        while self.slots[at].key != key && self.slots[at].key != EMPTY {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<&Entry> {
        let entry = &self.slots[self.probe(key)];
        (entry.key == key).then_some(entry)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut Entry> {
        let at = self.probe(key);
        let entry = &mut self.slots[at];
        (entry.key == key).then_some(entry)
    }

    /// Adds an entry whose key is not there yet.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<()> {
        if (self.used + 1) * 8 > self.slots.len() * 5 {
            self.grow()?;
        }
        let at = self.probe(entry.key);
        debug_assert!(self.slots[at].key == EMPTY, "a pair is followed once");
        self.slots[at] = entry;
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
        let old = std::mem::replace(self, Self::with_bits(bits));
        for entry in old.slots {
            if entry.key != EMPTY {
                let at = self.probe(entry.key);
                self.slots[at] = entry;
                self.used += 1;
            }
        }
        Ok(())
    }

    /// Removes `key` and closes the gap, so that probing never meets a tombstone.
    pub(crate) fn remove(&mut self, key: u64) -> Option<Entry> {
        let mask = self.slots.len() - 1;
        let mut gap = self.probe(key);
        let removed = self.slots[gap];
        if removed.key == EMPTY {
            return None;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let entry = self.slots[at];
            if entry.key == EMPTY {
                break;
            }
            // An entry may move into the gap unless its home lies behind the gap.
            let home = self.home(entry.key);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.slots[gap] = entry;
                gap = at;
            }
        }
        self.slots[gap] = VACANT;
        self.used -= 1;
        Some(removed)
    }

    /// All entries, in no order that may reach an output.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().filter(|entry| entry.key != EMPTY)
    }

    /// All entries, to be changed in any order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.slots.iter_mut().filter(|entry| entry.key != EMPTY)
    }
}

#[cfg(test)]
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
            let key = (state >> 40) % 3000 << 32 | (state >> 20) % 7;
            if state >> 63 == 0 {
                assert_eq!(table.remove(key).map(|entry| entry.count), twin.remove(&key));
            } else if !twin.contains_key(&key) {
                twin.insert(key, step);
                table
                    .insert(Entry {
                        key,
                        count: step,
                        ..VACANT
                    })
                    .unwrap();
            }
            assert_eq!(table.get(key).map(|entry| entry.count), twin.get(&key).copied());
        }
        assert_eq!(table.len(), twin.len());
        for (&key, &count) in &twin {
            assert_eq!(table.get(key).unwrap().count, count);
        }
    }
}

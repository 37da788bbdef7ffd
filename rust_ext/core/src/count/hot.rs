//! The pretokens of the moment: a small cache before a large table.
//!
//! Most of a text are words that have just been seen. Their counts stay here, in the second-level cache of the
//! processor; only what is pushed out reaches the table, whose slots lie in main memory. Each pretoken has one
//! place of two entries: a new one takes the second, and moves to the first when it is met again, so that words
//! that occur once push out each other and not the frequent ones.

use crate::engine::pages::prefetch;

/// Pairs of a cache without a bound on its memory: 512 KiB.
pub const PAIRS: usize = 1 << 13;

/// A short pretoken, its hash, and how often it has been met since it came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// The key of the table.
    pub key: u128,
    /// The hash of the key.
    pub hash: u64,
    /// 0 for an entry that is free.
    pub count: u64,
}

/// Two entries in one cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Pair {
    first: Entry,
    second: Entry,
}

/// A cache of counts.
#[derive(Debug)]
pub struct Hot {
    pairs: Vec<Pair>,
    shift: u32,
    /// The pairs that hold something, in the order in which they were first used.
    used: Vec<u32>,
}

impl Hot {
    /// An empty cache of `n_pairs`, a power of two of at least 2.
    pub fn new(n_pairs: usize) -> Self {
        Self {
            pairs: vec![Pair::default(); n_pairs],
            shift: 64 - n_pairs.trailing_zeros(),
            used: Vec::new(),
        }
    }

    /// Asks for the cache line of a hash.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&self.pairs, (hash >> self.shift) as usize);
    }

    /// Counts one occurrence; returns what it pushes out (perhaps a free entry), `None` if nothing.
    #[inline]
    pub fn add(&mut self, key: u128, hash: u64) -> Option<Entry> {
        let place = (hash >> self.shift) as usize;
        let pair = &mut self.pairs[place];
        if pair.first.key == key {
            pair.first.count += 1;
            return None;
        }
        if pair.second.key == key {
            pair.second.count += 1;
            std::mem::swap(&mut pair.first, &mut pair.second);
            return None;
        }
        if pair.second.count == 0 && pair.first.count == 0 {
            self.used.push(place as u32);
        }
        let entry = Entry { key, hash, count: 1 };
        Some(std::mem::replace(&mut pair.second, entry))
    }

    /// Whether nothing is in.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// Takes everything out, in time that follows what is in.
    pub fn drain(&mut self) -> impl Iterator<Item = Entry> + '_ {
        let pairs = &mut self.pairs;
        self.used
            .drain(..)
            .flat_map(|place| {
                let Pair { first, second } = std::mem::take(&mut pairs[place as usize]);
                [first, second]
            })
            .filter(|entry| entry.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_the_frequent_stay() {
        let mut hot = Hot::new(2);
        let mut counts = [0u64; 50];
        let mut state = 1u64;
        let mut pushed_out = 0;
        for step in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let word = if step % 2 == 0 { 7 } else { state >> 33 } % 50;
            counts[word as usize] += 1;
            let key = u128::from(word) << 64 | 1;
            if let Some(out) = hot.add(key, word << 59) {
                counts[(out.key >> 64) as usize] -= out.count;
                pushed_out += u64::from(out.key >> 64 == 7 && out.count > 0);
            }
        }
        assert!(
            pushed_out < 500,
            "the frequent word was pushed out {pushed_out} times"
        );
        for entry in hot.drain().collect::<Vec<_>>() {
            counts[(entry.key >> 64) as usize] -= entry.count;
        }
        assert_eq!(counts, [0; 50]);
        assert_eq!(hot.drain().count(), 0);
    }
}

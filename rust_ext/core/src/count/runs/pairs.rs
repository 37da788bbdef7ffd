//! Which neighbours occur often enough: counters of pairs in a fixed room.
//!
//! Pairs share counters by their hashes, so a counter says at most too much, never too little: a pair whose counter
//! does not exceed the floor does not exceed it either. A counter is left alone once it exceeds the floor, so
//! threads hardly ever write to the same one, and the outcome does not depend on their order.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counters: 64 MiB. At 50 million different pairs about three share one, far below the floors of large texts.
const BITS: u32 = 24;

/// The counters of pairs.
pub struct Pairs {
    counters: Box<[AtomicU32]>,
    floor: u32,
}

impl Pairs {
    /// All at 0; a pair is frequent when it occurs more than `floor` times.
    pub fn new(floor: u64) -> Self {
        Self {
            counters: (0..1 << BITS).map(|_| AtomicU32::new(0)).collect(),
            floor: u32::try_from(floor).unwrap_or(u32::MAX - 1).min(u32::MAX - 1),
        }
    }

    fn counter(&self, left: u32, right: u32) -> &AtomicU32 {
        let key = (u64::from(left) << 32 | u64::from(right)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = (key ^ key >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        &self.counters[(key >> (64 - BITS)) as usize]
    }

    /// Counts one occurrence.
    #[inline]
    pub fn note(&self, left: u32, right: u32) {
        let counter = self.counter(left, right);
        // Two threads may both pass the test: the counter then exceeds the floor by more, which says the same.
        if counter.load(Ordering::Relaxed) <= self.floor {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a pair may occur more than `floor` times; if it does, this is true.
    #[inline]
    pub fn is_frequent(&self, left: u32, right: u32) -> bool {
        self.counter(left, right).load(Ordering::Relaxed) > self.floor
    }
}

//! An upper bound of every pair's count in little memory: what lies below a floor here needs no exact count.

/// At most this many counters.
const MAX_COUNTERS: usize = 1 << 22;

/// Counters shared by all pairs of one hash: a pair's count is at most its counter.
pub(super) struct Sketch {
    counters: Vec<u32>,
    shift: u32,
}

impl Sketch {
    pub(super) fn new(n_cells: usize) -> Self {
        let bits = n_cells.clamp(1 << 12, MAX_COUNTERS).next_power_of_two().ilog2();
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
    pub(super) fn add(&mut self, key: u64, salt: u64, count: u64) {
        let slot = self.slot(key, salt);
        let counter = &mut self.counters[slot];
        *counter = counter.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }

    #[inline]
    pub(super) fn may_reach(&self, key: u64, salt: u64, floor: u64) -> bool {
        u64::from(self.counters[self.slot(key, salt)]) >= floor.min(u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_never_below_the_count() {
        let mut sketch = Sketch::new(0);
        for key in 0..20_000u64 {
            sketch.add(key << 32 | 5, key % 3, key);
        }
        assert!((0..20_000u64).all(|key| sketch.may_reach(key << 32 | 5, key % 3, key)));
        sketch.add(1, 0, u64::MAX);
        sketch.add(1, 0, 7);
        assert!(sketch.may_reach(1, 0, u64::MAX));
    }

    #[test]
    fn it_tells_rare_pairs_from_frequent_ones() {
        let mut sketch = Sketch::new(1 << 16);
        (0..1000u64).for_each(|key| sketch.add(key, 0, 1));
        assert!((0..1000u64).filter(|&key| sketch.may_reach(key, 0, 2)).count() < 100);
    }
}

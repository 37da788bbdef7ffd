//! Occurrence lists: contiguous blocks of positions in one arena; a freed block serves the next list of its
//! size class.

/// Capacities come in four steps per octave, so a block wastes at most a fifth of itself.
const CLASSES: usize = 128;

#[derive(Debug)]
pub(crate) struct Blocks {
    arena: Vec<u32>,
    free: Vec<Vec<u64>>,
}

/// Size class of a list, and the capacity of that class.
fn class(len: u32) -> (usize, usize) {
    let len = (len.max(4)) as usize;
    let octave = len.ilog2() as usize;
    let step = 1usize << (octave - 2);
    let quarters = len.div_ceil(step);
    ((octave - 2) * 4 + quarters - 4, quarters * step)
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self {
            arena: Vec::new(),
            free: vec![Vec::new(); CLASSES + 1],
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.arena.len()
    }

    /// Forgets all lists and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.free.iter_mut().for_each(Vec::clear);
    }

    /// Makes room for lists of `positions` in all without growing by more than that.
    pub(crate) fn reserve(&mut self, positions: usize) {
        self.arena.reserve_exact(positions + positions / 8);
    }

    /// The start of a block for `len` positions, whose content is arbitrary.
    pub(crate) fn take(&mut self, len: u32) -> u64 {
        let (class, capacity) = class(len);
        if let Some(start) = self.free[class].pop() {
            return start;
        }
        let start = self.arena.len();
        let needed = start + capacity;
        if needed > self.arena.capacity() {
            // Doubling would double the peak; an eighth keeps the copies rare enough (most are remappings).
            self.arena.reserve_exact((start / 8).max(capacity).max(1 << 16));
        }
        self.arena.resize(needed, 0);
        start as u64
    }

    /// Gives the block of a list of `len` positions back.
    pub(crate) fn give_back(&mut self, start: u64, len: u32) {
        self.free[class(len).0].push(start);
    }

    #[inline]
    pub(crate) fn list(&self, start: u64, len: u32) -> &[u32] {
        &self.arena[start as usize..start as usize + len as usize]
    }

    #[inline]
    pub(crate) fn write(&mut self, at: u64, position: u32) {
        self.arena[at as usize] = position;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_lengths_and_wastes_little() {
        let mut last = (0, 0);
        for len in 1..100_000u32 {
            let (index, capacity) = class(len);
            assert!(capacity >= len as usize && index < CLASSES);
            assert!(len < 4 || (capacity - len as usize) * 4 <= len as usize, "{len}");
            assert!(index >= last.0 && capacity >= last.1);
            assert_eq!(index == last.0 && len > 1, capacity == last.1);
            last = (index, capacity);
        }
        assert!(class(u32::MAX).0 < CLASSES);
    }

    #[test]
    fn a_freed_block_is_used_again() {
        let mut blocks = Blocks::new();
        let first = blocks.take(9);
        let second = blocks.take(9);
        assert_ne!(first, second);
        blocks.give_back(first, 9);
        assert_eq!(blocks.take(10), first);
    }
}

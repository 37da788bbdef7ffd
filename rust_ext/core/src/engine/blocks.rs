//! Occurrence lists: contiguous blocks of positions. A freed block serves the next lists of its size or smaller,
//! so the lists of a run fit into little more than the memory of the first ones.

use super::pages;
use crate::Result;
use crate::room::require_for_training;

/// Capacities come in four steps per octave from 4 up, so a block wastes at most a fifth of itself.
const CLASSES: usize = 128;
/// Positions per segment once the first one is full. Segments never move, so growing copies nothing.
const SEGMENT: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Blocks {
    segments: Vec<Vec<u32>>,
    /// Starts of the free blocks of each class.
    free: Vec<Vec<u64>>,
    /// Which classes have free blocks.
    stocked: u128,
}

/// The smallest class that holds `len` positions, and its capacity.
#[inline]
fn class(len: usize) -> (usize, usize) {
    let len = len.max(4);
    let octave = len.ilog2() as usize;
    let step = 1usize << (octave - 2);
    let quarters = len.div_ceil(step);
    ((octave - 2) * 4 + quarters - 4, quarters * step)
}

/// The capacity of a class.
#[inline]
fn capacity(class: usize) -> usize {
    (4 + class % 4) << (class / 4)
}

impl Blocks {
    pub(crate) fn new() -> Self {
        Self {
            segments: Vec::new(),
            free: vec![Vec::new(); CLASSES],
            stocked: 0,
        }
    }

    /// Forgets all lists and makes room for new ones of `lens`.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] for memory that is not granted.
    pub(crate) fn restart(&mut self, lens: impl Iterator<Item = u32>) -> Result<()> {
        let positions: usize = lens.map(|len| class(len as usize).1).sum();
        self.free.iter_mut().for_each(Vec::clear);
        self.stocked = 0;
        self.segments.clear();
        if positions > 0 {
            self.add_segment(positions)?;
        }
        Ok(())
    }

    /// Asks for the memory before taking it: a refusal comes back as an error and leaves the lists whole.
    fn add_segment(&mut self, positions: usize) -> Result<()> {
        require_for_training(positions * size_of::<u32>(), "the places of the pairs")?;
        self.segments.push(pages::vec_with_capacity(positions));
        Ok(())
    }

    /// The start of a block for `len` positions, whose content is arbitrary.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] for memory that is not granted.
    pub(crate) fn take(&mut self, len: u32) -> Result<u64> {
        let (class, wanted) = class(len as usize);
        let larger = self.stocked >> class;
        if larger != 0 {
            let found = class + larger.trailing_zeros() as usize;
            if let Some(start) = self.free[found].pop() {
                if self.free[found].is_empty() {
                    self.stocked &= !(1 << found);
                }
                self.stock(start + wanted as u64, capacity(found) - wanted);
                return Ok(start);
            }
        }
        let room = |segment: &Vec<u32>| segment.capacity() - segment.len();
        if self.segments.last().is_none_or(|last| room(last) < wanted) {
            if let Some(last) = self.segments.last_mut() {
                // The rest of the last segment is free space too.
                let (start, rest) = (last.len(), last.capacity() - last.len());
                last.resize(start + rest, 0);
                let start = address(self.segments.len() - 1, start);
                self.stock(start, rest);
            }
            self.add_segment(wanted.max(SEGMENT))?;
        }
        let index = self.segments.len() - 1;
        let segment = &mut self.segments[index];
        let start = segment.len();
        segment.resize(start + wanted, 0);
        Ok(address(index, start))
    }

    /// Whether a list of `grown` positions fits the block of a list of `len`.
    pub(crate) fn same_capacity(len: u32, grown: u32) -> bool {
        class(len as usize).0 == class(grown as usize).0
    }

    /// Gives the block of a list of `len` positions back.
    pub(crate) fn give_back(&mut self, start: u64, len: u32) {
        let class = class(len as usize).0;
        self.free[class].push(start);
        self.stocked |= 1 << class;
    }

    /// Frees `size` positions: as one block, but for what no class fits.
    fn stock(&mut self, start: u64, size: usize) {
        if size < 4 {
            return;
        }
        let (above, held) = class(size);
        let class = if held > size { above - 1 } else { above };
        self.free[class].push(start);
        self.stocked |= 1 << class;
    }

    #[inline]
    pub(crate) fn list(&self, start: u64, len: u32) -> &[u32] {
        let from = start as u32 as usize;
        &self.segments[(start >> 32) as usize][from..from + len as usize]
    }

    #[inline]
    pub(crate) fn write(&mut self, at: u64, position: u32) {
        self.segments[(at >> 32) as usize][at as u32 as usize] = position;
    }
}

/// The address of a place: the segment above, the position in it below.
fn address(segment: usize, at: usize) -> u64 {
    (segment as u64) << 32 | at as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_lengths_and_wastes_little() {
        let mut last = (0, 0);
        for len in 1..100_000 {
            let (index, held) = class(len);
            assert_eq!(capacity(index), held);
            assert!(held >= len && index < CLASSES);
            assert!(len < 4 || (held - len) * 4 <= len, "{len}");
            assert!(index >= last.0 && held >= last.1);
            last = (index, held);
        }
        assert!(class(u32::MAX as usize).0 < CLASSES);
    }

    #[test]
    fn a_freed_block_is_used_again_whole_or_in_parts() {
        let mut blocks = Blocks::new();
        let first = blocks.take(1000).unwrap();
        let second = blocks.take(9).unwrap();
        assert_ne!(first, second);
        blocks.give_back(first, 1000);
        assert_eq!(blocks.take(600).unwrap(), first);
        assert_eq!(blocks.take(200).unwrap(), first + 640);
        blocks.give_back(second, 9);
        assert_eq!(blocks.take(10).unwrap(), second);
    }

    #[test]
    fn blocks_in_use_never_overlap() {
        let mut blocks = Blocks::new();
        blocks.restart([500u32, 70_000].into_iter()).unwrap();
        let mut held: Vec<(u64, u32, u32)> = Vec::new();
        let mut state = 7u64;
        for stamp in 0..20_000u32 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if state >> 62 == 0 && !held.is_empty() {
                let (start, len, stamp) = held.swap_remove((state >> 20) as usize % held.len());
                assert!(blocks.list(start, len).iter().all(|&value| value == stamp));
                blocks.give_back(start, len);
            } else {
                let len = 1 + (state >> 40) as u32 % (1 << ((state >> 32) % 14));
                let start = blocks.take(len).unwrap();
                for at in 0..u64::from(len) {
                    blocks.write(start + at, stamp);
                }
                held.push((start, len, stamp));
            }
        }
        for (start, len, stamp) in held {
            assert!(blocks.list(start, len).iter().all(|&value| value == stamp));
        }
    }
}

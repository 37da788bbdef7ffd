//! How low a count can be and still be followed: where the floors start, and how they sink.

use super::Engine;
use super::index::Columns;
use crate::{Control, Result};

/// Below this many cells following every pair costs nothing.
const SMALL: usize = 1 << 16;
/// Lowering a floor divides it by this.
const FLOOR_STEP: u64 = 8;
/// The first floor is this fraction of the average count that `expected_merges` merges could have.
const FIRST_FLOOR_DIVISOR: u64 = 64;

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

    /// Lowers the floor of one column, and of the groups that are near theirs, and follows the pairs that now
    /// reach it; false if the floor cannot be lower.
    pub(super) fn lower_floor(&mut self, group: Option<u32>, control: &Control) -> Result<bool> {
        let lowest = self.lowest_floor();
        let lower = |floor: u64| (floor / FLOOR_STEP).max(lowest);
        let mut columns = Columns {
            total: group.is_none(),
            groups: self
                .groups
                .as_ref()
                .map_or_else(Vec::new, |groups| vec![false; groups.len()]),
        };
        let Some(group) = group else {
            if self.floor <= lowest {
                return Ok(false);
            }
            self.floor = lower(self.floor);
            self.follow_missing(&columns, control)?;
            return Ok(true);
        };
        if self
            .groups
            .as_ref()
            .is_none_or(|groups| groups.floor(group) <= lowest)
        {
            return Ok(false);
        }
        for other in 0..self.n_groups() as u32 {
            let top = self.settle_top(Some(other)).map_or(0, |claim| claim.count);
            if let Some(groups) = &mut self.groups {
                let floor = &mut groups.floors_mut()[other as usize];
                if top < 2 * *floor && *floor > lowest {
                    *floor = lower(*floor);
                    columns.groups[other as usize] = true;
                }
            }
        }
        self.follow_missing(&columns, control)?;
        Ok(true)
    }
}

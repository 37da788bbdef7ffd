//! How low a count can be and still be followed: where the floors start, and how they sink.

use super::Engine;
use super::groups::Groups;
use super::index::Columns;
use crate::{Control, Result};

/// Below this many cells following every pair costs nothing.
const SMALL: usize = 1 << 16;
/// Lowering a floor divides it by this.
const FLOOR_STEP: u64 = 8;
/// The first floor is this fraction of the average count that `expected_merges` merges could have.
const FIRST_FLOOR_DIVISOR: u64 = 64;
/// The same for one group. Languages share merges and are served unequally, so their counts differ more.
const FIRST_GROUP_FLOOR_DIVISOR: u64 = 256;
/// A floor at most so many times the lowest one might as well be the lowest: few pairs lie between.
const NEARLY_LOWEST: u64 = 8;
/// A group whose best count is below so many of its floors will soon need a lower one.
const NEAR: u64 = 4;
/// The floor of a column that nobody asks for: nothing is followed for it.
const CLOSED: u64 = u64::MAX;

impl Engine {
    pub(super) fn lowest_floor(&self) -> u64 {
        self.setup.min_frequency.max(1)
    }

    /// Guesses the count of the last of `merges` merges from the size of the text.
    fn guess(&self, length: u64, merges: u64, divisor: u64) -> u64 {
        let lowest = self.lowest_floor();
        match self.setup.first_floor {
            Some(floor) => floor.max(lowest),
            None if self.words.cells.len() < SMALL => lowest,
            None => (length / merges.max(1) / divisor).max(lowest),
        }
    }

    /// The floor that the total starts with.
    fn first_floor(&self) -> u64 {
        let length = self.words.lengths[..self.n_groups()].iter().sum();
        self.guess(length, self.setup.expected_merges, FIRST_FLOOR_DIVISOR)
    }

    pub(super) fn set_first_floors(&mut self) {
        self.floor = if self.setup.total_closed {
            CLOSED
        } else {
            self.first_floor()
        };
        // Each group is served by its share of the merges.
        let served = self.setup.expected_merges / self.n_groups().max(1) as u64;
        let lowest = self.lowest_floor();
        let floors: Vec<u64> = (0..self.n_groups())
            .map(|group| {
                let floor = self.guess(self.words.lengths[group], served, FIRST_GROUP_FLOOR_DIVISOR);
                let nearly = self.setup.first_floor.is_none() && floor <= NEARLY_LOWEST * lowest;
                if nearly { lowest } else { floor }
            })
            .collect();
        if let Some(groups) = &mut self.groups {
            groups.floors_mut().copy_from_slice(&floors);
        }
    }

    /// No longer follows pairs for their count over all groups, which is asked for no more.
    pub(super) fn close_total(&mut self) {
        self.floor = CLOSED;
        self.heap.clear();
    }

    /// The columns for which pairs are followed.
    pub(super) fn open_columns(&self) -> Columns {
        Columns {
            total: self.floor != CLOSED,
            groups: vec![true; self.groups.as_ref().map_or(0, Groups::len)],
        }
    }

    /// Lowers the floor of one column, and of the groups that are near theirs, and follows the pairs that now
    /// reach it; false if the floor cannot be lower.
    pub(super) fn lower_floor(&mut self, group: Option<u32>, control: &Control) -> Result<bool> {
        let lowest = self.lowest_floor();
        let lower = |floor: u64| (floor / FLOOR_STEP).max(lowest);
        let mut columns = Columns {
            total: group.is_none(),
            groups: vec![false; self.groups.as_ref().map_or(0, Groups::len)],
        };
        let Some(group) = group else {
            if self.floor <= lowest {
                return Ok(false);
            }
            self.floor = if self.floor == CLOSED {
                self.first_floor()
            } else {
                lower(self.floor)
            };
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
        let mut size = 0;
        for other in 0..self.n_groups() as u32 {
            let top = self.settle_top(Some(other)).map_or(0, |claim| claim.count);
            if let Some(groups) = &mut self.groups {
                let floor = &mut groups.floors_mut()[other as usize];
                if (other == group || top < NEAR * *floor) && *floor > lowest {
                    *floor = lower(*floor);
                    columns.groups[other as usize] = true;
                    size += self.words.lengths[other as usize];
                }
            }
        }
        let whole: u64 = self.words.lengths[..self.n_groups()].iter().sum();
        if size > whole / 4 {
            self.follow_missing(&columns, control)?;
        } else {
            self.follow_for_groups(&columns.groups, control)?;
        }
        Ok(true)
    }
}

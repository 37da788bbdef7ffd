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
/// The floor of a column that nobody asks for: nothing is followed for it.
const CLOSED: u64 = u64::MAX;

impl Engine {
    fn lowest_floor(&self) -> u64 {
        self.setup.min_frequency.max(1)
    }

    /// Guesses the count of the last of `merges` merges from the size of the text.
    fn guess(&self, length: u64, merges: u64) -> u64 {
        let lowest = self.lowest_floor();
        match self.setup.first_floor {
            Some(floor) => floor.max(lowest),
            None if self.words.cells.len() < SMALL => lowest,
            None => (length / merges.max(1) / FIRST_FLOOR_DIVISOR).max(lowest),
        }
    }

    /// The floor that the total starts with.
    fn first_floor(&self) -> u64 {
        let length = self.words.lengths[..self.n_groups()].iter().sum();
        self.guess(length, self.setup.expected_merges)
    }

    /// The floor that a group starts with: each is served by its share of the merges.
    fn first_group_floor(&self, group: usize) -> u64 {
        let served = self.setup.expected_merges / self.n_groups().max(1) as u64;
        self.guess(self.words.lengths[group], served)
    }

    pub(super) fn set_first_floors(&mut self) {
        let closed = self.setup.begin_closed;
        self.floor = if closed { CLOSED } else { self.first_floor() };
        let floors: Vec<u64> = (0..self.n_groups())
            .map(|group| if closed { CLOSED } else { self.first_group_floor(group) })
            .collect();
        if let Some(groups) = &mut self.groups {
            groups.floors_mut().copy_from_slice(&floors);
        }
    }

    /// Whether no pair is followed for a group yet.
    pub(super) fn is_closed(&self, group: u32) -> bool {
        self.groups
            .as_ref()
            .is_some_and(|groups| groups.floor(group) == CLOSED)
    }

    /// No longer follows pairs for their count over all groups, which is asked for no more.
    pub(super) fn close_total(&mut self) {
        self.floor = CLOSED;
        self.heap.clear();
    }

    /// Follows pairs for those of `wanted` that are closed, in one pass.
    pub(super) fn open(&mut self, wanted: impl Iterator<Item = u32>, control: &Control) -> Result<()> {
        let mut columns = self.no_columns();
        for group in wanted {
            if self.is_closed(group) {
                columns.groups[group as usize] = true;
                let floor = self.first_group_floor(group as usize);
                if let Some(groups) = &mut self.groups {
                    groups.floors_mut()[group as usize] = floor;
                }
            }
        }
        self.follow_columns(&columns, control)
    }

    /// The columns for which pairs are followed.
    pub(super) fn open_columns(&self) -> Columns {
        let groups = self.groups.as_ref().map_or(0, Groups::len) as u32;
        Columns {
            total: self.floor != CLOSED,
            groups: (0..groups).map(|group| !self.is_closed(group)).collect(),
        }
    }

    fn no_columns(&self) -> Columns {
        Columns {
            total: false,
            groups: self
                .groups
                .as_ref()
                .map_or_else(Vec::new, |groups| vec![false; groups.len()]),
        }
    }

    fn follow_columns(&mut self, columns: &Columns, control: &Control) -> Result<()> {
        if self.table.is_empty() {
            // Nothing is followed yet: the first count has a shorter way.
            return self.index(control);
        }
        self.follow_missing(columns, control)
    }

    /// Lowers the floor of one column, and of the groups that are near theirs, and follows the pairs that now
    /// reach it; false if the floor cannot be lower.
    pub(super) fn lower_floor(&mut self, group: Option<u32>, control: &Control) -> Result<bool> {
        let lowest = self.lowest_floor();
        let lower = |floor: u64| (floor / FLOOR_STEP).max(lowest);
        let mut columns = self.no_columns();
        let Some(group) = group else {
            if self.floor <= lowest {
                return Ok(false);
            }
            columns.total = true;
            self.floor = if self.floor == CLOSED {
                self.first_floor()
            } else {
                lower(self.floor)
            };
            self.follow_columns(&columns, control)?;
            return Ok(true);
        };
        if self.is_closed(group) {
            self.open(0..self.n_groups() as u32, control)?;
            return Ok(true);
        }
        if self
            .groups
            .as_ref()
            .is_none_or(|groups| groups.floor(group) <= lowest)
        {
            return Ok(false);
        }
        for other in 0..self.n_groups() as u32 {
            if self.is_closed(other) {
                continue;
            }
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

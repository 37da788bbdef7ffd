//! Counting the pairs from the words: all of them at the start, and those that were below a floor when it is
//! lowered.

use super::Engine;
use super::blocks::Blocks;
use super::heap::Claim;
use super::sketch::Sketch;
use super::square::SIDE;
use super::table::{Entry, Table, VACANT};
use super::ties::{key, pair};
use crate::{Control, Result};

/// Which counts a pair is followed for.
pub(super) struct Columns {
    pub(super) total: bool,
    /// By group; empty where groups are not tracked.
    pub(super) groups: Vec<bool>,
}

impl Engine {
    /// Counts all pairs anew and follows those that reach a floor.
    pub(super) fn index(&mut self, control: &Control) -> Result<()> {
        self.torn = true;
        self.table = Table::new();
        self.blocks = Blocks::new();
        self.heap.clear();
        if let Some(groups) = &mut self.groups {
            groups.clear();
        }
        if self.n_merges == 0 && self.n_given == 0 && self.layout.symbols.len() <= SIDE {
            self.index_small_alphabet(control)?;
            self.torn = false;
            return Ok(());
        }
        let columns = self.open_columns();
        self.follow_missing(&columns, control)
    }

    /// Any state: a sketch finds the pairs that may reach a floor in one of `columns` and are not followed yet;
    /// those are counted exactly, and those that do reach it get their positions.
    pub(super) fn follow_missing(&mut self, columns: &Columns, control: &Control) -> Result<()> {
        self.torn = true;
        let (phase, done, total) = control.progress();
        control.start("indexing", 4);
        control.check()?;
        let weights = &self.words.weights;
        let by_group = columns.groups.contains(&true);
        let mut sketch = Sketch::new(self.words.cells.len());
        self.walk_checked(control, |_, left, right, weight| {
            let key = key(left, right);
            if columns.total {
                sketch.add(key, 0, weights.total(weight));
            }
            if by_group {
                weights.each(weight, |group, count| {
                    if columns.groups[group as usize] {
                        sketch.add(key, u64::from(group) + 1, count);
                    }
                });
            }
            Ok(())
        })?;
        control.advance(1);

        let mut fresh = Table::new();
        let mut groups = self.groups.take();
        self.walk_checked(control, |_, left, right, weight| {
            let key = key(left, right);
            let mut may = columns.total && sketch.may_reach(key, 0, self.floor);
            if by_group
                && !may
                && let Some(groups) = &groups
            {
                weights.each(weight, |group, _| {
                    may = may
                        || (columns.groups[group as usize]
                            && sketch.may_reach(key, u64::from(group) + 1, groups.floor(group)));
                });
            }
            if (may || self.is_always_followed(left, right))
                && fresh.get(key).is_none()
                && self.table.get(key).is_none()
                && self.is_allowed(left, right)
            {
                let mut entry = VACANT;
                if let Some(groups) = &mut groups {
                    entry.groups = groups.add(&[])?;
                }
                fresh.insert(key, entry)?;
            }
            Ok(())
        })?;
        drop(sketch);
        control.advance(1);

        self.walk_checked(control, |_, left, right, weight| {
            if let Some(entry) = fresh.get_mut(key(left, right)) {
                entry.count += weights.total(weight);
                entry.len += 1;
                if let Some(groups) = &mut groups {
                    groups.raise_all(entry, weights, weight)?;
                }
            }
            Ok(())
        })?;
        let misses = |&(key, entry): &(u64, &Entry)| {
            let (left, right) = pair(key);
            entry.count < self.floor
                && !self.is_always_followed(left, right)
                && groups.as_ref().is_none_or(|groups| !groups.reaches_floor(entry))
        };
        let dropped: Vec<u64> = fresh.iter().filter(misses).map(|(key, _)| key).collect();
        for key in dropped {
            if let (Some(entry), Some(groups)) = (fresh.remove(key), &mut groups) {
                groups.remove(entry.groups);
            }
        }
        if let Some(groups) = &mut groups {
            groups.settle(&mut fresh);
        }
        control.advance(1);

        let mut blocks = std::mem::replace(&mut self.blocks, Blocks::new());
        if self.table.is_empty() {
            blocks.restart(fresh.iter().map(|(_, entry)| entry.len))?;
        }
        for (_, entry) in fresh.iter_mut() {
            entry.start = blocks.take(entry.len)?;
            entry.len = 0;
        }
        self.walk_checked(control, |position, left, right, _| {
            if let Some(entry) = fresh.get_mut(key(left, right)) {
                blocks.write(entry.start + u64::from(entry.len), position);
                entry.len += 1;
            }
            Ok(())
        })?;
        control.advance(1);
        self.blocks = blocks;
        self.groups = groups;
        for (key, &entry) in fresh.iter() {
            self.table.insert(key, entry)?;
        }
        if let Some(rising) = &mut self.rising {
            rising.clear();
        }
        self.claim_all(columns);
        self.claim_fresh(&fresh, columns);
        // In the middle of a run the caller's phase goes on.
        control.start(phase, total);
        control.advance(done);
        self.torn = false;
        Ok(())
    }

    /// [`Engine::walk`] that looks up from time to time.
    pub(super) fn walk_checked(
        &self,
        control: &Control,
        mut sink: impl FnMut(u32, u32, u32, u32) -> Result<()>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        let mut next_check = 0;
        self.walk(|position, left, right, weight| {
            if outcome.is_ok() {
                if position >= next_check {
                    next_check = position.saturating_add(1 << 18);
                    outcome = control.check();
                }
                if outcome.is_ok() {
                    outcome = sink(position, left, right, weight);
                }
            }
        });
        outcome
    }

    /// Makes the heaps of `columns` anew from all followed pairs.
    pub(super) fn claim_all(&mut self, columns: &Columns) {
        if columns.total {
            self.heap.clear();
        }
        if let Some(groups) = &mut self.groups {
            groups.clear_heaps(&columns.groups);
        }
        for (key, entry) in self.table.iter() {
            if columns.total && entry.count >= self.floor {
                let claim = Claim {
                    count: entry.count,
                    key,
                };
                self.heap.push(claim, &self.ties, &self.tokens);
            }
            if let Some(groups) = &mut self.groups {
                groups.claim(key, entry, &self.ties, &self.tokens, |group| {
                    columns.groups[group as usize]
                });
            }
        }
    }

    /// Enters the pairs of `fresh` into the heaps of the other columns.
    fn claim_fresh(&mut self, fresh: &Table, columns: &Columns) {
        for (key, entry) in fresh.iter() {
            if !columns.total && entry.count >= self.floor {
                let claim = Claim {
                    count: entry.count,
                    key,
                };
                self.heap.push(claim, &self.ties, &self.tokens);
            }
            if let Some(groups) = &mut self.groups {
                groups.claim(key, entry, &self.ties, &self.tokens, |group| {
                    !columns.groups[group as usize]
                });
            }
        }
    }
}

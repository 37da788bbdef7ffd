//! Following more pairs for a few of many groups, in about the time that their own words take.
//!
//! Counting all pairs anew for one group of 200 would cost a pass over the words of all. Here the group's own words
//! are counted exactly, and one light pass over the others finds the occurrences of the few pairs that are new.

use super::Engine;
use super::cells::EDGE;
use super::heap::Claim;
use super::table::{Table, VACANT};
use super::ties::{key, pair};
use crate::{Control, Result};

/// Words between two looks at whether to go on.
const WORDS_PER_CHECK: usize = 1 << 16;

impl Engine {
    /// Follows the pairs that reach the floor of a `wanted` group, and makes these groups' heaps anew.
    pub(super) fn follow_for_groups(&mut self, wanted: &[bool], control: &Control) -> Result<()> {
        self.torn = true;
        if self.word_starts.is_empty() {
            self.find_words();
        }
        let mut fresh = Table::new();
        for group in (0..wanted.len() as u32).filter(|&group| wanted[group as usize]) {
            let counts = self.count_group(group, control)?;
            self.claim_counted(group, &counts, &mut fresh)?;
        }
        self.find_occurrences(fresh, control)?;
        self.torn = false;
        Ok(())
    }

    fn find_words(&mut self) {
        let cells = &self.words.cells;
        self.word_starts = (1..cells.len())
            .filter(|&at| cells[at - 1].symbol == EDGE && cells[at].symbol != EDGE)
            .map(|at| at as u32)
            .collect();
    }

    /// The count of every pair in one group.
    fn count_group(&self, group: u32, control: &Control) -> Result<Table> {
        let cells = &self.words.cells[..];
        let mut counts = Table::new();
        for starts in self.word_starts.chunks(WORDS_PER_CHECK) {
            control.check()?;
            for &start in starts {
                let mut at = start as usize;
                let times = self.words.weights.count(cells[at].weight, group);
                if times == 0 {
                    continue;
                }
                let mut left = cells[at].symbol;
                loop {
                    at += self.spans[left as usize] as usize;
                    let right = cells[at].symbol;
                    if right == EDGE {
                        break;
                    }
                    let key = key(left, right);
                    if let Some(entry) = counts.get_mut(key) {
                        entry.count += times;
                    } else {
                        let entry = super::table::Entry {
                            count: times,
                            ..VACANT
                        };
                        counts.insert(key, entry)?;
                    }
                    left = right;
                }
            }
        }
        Ok(counts)
    }

    /// Enters the pairs that reach the group's floor into its heap, and those that are not followed yet into `fresh`.
    fn claim_counted(&mut self, group: u32, counts: &Table, fresh: &mut Table) -> Result<()> {
        let Some(mut groups) = self.groups.take() else {
            return Ok(());
        };
        let floor = groups.floor(group);
        let heap = groups.heap_mut(group);
        heap.clear();
        for (key, entry) in counts.iter() {
            let (left, right) = pair(key);
            let is_followed = self.table.get(key).is_some();
            if entry.count < floor || !(is_followed || self.is_allowed(left, right)) {
                continue;
            }
            let claim = Claim {
                count: entry.count,
                key,
            };
            heap.push(claim, &self.ties, &self.tokens);
            if !is_followed && fresh.get(key).is_none() {
                fresh.insert(key, VACANT)?;
            }
        }
        self.groups = Some(groups);
        Ok(())
    }

    /// Counts the pairs of `fresh` in all groups, notes where they are, and follows them.
    fn find_occurrences(&mut self, mut fresh: Table, control: &Control) -> Result<()> {
        let Some(mut groups) = self.groups.take() else {
            return Ok(());
        };
        let mut is_left = vec![false; self.tokens.len()];
        for (key, entry) in fresh.iter_mut() {
            is_left[pair(key).0 as usize] = true;
            entry.groups = groups.add(&[])?;
        }
        let mut found: Vec<(u64, u32)> = Vec::new();
        self.walk_checked(control, |position, left, right, weight| {
            if is_left[left as usize]
                && let Some(entry) = fresh.get_mut(key(left, right))
            {
                entry.count += self.words.weights.total(weight);
                entry.len += 1;
                groups.raise_all(entry, &self.words.weights, weight)?;
                found.push((key(left, right), position));
            }
            Ok(())
        })?;
        groups.settle(&mut fresh);
        for (_, entry) in fresh.iter_mut() {
            entry.start = self.blocks.take(entry.len)?;
            entry.len = 0;
        }
        for (key, position) in found {
            if let Some(entry) = fresh.get_mut(key) {
                self.blocks.write(entry.start + u64::from(entry.len), position);
                entry.len += 1;
            }
        }
        self.groups = Some(groups);
        for (key, &entry) in fresh.iter() {
            self.table.insert(key, entry)?;
        }
        Ok(())
    }
}

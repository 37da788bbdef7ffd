//! From the sorted tables of all threads and groups to one sorted table.
//!
//! The keys are cut into ranges by sampled splitters, and every range is merged by itself; the result does not
//! depend on where the cuts fall.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::room::require;
use super::table::{INLINE, Run, Short, prefix_key};
use crate::{Control, PretokenCounts, Result};

/// Entries merged at a time: they and their bytes stay in the second-level cache.
const RANGE: usize = 1 << 15;
/// Samples taken per range, so that ranges come out about equally long.
const SAMPLES: usize = 16;
/// What a merged range takes at most, but for pretokens that are very long.
const RANGE_BYTES: usize = 8 << 20;
const SHORT: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Item {
    key: u128,
    count: u64,
    group: u32,
    /// Index of the bytes of a longer pretoken, or [`SHORT`].
    long: u32,
}

/// A stretch of the final table, its offsets counted from its own start.
#[derive(Default)]
pub struct Stretch {
    pub arena: Vec<u8>,
    pub ends: Vec<u64>,
    pub row_ends: Vec<u64>,
    pub group_ids: Vec<u32>,
    pub counts: Vec<u64>,
}

impl Stretch {
    /// Adds a cell; a pretoken other than the last one opens a row. Groups come in ascending order.
    pub fn push(&mut self, bytes: &[u8], is_new: bool, group: u32, count: u64) {
        if is_new {
            self.arena.extend_from_slice(bytes);
            self.ends.push(self.arena.len() as u64);
            self.row_ends.push(self.counts.len() as u64);
        }
        let in_row = !is_new && self.group_ids.last() == Some(&group);
        match self.counts.last_mut() {
            Some(last) if in_row => *last += count,
            _ => {
                self.group_ids.push(group);
                self.counts.push(count);
            }
        }
        if let Some(end) = self.row_ends.last_mut() {
            *end = self.counts.len() as u64;
        }
    }
}

impl Stretch {
    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.arena.len() + 16 * self.ends.len() + 12 * self.counts.len()
    }

    /// The pretoken of the last row.
    pub fn last(&self) -> Option<&[u8]> {
        let end = *self.ends.last()? as usize;
        let start = self
            .ends
            .len()
            .checked_sub(2)
            .map_or(0, |before| self.ends[before]) as usize;
        self.arena.get(start..end)
    }

    /// The table whose only stretch this is.
    fn into_table(mut self, groups: Vec<String>) -> PretokenCounts {
        self.ends.insert(0, 0);
        self.row_ends.insert(0, 0);
        PretokenCounts {
            groups,
            arena: self.arena,
            offsets: self.ends,
            row_starts: self.row_ends,
            group_ids: self.group_ids,
            counts: self.counts,
        }
    }
}

/// Merges runs, which must be ordered by group, on `threads` threads.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn merge(runs: &[Run], threads: usize, control: &Control) -> Result<Vec<Stretch>> {
    let splitters = splitters(runs);
    let n_ranges = splitters.len() + 1;
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Stretch)>> = Mutex::new(Vec::with_capacity(n_ranges));
    let work = || -> Result<()> {
        let mut items = Vec::new();
        loop {
            let range = next.fetch_add(1, Ordering::Relaxed);
            if range >= n_ranges {
                return Ok(());
            }
            control.check()?;
            require(RANGE_BYTES)?;
            let low = range.checked_sub(1).map(|before| splitters[before]);
            let stretch = merge_range(runs, low, splitters.get(range).copied(), &mut items);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((range, stretch));
        }
    };
    super::parallel(threads.min(n_ranges), work)?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(range, _)| *range);
    Ok(done.into_iter().map(|(_, stretch)| stretch).collect())
}

fn splitters(runs: &[Run]) -> Vec<u128> {
    let total: usize = runs.iter().map(|run| run.shorts.len() + run.longs.len()).sum();
    let n_ranges = total.div_ceil(RANGE).max(1);
    let step = (total / (n_ranges * SAMPLES)).max(1);
    let mut samples: Vec<u128> = Vec::new();
    for run in runs {
        samples.extend(run.shorts.iter().step_by(step).map(Short::key));
        samples.extend(
            run.longs
                .iter()
                .step_by(step)
                .map(|long| prefix_key(long.bytes(&run.arena))),
        );
    }
    samples.sort_unstable();
    let mut chosen: Vec<u128> = (1..n_ranges)
        .map(|i| samples[i * samples.len() / n_ranges])
        .collect();
    chosen.dedup();
    chosen
}

fn merge_range(runs: &[Run], low: Option<u128>, high: Option<u128>, items: &mut Vec<Item>) -> Stretch {
    items.clear();
    let mut longs: Vec<&[u8]> = Vec::new();
    for run in runs {
        let start = low.map_or(0, |low| run.shorts.partition_point(|short| short.key() < low));
        let rest = &run.shorts[start..];
        let length = high.map_or(rest.len(), |high| {
            rest.partition_point(|short| short.key() < high)
        });
        items.extend(rest[..length].iter().map(|short| Item {
            key: short.key(),
            count: short.count,
            group: run.group,
            long: SHORT,
        }));
        let key = |long: &super::table::Long| prefix_key(long.bytes(&run.arena));
        let start = low.map_or(0, |low| run.longs.partition_point(|long| key(long) < low));
        let rest = &run.longs[start..];
        let length = high.map_or(rest.len(), |high| rest.partition_point(|long| key(long) < high));
        for long in &rest[..length] {
            items.push(Item {
                key: key(long),
                count: long.count,
                group: run.group,
                long: longs.len() as u32,
            });
            longs.push(long.bytes(&run.arena));
        }
    }
    // Stable, and the runs come in the order of their groups: so do the cells of a row.
    items.sort_by(|a, b| {
        a.key.cmp(&b.key).then_with(|| match (a.long, b.long) {
            (SHORT, _) | (_, SHORT) => std::cmp::Ordering::Equal,
            (a, b) => longs[a as usize].cmp(longs[b as usize]),
        })
    });
    let mut stretch = Stretch::default();
    let mut last: Option<Item> = None;
    for item in items.iter() {
        let is_new = last.is_none_or(|last| {
            last.key != item.key
                || (item.long != SHORT && longs[last.long as usize] != longs[item.long as usize])
        });
        if item.long == SHORT {
            let length = (item.key & 0xff) as usize;
            debug_assert!((1..=INLINE).contains(&length), "the length byte of an inline key");
            stretch.push(&item.key.to_be_bytes()[..length], is_new, item.group, item.count);
        } else {
            stretch.push(longs[item.long as usize], is_new, item.group, item.count);
        }
        last = Some(*item);
    }
    stretch
}

/// Puts stretches one after another.
pub fn join(groups: Vec<String>, mut stretches: Vec<Stretch>) -> PretokenCounts {
    if stretches.len() <= 1 {
        return stretches.pop().unwrap_or_default().into_table(groups);
    }
    let rows: usize = stretches.iter().map(|stretch| stretch.ends.len()).sum();
    let cells: usize = stretches.iter().map(|stretch| stretch.counts.len()).sum();
    let mut table = PretokenCounts {
        groups,
        arena: Vec::with_capacity(stretches.iter().map(|stretch| stretch.arena.len()).sum()),
        offsets: Vec::with_capacity(rows + 1),
        row_starts: Vec::with_capacity(rows + 1),
        group_ids: Vec::with_capacity(cells),
        counts: Vec::with_capacity(cells),
    };
    table.offsets.push(0);
    table.row_starts.push(0);
    for stretch in stretches {
        let bytes = table.arena.len() as u64;
        let before = table.counts.len() as u64;
        table.arena.extend_from_slice(&stretch.arena);
        table.offsets.extend(stretch.ends.iter().map(|end| bytes + end));
        table
            .row_starts
            .extend(stretch.row_ends.iter().map(|end| before + end));
        table.group_ids.extend_from_slice(&stretch.group_ids);
        table.counts.extend_from_slice(&stretch.counts);
    }
    table
}

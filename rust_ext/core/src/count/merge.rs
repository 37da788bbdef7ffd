//! From the sorted tables of all threads and groups to one sorted table.
//!
//! The keys are cut into ranges by sampled splitters, and every range is merged by itself; the result does not
//! depend on where the cuts fall.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::lock;
use super::table::{INLINE, Long, Run, Short, prefix_key};
use crate::engine::pages::vec_with_capacity;
use crate::room::{can_allocate, require};
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
            self.open_row();
        }
        self.add(is_new, group, count);
    }

    /// [`Stretch::push`] for a pretoken that is its own key.
    #[inline]
    pub fn push_short(&mut self, key: u128, is_new: bool, group: u32, count: u64) {
        if is_new {
            let length = (key & 0xff) as usize;
            debug_assert!((1..=INLINE).contains(&length), "the length byte of an inline key");
            // A copy of constant length, of which too much is taken back.
            self.arena.extend_from_slice(&key.to_be_bytes());
            self.arena.truncate(self.arena.len() + length - 16);
            self.open_row();
        }
        self.add(is_new, group, count);
    }

    /// Opens a row for the pretoken that has just been put at the end of the arena.
    #[inline]
    fn open_row(&mut self) {
        self.ends.push(self.arena.len() as u64);
        self.row_ends.push(self.counts.len() as u64);
    }

    /// Adds a count to the last row.
    #[inline]
    fn add(&mut self, is_new: bool, group: u32, count: u64) {
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
    pub fn into_table(mut self, groups: Vec<String>) -> PretokenCounts {
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
/// [`crate::Error::TooLarge`] for memory that is not granted; [`crate::Error::Interrupted`].
pub fn merge(groups: Vec<String>, runs: &[Run], threads: usize, control: &Control) -> Result<PretokenCounts> {
    let splitters = splitters(runs);
    let n_ranges = splitters.len() + 1;
    let next = AtomicUsize::new(0);
    let whole = Mutex::new(Whole::new(groups, runs));
    let work = || -> Result<()> {
        let mut items = Vec::new();
        let mut stretch = Stretch::default();
        loop {
            let range = next.fetch_add(1, Ordering::Relaxed);
            if range >= n_ranges {
                return Ok(());
            }
            control.check()?;
            require(RANGE_BYTES)?;
            let low = range.checked_sub(1).map(|before| splitters[before]);
            merge_range(runs, low, splitters.get(range).copied(), &mut items, &mut stretch);
            stretch = lock(&whole).append(range, stretch)?;
        }
    };
    super::parallel(threads.min(n_ranges), work)?;
    let whole = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(whole.finish())
}

/// The final table while it is put together from stretches that come in any order.
struct Whole {
    table: PretokenCounts,
    /// Number of the stretch to be appended next.
    next: usize,
    /// Stretches that came too early.
    early: BTreeMap<usize, Stretch>,
    /// Appended ones, whose memory is used again.
    spare: Vec<Stretch>,
    /// Whether the table has room for everything.
    has_room: bool,
}

impl Whole {
    /// Room for all that is in `runs`, even if nothing falls together; memory that is not used is not touched. Where
    /// the system does not grant that, the table grows.
    fn new(groups: Vec<String>, runs: &[Run]) -> Self {
        let mut n_cells = runs.iter().map(Run::len).sum();
        let mut n_bytes = runs.iter().map(Run::n_bytes).sum();
        let has_room = can_allocate(28 * n_cells + n_bytes);
        if !has_room {
            (n_cells, n_bytes) = (0, 0);
        }
        let mut table = PretokenCounts {
            groups,
            arena: vec_with_capacity(n_bytes),
            offsets: vec_with_capacity(n_cells + 1),
            row_starts: vec_with_capacity(n_cells + 1),
            group_ids: vec_with_capacity(n_cells),
            counts: vec_with_capacity(n_cells),
        };
        table.offsets.push(0);
        table.row_starts.push(0);
        Self {
            table,
            next: 0,
            early: BTreeMap::new(),
            spare: Vec::new(),
            has_room,
        }
    }

    /// Appends a stretch as soon as all before it are there; returns an empty one.
    fn append(&mut self, number: usize, stretch: Stretch) -> Result<Stretch> {
        self.early.insert(number, stretch);
        while let Some(mut stretch) = self.early.remove(&self.next) {
            self.next += 1;
            let table = &mut self.table;
            if !self.has_room {
                let held = table.arena.len() + 16 * table.offsets.len() + 12 * table.counts.len();
                // No array grows to more than twice what must be in it.
                require(2 * (held + stretch.bytes()))?;
            }
            let bytes = table.arena.len() as u64;
            let before = table.counts.len() as u64;
            table.arena.append(&mut stretch.arena);
            table
                .offsets
                .extend(stretch.ends.drain(..).map(|end| bytes + end));
            table
                .row_starts
                .extend(stretch.row_ends.drain(..).map(|end| before + end));
            table.group_ids.append(&mut stretch.group_ids);
            table.counts.append(&mut stretch.counts);
            self.spare.push(stretch);
        }
        Ok(self.spare.pop().unwrap_or_default())
    }

    fn finish(self) -> PretokenCounts {
        let mut table = self.table;
        table.arena.shrink_to_fit();
        table.offsets.shrink_to_fit();
        table.row_starts.shrink_to_fit();
        table.group_ids.shrink_to_fit();
        table.counts.shrink_to_fit();
        table
    }
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

/// The part of a sorted array whose keys lie between two.
fn between<T>(sorted: &[T], low: Option<u128>, high: Option<u128>, key: impl Fn(&T) -> u128) -> &[T] {
    let start = low.map_or(0, |low| sorted.partition_point(|entry| key(entry) < low));
    let rest = &sorted[start..];
    let length = high.map_or(rest.len(), |high| rest.partition_point(|entry| key(entry) < high));
    &rest[..length]
}

/// [`merge_range`] for a single run, in which nothing falls together.
fn copy_range(run: &Run, low: Option<u128>, high: Option<u128>, stretch: &mut Stretch) {
    let long_key = |long: &Long| prefix_key(long.bytes(&run.arena));
    let mut shorts = between(&run.shorts, low, high, Short::key);
    for long in between(&run.longs, low, high, long_key) {
        let key = long_key(long);
        let before = shorts.iter().take_while(|short| short.key() < key).count();
        let (these, others) = shorts.split_at(before);
        for short in these {
            stretch.push_short(short.key(), true, run.group, short.count);
        }
        shorts = others;
        stretch.push(long.bytes(&run.arena), true, run.group, long.count);
    }
    for short in shorts {
        stretch.push_short(short.key(), true, run.group, short.count);
    }
}

/// Merges what lies between two keys into an empty stretch; `items` is memory to use.
fn merge_range(
    runs: &[Run],
    low: Option<u128>,
    high: Option<u128>,
    items: &mut Vec<Item>,
    stretch: &mut Stretch,
) {
    if let [run] = runs {
        return copy_range(run, low, high, stretch);
    }
    items.clear();
    let mut longs: Vec<&[u8]> = Vec::new();
    for run in runs {
        let shorts = between(&run.shorts, low, high, Short::key);
        items.extend(shorts.iter().map(|short| Item {
            key: short.key(),
            count: short.count,
            group: run.group,
            long: SHORT,
        }));
        let key = |long: &Long| prefix_key(long.bytes(&run.arena));
        for long in between(&run.longs, low, high, key) {
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
    let mut last: Option<Item> = None;
    for item in items.iter() {
        let is_new = last.is_none_or(|last| {
            last.key != item.key
                || (item.long != SHORT && longs[last.long as usize] != longs[item.long as usize])
        });
        if item.long == SHORT {
            stretch.push_short(item.key, is_new, item.group, item.count);
        } else {
            stretch.push(longs[item.long as usize], is_new, item.group, item.count);
        }
        last = Some(*item);
    }
}

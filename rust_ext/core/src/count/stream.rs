//! Many sorted runs, in memory and on disk, as one sorted stream: a k-way merge.

use std::cmp::Ordering;

/// Receives a pretoken, its group and its count.
type Take<'a> = dyn FnMut(&[u8], u32, u64) -> Result<()> + 'a;

use super::merge::Stretch;
use super::spill::{RunFile, RunReader};
use super::table::{INLINE, Run, inline_key, prefix_key};
use crate::room::require;
use crate::{Control, PretokenCounts, Result};

/// Cells between two looks at the control.
const STRIDE: u64 = 1 << 14;

/// One sorted sequence of cells; each has a smallest cell, its head, until it ends.
enum Input {
    Memory { run: Run, short: usize, long: usize },
    Disk(RunReader),
}

/// The place of a head in the order of pretokens, as far as 15 bytes decide, and its group.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Head {
    key: u128,
    group: u32,
}

impl Input {
    fn memory(run: Run) -> Self {
        Self::Memory {
            run,
            short: 0,
            long: 0,
        }
    }

    /// The head, `None` at the end. On disk this reads it.
    fn head(&mut self) -> Result<Option<Head>> {
        Ok(match self {
            Self::Memory { run, short, long } => {
                let first = run.shorts.get(*short).map(super::table::Short::key);
                let second = run
                    .longs
                    .get(*long)
                    .map(|long| prefix_key(long.bytes(&run.arena)));
                let key = match (first, second) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                key.map(|key| Head {
                    key,
                    group: run.group,
                })
            }
            Self::Disk(reader) => {
                if !reader.advance()? {
                    return Ok(None);
                }
                let length = reader.pretoken.len();
                let key = if length > INLINE {
                    prefix_key(&reader.pretoken)
                } else {
                    let mut window = [0; 16];
                    window[..length].copy_from_slice(&reader.pretoken);
                    inline_key(&window, length)
                };
                Some(Head {
                    key,
                    group: reader.group,
                })
            }
        })
    }

    /// The bytes and the count of the head, whose key is given.
    fn cell<'a>(&'a self, key: u128, spelled: &'a mut [u8; 16]) -> (&'a [u8], u64) {
        match self {
            Self::Memory { run, short, long } => {
                let length = key as usize & 0xff;
                if length > INLINE {
                    let long = &run.longs[*long];
                    return (long.bytes(&run.arena), long.count);
                }
                *spelled = key.to_be_bytes();
                (&spelled[..length], run.shorts[*short].count)
            }
            Self::Disk(reader) => (&reader.pretoken, reader.count),
        }
    }

    /// The bytes of a head that is longer than its key.
    fn long_bytes(&self) -> &[u8] {
        match self {
            Self::Memory { run, long, .. } => run.longs[*long].bytes(&run.arena),
            Self::Disk(reader) => &reader.pretoken,
        }
    }

    /// Lets the head, whose key is given, go.
    fn pass(&mut self, key: u128) {
        if let Self::Memory { short, long, .. } = self {
            if key as usize & 0xff > INLINE {
                *long += 1;
            } else {
                *short += 1;
            }
        }
    }
}

/// The merge of many inputs; cells of equal pretoken and group come one after another.
pub struct Merger {
    inputs: Vec<Input>,
    heads: Vec<Head>,
    /// Numbers of the inputs that have not ended: a binary heap, the smallest head first.
    order: Vec<u32>,
}

impl Merger {
    /// Reads the heads of all inputs.
    ///
    /// # Errors
    /// [`crate::Error::File`] if a run on disk cannot be read.
    fn new(inputs: Vec<Input>) -> Result<Self> {
        let mut merger = Self {
            heads: Vec::with_capacity(inputs.len()),
            order: Vec::with_capacity(inputs.len()),
            inputs: Vec::with_capacity(inputs.len()),
        };
        for mut input in inputs {
            if let Some(head) = input.head()? {
                merger.order.push(merger.inputs.len() as u32);
                merger.heads.push(head);
                merger.inputs.push(input);
            }
        }
        for at in (0..merger.order.len() / 2).rev() {
            merger.sift_down(at);
        }
        Ok(merger)
    }

    fn less(&self, a: u32, b: u32) -> bool {
        let (x, y) = (self.heads[a as usize], self.heads[b as usize]);
        let by_bytes = x.key.cmp(&y.key).then_with(|| {
            if x.key as usize & 0xff > INLINE {
                self.inputs[a as usize]
                    .long_bytes()
                    .cmp(self.inputs[b as usize].long_bytes())
            } else {
                Ordering::Equal
            }
        });
        by_bytes.then(x.group.cmp(&y.group)) == Ordering::Less
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let mut child = 2 * at + 1;
            if child >= self.order.len() {
                return;
            }
            if child + 1 < self.order.len() && self.less(self.order[child + 1], self.order[child]) {
                child += 1;
            }
            if !self.less(self.order[child], self.order[at]) {
                return;
            }
            self.order.swap(at, child);
            at = child;
        }
    }

    /// Hands the smallest cell to `take` and goes on; false at the end.
    ///
    /// # Errors
    /// [`crate::Error::File`] if a run on disk cannot be read; whatever `take` returns.
    fn next(&mut self, take: &mut Take<'_>) -> Result<bool> {
        let Some(&number) = self.order.first() else {
            return Ok(false);
        };
        let head = self.heads[number as usize];
        let input = &mut self.inputs[number as usize];
        let mut spelled = [0; 16];
        let (bytes, count) = input.cell(head.key, &mut spelled);
        take(bytes, head.group, count)?;
        input.pass(head.key);
        if let Some(next) = input.head()? {
            self.heads[number as usize] = next;
        } else {
            self.order.swap_remove(0);
        }
        self.sift_down(0);
        Ok(true)
    }

    /// Writes everything as one run, equal cells added up.
    ///
    /// # Errors
    /// [`crate::Error::File`] if the disk is full or fails; [`crate::Error::Interrupted`].
    fn write(mut self, file: &mut RunFile, control: &Control) -> Result<()> {
        let mut writer = file.write()?;
        let mut last: (Vec<u8>, u32, u64) = (Vec::new(), 0, 0);
        let mut steps = 0u64;
        loop {
            let more = self.next(&mut |bytes, group, count| {
                if group == last.1 && bytes == last.0 {
                    last.2 += count;
                    return Ok(());
                }
                if last.2 > 0 {
                    writer.put(&last.0, last.1, last.2)?;
                }
                last.0.clear();
                last.0.extend_from_slice(bytes);
                (last.1, last.2) = (group, count);
                Ok(())
            })?;
            if !more {
                break;
            }
            steps += 1;
            if steps % STRIDE == 0 {
                control.check()?;
            }
        }
        if last.2 > 0 {
            writer.put(&last.0, last.1, last.2)?;
        }
        writer.finish()
    }
}

/// Writes sorted tables as one run.
///
/// # Errors
/// [`crate::Error::File`] if the disk is full or fails; [`crate::Error::Interrupted`].
pub fn write_run(tables: Vec<Run>, file: &mut RunFile, control: &Control) -> Result<()> {
    Merger::new(tables.into_iter().map(Input::memory).collect())?.write(file, control)
}

/// The whole count table as a stream, smallest pretoken first.
pub struct CountStream {
    merger: Merger,
    groups: Vec<String>,
    n_runs: usize,
}

impl CountStream {
    /// Joins what is in memory and what is on disk; buffers take about `memory` bytes.
    ///
    /// # Errors
    /// [`crate::Error::File`] if a run cannot be read, or written where there are so many that a part must be
    /// merged first; [`crate::Error::Interrupted`].
    pub fn new(
        groups: Vec<String>,
        tables: Vec<Run>,
        mut files: Vec<RunFile>,
        memory: usize,
        control: &Control,
    ) -> Result<Self> {
        const SMALL: usize = 16 << 10;
        const LARGE: usize = 1 << 20;
        let most = (memory / SMALL).max(16);
        control.start("merging", 0);
        let n_runs = |files: &[RunFile]| files.iter().map(RunFile::n_runs).sum::<usize>();
        let written = n_runs(&files);
        while n_runs(&files) > most && files.iter().any(|file| file.n_runs() > 1) {
            // One level of merging within every file: at most `most` runs of it become one.
            for file in &mut files {
                let mut merged = RunFile::new(file.directory());
                let mut readers = file.readers(SMALL);
                while !readers.is_empty() {
                    let rest = readers.split_off(readers.len().min(most));
                    let part = readers.into_iter().map(Input::Disk).collect();
                    Merger::new(part)?.write(&mut merged, control)?;
                    readers = rest;
                }
                *file = merged;
            }
        }
        let buffer = (memory / n_runs(&files).max(1)).clamp(SMALL / 4, LARGE);
        let inputs = tables.into_iter().map(Input::memory).chain(
            files
                .iter()
                .flat_map(|file| file.readers(buffer))
                .map(Input::Disk),
        );
        let merger = Merger::new(inputs.collect())?;
        Ok(Self {
            merger,
            groups,
            n_runs: written,
        })
    }

    /// Number of runs that counting wrote to disk.
    pub fn n_runs(&self) -> usize {
        self.n_runs
    }

    /// The next rows, at most `n_rows` (at least 1), as a table of their own; `None` after the last.
    ///
    /// # Errors
    /// [`crate::Error::File`] if a run cannot be read; [`crate::Error::Interrupted`].
    pub fn next_table(&mut self, n_rows: usize, control: &Control) -> Result<Option<PretokenCounts>> {
        let mut stretch = Stretch::default();
        let mut steps = 0;
        loop {
            // The row after the last one wanted must stay in the stream: its head is looked at, not taken.
            if stretch.ends.len() >= n_rows.max(1) && !self.continues(&stretch) {
                break;
            }
            let more = self.merger.next(&mut |bytes, group, count| {
                let is_new = stretch.last() != Some(bytes);
                stretch.push(bytes, is_new, group, count);
                Ok(())
            })?;
            if !more {
                break;
            }
            steps += 1;
            if steps % STRIDE == 0 {
                control.check()?;
                control.advance(STRIDE);
                // Until the next look no array grows by more than this.
                require(2 * stretch.bytes())?;
            }
        }
        Ok((!stretch.ends.is_empty()).then(|| stretch.into_table(self.groups.clone())))
    }

    /// Whether the next cell belongs to the last row of `stretch`.
    fn continues(&self, stretch: &Stretch) -> bool {
        let Some(&number) = self.merger.order.first() else {
            return false;
        };
        let key = self.merger.heads[number as usize].key;
        let mut spelled = [0; 16];
        let (bytes, _) = self.merger.inputs[number as usize].cell(key, &mut spelled);
        stretch.last() == Some(bytes)
    }
}

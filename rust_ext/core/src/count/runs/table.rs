//! Counted runs of one thread: hash tables in memory, sorted files beyond a budget.

use std::collections::BinaryHeap;
use std::path::Path;

use crate::count::spill::{RunFile, RunReader};
use crate::engine::Sequences;
use crate::{Control, Error, Result};

/// Parts of a thread's table; a power of two.
pub const PARTS: usize = 16;
/// Bytes that are read from a file at once.
const READ_AT_ONCE: usize = 1 << 16;

/// One counted run: `length` numbers at `offset` in the arena.
#[derive(Clone, Copy)]
pub struct Counted {
    hash: u64,
    offset: u64,
    length: u32,
    pub count: u64,
}

/// Runs with their counts; open addressing over indices.
#[derive(Default)]
pub struct Part {
    arena: Vec<u32>,
    runs: Vec<Counted>,
    places: Vec<u32>,
}

fn hash_run(run: &[u32]) -> u64 {
    let mut state = run.len() as u64;
    for &number in run {
        state = (state ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state ^= state >> 29;
    }
    state.wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl Part {
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn run(&self, index: usize) -> &[u32] {
        let found = &self.runs[index];
        &self.arena[found.offset as usize..][..found.length as usize]
    }

    pub fn count(&self, index: usize) -> u64 {
        self.runs[index].count
    }

    pub fn n_numbers(&self) -> usize {
        self.arena.len()
    }

    fn n_bytes(&self) -> usize {
        self.arena.capacity() * 4 + self.runs.capacity() * size_of::<Counted>() + self.places.len() * 4
    }

    /// Adds the runs of another part with the same hashes.
    pub fn add_all(&mut self, other: &Self) -> Result<()> {
        for index in 0..other.len() {
            self.add(other.run(index), other.runs[index].hash, other.runs[index].count)?;
        }
        Ok(())
    }

    /// Gives up what only adding needs.
    pub fn close(&mut self) {
        self.places = Vec::new();
    }

    fn add(&mut self, run: &[u32], hash: u64, count: u64) -> Result<()> {
        if (self.runs.len() + 1) * 2 > self.places.len() {
            self.grow()?;
        }
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at] != 0 {
            let index = self.places[at] as usize - 1;
            if self.runs[index].hash == hash && self.run(index) == run {
                self.runs[index].count += count;
                return Ok(());
            }
            at = (at + 1) & mask;
        }
        self.runs.push(Counted {
            hash,
            offset: self.arena.len() as u64,
            length: run.len() as u32,
            count,
        });
        self.arena.extend_from_slice(run);
        self.places[at] = self.runs.len() as u32;
        Ok(())
    }

    fn grow(&mut self) -> Result<()> {
        let size = (self.places.len() * 2).max(64);
        if size > 1 << 32 {
            return Err(Error::TooLarge {
                message: "2^35 different runs".into(),
            });
        }
        self.places = vec![0; size];
        for (index, counted) in self.runs.iter().enumerate() {
            let mut at = counted.hash as usize & (size - 1);
            while self.places[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.places[at] = index as u32 + 1;
        }
        Ok(())
    }
}

/// The tables of one thread, and what it has written to disk.
#[derive(Default)]
pub struct Table {
    pub parts: [Part; PARTS],
    file: Option<RunFile>,
}

impl Table {
    /// Counts a run of at least two pretokens and begins the next one.
    pub fn close(&mut self, run: &mut Vec<u32>) -> Result<()> {
        if run.len() > 1 {
            let hash = hash_run(run);
            self.parts[(hash >> 60) as usize % PARTS].add(run, hash, 1)?;
        }
        run.clear();
        Ok(())
    }

    /// Bytes of the tables.
    pub fn n_bytes(&self) -> usize {
        self.parts.iter().map(Part::n_bytes).sum()
    }

    /// Whether something is on disk.
    pub fn has_spilled(&self) -> bool {
        self.file.is_some()
    }

    /// Writes all runs to disk, sorted, and starts anew.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn spill(&mut self, directory: &Path) -> Result<()> {
        let parts = std::mem::take(&mut self.parts);
        let order = sorted(&parts);
        let file = self.file.get_or_insert_with(|| RunFile::new(directory));
        let mut writer = file.write()?;
        let mut bytes = Vec::new();
        for &(part, index) in &order {
            let part = &parts[part as usize];
            // The most significant byte first: bytes sort as the numbers do.
            bytes.clear();
            bytes.extend(
                part.run(index as usize)
                    .iter()
                    .flat_map(|number| number.to_be_bytes()),
            );
            writer.put(&bytes, 0, part.count(index as usize))?;
        }
        writer.finish()
    }

    fn readers(&self) -> Vec<RunReader> {
        self.file
            .as_ref()
            .map_or_else(Vec::new, |file| file.readers(READ_AT_ONCE))
    }
}

/// The places (part, index) of all runs, ascending by run.
pub fn sorted(parts: &[Part]) -> Vec<(u32, u32)> {
    let mut order: Vec<(u32, u32)> = (0..)
        .zip(parts)
        .flat_map(|(part, table)| (0..table.len() as u32).map(move |index| (part, index)))
        .collect();
    let run = |&(part, index): &(u32, u32)| parts[part as usize].run(index as usize);
    order.sort_unstable_by(|a, b| run(a).cmp(run(b)));
    order
}

/// Merges what tables have on disk.
///
/// # Errors
/// [`Error::File`], [`Error::Interrupted`].
pub fn merge_files(tables: &[Table], control: &Control) -> Result<Sequences> {
    let mut readers: Vec<RunReader> = tables.iter().flat_map(Table::readers).collect();
    let mut sequences = Sequences {
        ids: Vec::new(),
        offsets: vec![0],
        counts: Vec::new(),
    };
    let mut heads = BinaryHeap::new();
    for (index, reader) in readers.iter_mut().enumerate() {
        if reader.advance()? {
            heads.push(std::cmp::Reverse((reader.pretoken.clone(), index)));
        }
    }
    let mut last: Vec<u8> = Vec::new();
    while let Some(std::cmp::Reverse((run, index))) = heads.pop() {
        let reader = &mut readers[index];
        match sequences.counts.last_mut() {
            Some(count) if last == run => *count += reader.count,
            _ => {
                let numbers = run.chunks_exact(4);
                sequences.ids.extend(
                    numbers.map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
                );
                sequences.offsets.push(sequences.ids.len() as u64);
                sequences.counts.push(reader.count);
                last = run;
                if sequences.counts.len() % 4096 == 0 {
                    control.check()?;
                }
            }
        }
        if reader.advance()? {
            heads.push(std::cmp::Reverse((reader.pretoken.clone(), index)));
        }
    }
    Ok(sequences)
}

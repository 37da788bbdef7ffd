//! Counting runs: maximal sequences of at least two consecutive pretokens of a document that all have a number.
//!
//! A run is written as the numbers of its pretokens. Threads take documents in turn and keep tables of their own,
//! split by the runs' hashes, so that the tables are joined part by part on all threads at the end. The sums do
//! not depend on who counted what; the result is sorted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustc_hash::FxHashMap;

use super::table::{INLINE, inline_key};
use super::{lock, parallel};
use crate::engine::Sequences;
use crate::{Control, Error, Pretokenizer, Result};

/// Parts of a thread's table; a power of two.
const PARTS: usize = 16;
/// A pretoken without a number.
const NONE: u32 = u32::MAX;
/// Documents that a thread takes at once.
const TAKEN: usize = 32;

/// The numbers of pretokens: those of up to 15 bytes are their own keys, as in the counting table.
struct Numbers {
    shorts: Vec<(u128, u32)>,
    shift: u32,
    longs: FxHashMap<Box<[u8]>, u32>,
}

fn mix(key: u128) -> u64 {
    let folded = (key as u64 ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd1b5_4a32_d192_ed03)
        ^ ((key >> 64) as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    (folded ^ folded >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl Numbers {
    fn new(names: &[Vec<u8>]) -> Result<Self> {
        if names.len() >= NONE as usize {
            return Err(Error::TooLarge {
                message: "2^32 different pretokens in runs".into(),
            });
        }
        let bits = (names.len() * 2).next_power_of_two().max(16).ilog2();
        let mut numbers = Self {
            shorts: vec![(0, NONE); 1 << bits],
            shift: 64 - bits,
            longs: FxHashMap::default(),
        };
        for (number, name) in (0..).zip(names) {
            if name.is_empty() || name.len() > INLINE {
                numbers.longs.insert(name.as_slice().into(), number);
                continue;
            }
            let mut window = [0; 16];
            window[..name.len()].copy_from_slice(name);
            let key = inline_key(&window, name.len());
            let at = numbers.place(key);
            numbers.shorts[at] = (key, number);
        }
        Ok(numbers)
    }

    fn place(&self, key: u128) -> usize {
        let mask = self.shorts.len() - 1;
        let mut at = (mix(key) >> self.shift) as usize;
        while self.shorts[at].0 != key && self.shorts[at].0 != 0 {
            at = (at + 1) & mask;
        }
        at
    }

    /// The number of the pretoken of `length` bytes at `text[at..]`, or [`NONE`].
    fn find(&self, text: &[u8], at: usize, length: usize) -> u32 {
        if length > INLINE {
            return self.longs.get(&text[at..at + length]).copied().unwrap_or(NONE);
        }
        let key = if let Some(window) = text[at..].first_chunk::<16>() {
            inline_key(window, length)
        } else {
            let mut window = [0; 16];
            window[..length].copy_from_slice(&text[at..at + length]);
            inline_key(&window, length)
        };
        self.shorts[self.place(key)].1
    }
}

/// One counted run: `length` numbers at `offset` in the arena.
#[derive(Clone, Copy)]
struct Counted {
    hash: u64,
    offset: u64,
    length: u32,
    count: u64,
}

/// Runs with their counts; open addressing over indices.
#[derive(Default)]
struct Part {
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
    fn run(&self, index: usize) -> &[u32] {
        let found = &self.runs[index];
        &self.arena[found.offset as usize..][..found.length as usize]
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

/// Counts the runs of documents that are handed to it in batches.
pub struct RunCounter {
    pretokenizer: Pretokenizer,
    numbers: Numbers,
    /// The tables of threads that are between batches.
    idle: Mutex<Vec<Vec<Part>>>,
}

impl RunCounter {
    /// `names[i]` has the number `i`; pretokens without a name end a run.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for 2^32 names.
    pub fn new(pretokenizer: Pretokenizer, names: &[Vec<u8>]) -> Result<Self> {
        Ok(Self {
            pretokenizer,
            numbers: Numbers::new(names)?,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Counts documents that lie back to back: document `i` is `data[offsets[i]..offsets[i + 1]]`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for offsets that do not ascend within the data, errors of the pre-tokenizer,
    /// [`Error::TooLarge`], [`Error::Interrupted`].
    pub fn add(&self, data: &[u8], offsets: &[i64], threads: usize, control: &Control) -> Result<()> {
        let ends: Vec<usize> = offsets
            .iter()
            .filter_map(|&end| usize::try_from(end).ok())
            .collect();
        let fits = ends.len() == offsets.len() && ends.last().is_none_or(|&end| end <= data.len());
        if !fits || ends.windows(2).any(|two| two[0] > two[1]) {
            return Err(Error::Parameter {
                name: "offsets",
                message: format!("must ascend within the {} bytes of the documents", data.len()),
            });
        }
        control.start("counting", data.len() as u64);
        let next = AtomicUsize::new(0);
        let n_documents = ends.len().saturating_sub(1);
        parallel(threads.clamp(1, n_documents.max(1)), || {
            let mut parts = lock(&self.idle).pop().unwrap_or_default();
            parts.resize_with(PARTS, Part::default);
            let mut run = Vec::new();
            let mut outcome = Ok(());
            while outcome.is_ok() {
                let first = next.fetch_add(TAKEN, Ordering::Relaxed);
                if first >= n_documents {
                    break;
                }
                let last = (first + TAKEN).min(n_documents);
                outcome = (first..last)
                    .try_for_each(|index| {
                        self.count_document(
                            &data[ends[index]..ends[index + 1]],
                            &mut run,
                            &mut parts,
                            control,
                        )
                    })
                    .and_then(|()| control.check());
                control.advance((ends[last] - ends[first]) as u64);
            }
            if outcome.is_err() {
                next.store(n_documents, Ordering::Relaxed);
            }
            lock(&self.idle).push(parts);
            outcome
        })
    }

    fn count_document(
        &self,
        text: &[u8],
        run: &mut Vec<u32>,
        parts: &mut [Part],
        control: &Control,
    ) -> Result<()> {
        let mut at = 0;
        let mut outcome = Ok(());
        run.clear();
        self.pretokenizer.for_each_controlled(text, control, |pretoken| {
            let number = self.numbers.find(text, at, pretoken.len());
            at += pretoken.len();
            if number != NONE {
                run.push(number);
            } else if outcome.is_ok() {
                outcome = close(run, parts);
            }
        })?;
        outcome.and_then(|()| close(run, parts))
    }

    /// All runs and their counts, sorted.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Interrupted`].
    pub fn finish(self, threads: usize, control: &Control) -> Result<Sequences> {
        let mut tables = self
            .idle
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        control.start("sorting", PARTS as u64);
        let by_part: Vec<Mutex<Vec<Part>>> = (0..PARTS)
            .map(|part| {
                Mutex::new(
                    tables
                        .iter_mut()
                        .map(|table| std::mem::take(&mut table[part]))
                        .collect(),
                )
            })
            .collect();
        let next = AtomicUsize::new(0);
        parallel(threads.clamp(1, PARTS), || {
            loop {
                let Some(slot) = by_part.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    return Ok(());
                };
                let mut parts = lock(slot);
                parts.sort_by_key(|part| part.runs.len());
                let mut joined = parts.pop().unwrap_or_default();
                for part in parts.drain(..) {
                    control.check()?;
                    for index in 0..part.runs.len() {
                        joined.add(part.run(index), part.runs[index].hash, part.runs[index].count)?;
                    }
                }
                joined.places = Vec::new();
                parts.push(joined);
                control.advance(1);
            }
        })?;
        let joined: Vec<Part> = by_part
            .into_iter()
            .flat_map(|slot| {
                slot.into_inner()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
            })
            .collect();
        let mut order: Vec<(u32, u32)> = (0..)
            .zip(&joined)
            .flat_map(|(part, table)| (0..table.runs.len() as u32).map(move |index| (part, index)))
            .collect();
        let run = |&(part, index): &(u32, u32)| joined[part as usize].run(index as usize);
        order.sort_unstable_by(|a, b| run(a).cmp(run(b)));
        let mut sequences = Sequences {
            ids: Vec::with_capacity(joined.iter().map(|part| part.arena.len()).sum()),
            offsets: vec![0],
            counts: Vec::with_capacity(order.len()),
        };
        for place in &order {
            sequences.ids.extend_from_slice(run(place));
            sequences.offsets.push(sequences.ids.len() as u64);
            sequences
                .counts
                .push(joined[place.0 as usize].runs[place.1 as usize].count);
        }
        Ok(sequences)
    }
}

/// Counts a run of at least two pretokens and begins the next one.
fn close(run: &mut Vec<u32>, parts: &mut [Part]) -> Result<()> {
    if run.len() > 1 {
        let hash = hash_run(run);
        parts[(hash >> 60) as usize % PARTS].add(run, hash, 1)?;
    }
    run.clear();
    Ok(())
}

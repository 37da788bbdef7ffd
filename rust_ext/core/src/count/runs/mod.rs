//! Counting runs: maximal sequences of at least two consecutive pretokens of a document that all have a number.
//!
//! A run is written as the numbers of its pretokens. Threads take documents in turn and keep tables of their own,
//! split by the runs' hashes, so that the tables are joined part by part on all threads at the end; beyond a memory
//! budget a thread writes its table to disk, sorted, and the files are merged. The sums do not depend on who counted
//! what; the result is sorted.
//!
//! Where only pairs above a floor matter, runs are cut between neighbours that are too rare. No pair that is counted
//! across such a place, whatever is merged before, can be more frequent than these neighbours are; so the pairs above
//! the floor, and all merges of such pairs, are the same with and without the cuts. What is left repeats far more
//! often and takes less room. Whether neighbours are too rare must be known first: [`RunCounter::note`] reads all
//! documents once for it.

mod numbers;
mod pairs;
mod table;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::numbers::{NONE, Numbers};
use self::pairs::Pairs;
use self::table::{PARTS, Part, Table};
use super::{lock, parallel};
use crate::engine::Sequences;
use crate::{Control, Error, Pretokenizer, Result};

/// Documents that a thread takes at once.
const TAKEN: usize = 32;

/// Counts the runs of documents that are handed to it in batches.
pub struct RunCounter {
    pretokenizer: Pretokenizer,
    numbers: Numbers,
    pairs: Option<Pairs>,
    /// Bytes of all tables together, and where the rest goes.
    budget: Option<(usize, PathBuf)>,
    /// The tables of threads that are between batches.
    idle: Mutex<Vec<Table>>,
}

impl RunCounter {
    /// `names[i]` has the number `i`; pretokens without a name end a run. With `floor` two pretokens that are
    /// neighbours at most so often end one too, once [`RunCounter::note`] has seen all documents.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for 2^32 names.
    pub fn new(
        pretokenizer: Pretokenizer,
        names: &[Vec<u8>],
        floor: Option<u64>,
        budget: Option<(usize, PathBuf)>,
    ) -> Result<Self> {
        Ok(Self {
            pretokenizer,
            numbers: Numbers::new(names)?,
            pairs: floor.map(Pairs::new),
            budget,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Notes the neighbours in documents that lie back to back; without a floor nothing is to be noted.
    ///
    /// # Errors
    /// As [`RunCounter::add`].
    pub fn note(&self, data: &[u8], offsets: &[i64], threads: usize, control: &Control) -> Result<()> {
        let Some(pairs) = &self.pairs else {
            return Ok(());
        };
        each_document(data, offsets, threads, control, || {
            |text: &[u8]| {
                let (mut at, mut before) = (0, NONE);
                self.pretokenizer.for_each_controlled(text, control, |pretoken| {
                    let number = self.numbers.find(text, at, pretoken.len());
                    at += pretoken.len();
                    if before != NONE && number != NONE {
                        pairs.note(before, number);
                    }
                    before = number;
                })
            }
        })
    }

    /// Counts documents that lie back to back: document `i` is `data[offsets[i]..offsets[i + 1]]`.
    ///
    /// # Errors
    /// [`Error::Parameter`] for offsets that do not ascend within the data, errors of the pre-tokenizer,
    /// [`Error::File`] for a temporary file, [`Error::TooLarge`], [`Error::Interrupted`].
    pub fn add(&self, data: &[u8], offsets: &[i64], threads: usize, control: &Control) -> Result<()> {
        let share = self.budget.as_ref().map(|(bytes, _)| bytes / threads.max(1));
        each_document(data, offsets, threads, control, || {
            let mut own = Owned {
                table: lock(&self.idle).pop().unwrap_or_default(),
                counter: self,
            };
            let mut run = Vec::new();
            move |text: &[u8]| {
                self.count_document(text, &mut run, &mut own.table, control)?;
                match (share, &self.budget) {
                    (Some(share), Some((_, directory))) if own.table.n_bytes() > share => {
                        own.table.spill(directory)
                    }
                    _ => Ok(()),
                }
            }
        })
    }

    fn count_document(
        &self,
        text: &[u8],
        run: &mut Vec<u32>,
        table: &mut Table,
        control: &Control,
    ) -> Result<()> {
        let mut at = 0;
        let mut outcome = Ok(());
        run.clear();
        self.pretokenizer.for_each_controlled(text, control, |pretoken| {
            let number = self.numbers.find(text, at, pretoken.len());
            at += pretoken.len();
            if outcome.is_err() {
                return;
            }
            if number == NONE {
                outcome = table.close(run);
                return;
            }
            if let (Some(pairs), Some(&before)) = (&self.pairs, run.last())
                && !pairs.is_frequent(before, number)
            {
                outcome = table.close(run);
            }
            run.push(number);
        })?;
        outcome.and_then(|()| table.close(run))
    }

    /// All runs and their counts, sorted.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::TooLarge`], [`Error::Interrupted`].
    pub fn finish(self, threads: usize, control: &Control) -> Result<Sequences> {
        let mut tables = self
            .idle
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(self.pairs);
        control.start("sorting", PARTS as u64);
        if let Some((_, directory)) = &self.budget
            && tables.iter().any(Table::has_spilled)
        {
            for table in &mut tables {
                table.spill(directory)?;
            }
            return table::merge_files(&tables, control);
        }
        let joined = join(tables, threads, control)?;
        let order = table::sorted(&joined);
        let mut sequences = Sequences {
            ids: Vec::with_capacity(joined.iter().map(Part::n_numbers).sum()),
            offsets: vec![0],
            counts: Vec::with_capacity(order.len()),
        };
        for (part, index) in order {
            let part = &joined[part as usize];
            sequences.ids.extend_from_slice(part.run(index as usize));
            sequences.offsets.push(sequences.ids.len() as u64);
            sequences.counts.push(part.count(index as usize));
        }
        Ok(sequences)
    }
}

/// A table on loan to a thread; it goes back when the thread is done.
struct Owned<'a> {
    table: Table,
    counter: &'a RunCounter,
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        lock(&self.counter.idle).push(std::mem::take(&mut self.table));
    }
}

/// Joins the tables of all threads part by part.
fn join(mut tables: Vec<Table>, threads: usize, control: &Control) -> Result<Vec<Part>> {
    let by_part: Vec<Mutex<Vec<Part>>> = (0..PARTS)
        .map(|part| {
            let own = tables
                .iter_mut()
                .map(|table| std::mem::take(&mut table.parts[part]));
            Mutex::new(own.collect())
        })
        .collect();
    let next = AtomicUsize::new(0);
    parallel(threads.clamp(1, PARTS), || {
        loop {
            let Some(slot) = by_part.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            let mut parts = lock(slot);
            parts.sort_by_key(Part::len);
            let mut joined = parts.pop().unwrap_or_default();
            for part in parts.drain(..) {
                control.check()?;
                joined.add_all(&part)?;
            }
            joined.close();
            parts.push(joined);
            control.advance(1);
        }
    })?;
    Ok(by_part
        .into_iter()
        .flat_map(|slot| {
            slot.into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        })
        .collect())
}

/// Hands every document to one of the workers that `worker` makes, one for each thread.
fn each_document<W: FnMut(&[u8]) -> Result<()>>(
    data: &[u8],
    offsets: &[i64],
    threads: usize,
    control: &Control,
    worker: impl Fn() -> W + Sync,
) -> Result<()> {
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
        let mut work = worker();
        loop {
            let first = next.fetch_add(TAKEN, Ordering::Relaxed);
            if first >= n_documents {
                return Ok(());
            }
            let last = (first + TAKEN).min(n_documents);
            let outcome = (first..last)
                .try_for_each(|index| work(&data[ends[index]..ends[index + 1]]))
                .and_then(|()| control.check());
            control.advance((ends[last] - ends[first]) as u64);
            if outcome.is_err() {
                next.store(n_documents, Ordering::Relaxed);
                return outcome;
            }
        }
    })
}

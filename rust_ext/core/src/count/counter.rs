//! Counting: blocks of text go to whichever thread is free, every thread counts into tables of its own.
//!
//! With a memory budget a thread whose tables are full writes them to disk as a sorted run; a k-way merge of all
//! runs and of the tables left gives the result. The counts are sums, so it does not matter which thread counted what; cuts inside of documents are made
//! only where the pre-tokenizer declares them harmless. The result is therefore the same for any number of
//! threads, any block size, any memory budget and any order of the files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::documents::{Place, for_each_document};
use super::merge::{Stretch, merge};
use super::pool::Pool;
use super::portions::portions;
use super::read::{Block, BlockReader};
use super::source::Source;
use super::spill::RunFile;
use super::stream::CountStream;
use super::table::{Run, Table};
use super::worker::Worker;
use super::{lock, parallel};
use crate::pretokenize::Pretokenizer;
use crate::room::require;
use crate::{Control, Error, PretokenCounts, Result};

/// Text handed to a thread at a time.
pub const BLOCK: usize = 512 << 10;

/// How to count.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of threads, at least 1.
    pub threads: usize,
    /// Whether text that is not UTF-8 is an error; otherwise its bytes are counted.
    pub strict_utf8: bool,
    /// Bytes of text handed to a thread at a time ([`BLOCK`]).
    pub block_size: usize,
    /// How much memory counting may take; without it, as much as it needs.
    pub memory: Option<Memory>,
}

/// A bound on the memory that counting takes, and where the rest goes.
#[derive(Debug, Clone)]
pub struct Memory {
    /// Bytes for tables, blocks and buffers of all threads together. One document that cannot be cut, and one
    /// pretoken, are held whole whatever they take.
    pub bytes: usize,
    /// Folder of the temporary files.
    pub directory: PathBuf,
}

impl Memory {
    /// What the tables of all threads may take; the rest is for blocks, buffers and the allocator's slack.
    fn for_tables(&self) -> usize {
        self.bytes / 4 * 3
    }

    /// What the buffers of the final merge may take.
    fn for_buffers(&self) -> usize {
        self.bytes / 4
    }
}

/// Counts files and buffers, group by group.
pub struct Counter {
    pretokenizer: Pretokenizer,
    groups: Vec<String>,
    options: Options,
    workers: Vec<Worker>,
}

impl Counter {
    /// A counter that has seen nothing.
    ///
    /// # Errors
    /// [`Error::Parameter`] for no thread.
    pub fn new(pretokenizer: Pretokenizer, groups: Vec<String>, options: Options) -> Result<Self> {
        if options.threads == 0 {
            return Err(Error::Parameter {
                name: "threads",
                message: "0 threads cannot count; give at least 1".into(),
            });
        }
        let workers = (0..options.threads)
            .map(|_| {
                let bound = options.memory.as_ref().map(|memory| {
                    let share = memory.for_tables() / options.threads;
                    (share, RunFile::new(&memory.directory))
                });
                Worker::new(groups.len(), bound)
            })
            .collect();
        Ok(Self {
            pretokenizer,
            groups,
            options,
            workers,
        })
    }

    fn check_group(&self, group: u32) -> Result<()> {
        if (group as usize) < self.groups.len() {
            return Ok(());
        }
        Err(Error::Parameter {
            name: "group",
            message: format!("{group}, but there are {} groups", self.groups.len()),
        })
    }

    /// Counts files. A file is read by one thread at a time while the others count what was read before.
    ///
    /// # Errors
    /// A failure, the first by file and block of those met before the threads stopped; the counter then holds
    /// a part of the files and must be dropped.
    pub fn add_sources(&mut self, sources: &[Source], control: &Control) -> Result<()> {
        let mut total = 0;
        for source in sources {
            self.check_group(source.group)?;
            source.check()?;
            let metadata = std::fs::metadata(&source.path);
            total += metadata
                .map_err(|error| source.error(None, error.to_string()))?
                .len();
        }
        control.start("counting", total);
        let sources: Vec<Arc<Source>> = sources.iter().cloned().map(Arc::new).collect();
        let pool = Pool::new(sources.len());
        let (pretokenizer, options) = (&self.pretokenizer, &self.options);
        let split = |text: &[u8], at: usize| pretokenizer.safe_split(text, at);
        let workers: Mutex<Vec<&mut Worker>> = Mutex::new(self.workers.iter_mut().collect());
        parallel(options.threads, || {
            let Some(worker) = lock(&workers).pop() else {
                return Ok(());
            };
            let mut spare = Vec::new();
            while let Some((number, reader)) = pool.take() {
                let mut index = reader.as_ref().map_or(0, BlockReader::index);
                let opened = match reader {
                    Some(reader) => Ok(reader),
                    None => BlockReader::open(Arc::clone(&sources[number]), options.block_size),
                };
                let read = opened.and_then(|mut reader| {
                    control.check()?;
                    let block = reader.next(Some(&split), std::mem::take(&mut spare), control)?;
                    Ok((reader, block))
                });
                match read {
                    Ok((reader, Some(block))) => {
                        index = block.index;
                        pool.give(number, reader);
                        let counted =
                            count_block(worker, pretokenizer, &sources[number], &block, options, control);
                        if let Err(error) = counted {
                            pool.fail((number, index), error);
                        }
                        spare = block.recycle();
                    }
                    Ok((_, None)) => pool.close(),
                    Err(error) => {
                        pool.fail((number, index), error);
                        pool.close();
                    }
                }
            }
            Ok(())
        })?;
        pool.outcome()
    }

    /// Counts documents that lie back to back: document `i` is `data[offsets[i]..offsets[i + 1]]`. `name` is
    /// what messages call them.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the offsets do not ascend from 0 to the length of `data`;
    /// [`Error::InvalidUtf8`] in strict mode, with the offset within the document.
    pub fn add_documents(
        &mut self,
        group: u32,
        name: &str,
        data: &[u8],
        offsets: &[u64],
        control: &Control,
    ) -> Result<()> {
        self.check_group(group)?;
        let ascending = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if !ascending || offsets.first() != Some(&0) || offsets.last() != Some(&(data.len() as u64)) {
            return Err(Error::Parameter {
                name: "offsets",
                message: "must ascend from 0 to the length of the data".into(),
            });
        }
        control.start("counting", data.len() as u64);
        let portions = portions(&self.pretokenizer, self.options.block_size, data, offsets);
        let next = AtomicUsize::new(0);
        let failure: Mutex<Option<(usize, Error)>> = Mutex::new(None);
        let (pretokenizer, options) = (&self.pretokenizer, &self.options);
        let workers: Mutex<Vec<&mut Worker>> = Mutex::new(self.workers.iter_mut().collect());
        parallel(options.threads.min(portions.len()), || {
            let Some(worker) = lock(&workers).pop() else {
                return Ok(());
            };
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= portions.len() || lock(&failure).is_some() {
                    return Ok(());
                }
                control.check()?;
                for piece in portions[number].pieces(offsets) {
                    let document = piece.document;
                    let error = |at: u64| Error::InvalidUtf8 {
                        source: format!("{name}: document {}", document + 1),
                        offset: piece.bytes.start as u64 - offsets[document] + at,
                    };
                    let strict = options.strict_utf8.then_some(&error as &dyn Fn(u64) -> Error);
                    let text = &data[piece.bytes.clone()];
                    if let Err(error) = worker.count(pretokenizer, group, text, strict, control) {
                        let mut failure = lock(&failure);
                        if failure.as_ref().is_none_or(|(earlier, _)| number < *earlier) {
                            *failure = Some((number, error));
                        }
                        return Ok(());
                    }
                }
                control.advance(portions[number].bytes.len() as u64);
            }
        })?;
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Ends counting. The table is not part of a memory budget.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::TooLarge`] if the table is larger than the memory that is granted; after
    /// spilling, [`Error::File`] as [`Counter::finish_stream`].
    pub fn finish(self, control: &Control) -> Result<PretokenCounts> {
        let threads = self.options.threads;
        let buffers = self.buffers();
        let (groups, runs, files) = self.sort(control)?;
        if files.iter().any(|file| file.n_runs() > 0) {
            let mut stream = CountStream::new(groups.clone(), runs, files, buffers, control)?;
            let whole = stream.next_table(usize::MAX, control)?;
            return Ok(whole.unwrap_or_else(|| Stretch::default().into_table(groups)));
        }
        foresee(&runs)?;
        merge(groups, &runs, threads, control)
    }

    fn buffers(&self) -> usize {
        self.options.memory.as_ref().map_or(BLOCK, Memory::for_buffers)
    }

    /// Ends counting; the table comes as a stream, which keeps to the memory budget.
    ///
    /// # Errors
    /// [`Error::File`] if a temporary file cannot be written or read; [`Error::Interrupted`].
    pub fn finish_stream(self, control: &Control) -> Result<CountStream> {
        let buffers = self.buffers();
        let (groups, runs, files) = self.sort(control)?;
        CountStream::new(groups, runs, files, buffers, control)
    }

    fn sort(self, control: &Control) -> Result<(Vec<String>, Vec<Run>, Vec<RunFile>)> {
        let (mut tables, mut files) = (Vec::new(), Vec::new());
        for worker in self.workers {
            let (held, file) = worker.finish(control)?;
            tables.extend(held);
            files.extend(file);
        }
        control.start("sorting", tables.len() as u64);
        let runs = sort_tables(tables, self.options.threads, control)?;
        Ok((self.groups, runs, files))
    }
}

/// Refuses to merge runs whose table alone is more than the system grants.
///
/// A cell takes 28 bytes besides those of its pretoken, and a group has at least as many cells as its longest run.
///
/// # Errors
/// [`Error::TooLarge`].
fn foresee(runs: &[Run]) -> Result<()> {
    let least: usize = runs
        .chunk_by(|a, b| a.group == b.group)
        .filter_map(|runs| runs.iter().map(|run| 28 * run.len()).max())
        .sum();
    require(least)
}

/// Sorts every table on whichever thread is free; the runs come back in the order of their groups.
fn sort_tables(tables: Vec<(u32, Table)>, threads: usize, control: &Control) -> Result<Vec<Run>> {
    let threads = threads.min(tables.len());
    let mut tables = tables;
    // The largest last, to be taken first: the threads then end at about the same time.
    tables.sort_by_key(|(_, table)| table.bytes());
    let waiting = Mutex::new(tables);
    let sorted = Mutex::new(Vec::new());
    parallel(threads, || {
        loop {
            let Some((group, table)) = lock(&waiting).pop() else {
                return Ok(());
            };
            control.check()?;
            let run = table.into_run(group);
            lock(&sorted).push(run);
            control.advance(1);
        }
    })?;
    let mut runs = sorted.into_inner().unwrap_or_else(PoisonError::into_inner);
    runs.sort_by_key(|run: &Run| run.group);
    Ok(runs)
}

fn count_block(
    worker: &mut Worker,
    pretokenizer: &Pretokenizer,
    source: &Source,
    block: &Block,
    options: &Options,
    control: &Control,
) -> Result<()> {
    for_each_document(block, source, |text, place| {
        let error = |at: u64| match place {
            Place::Byte(start) => Error::InvalidUtf8 {
                source: source.path.display().to_string(),
                offset: start + at,
            },
            Place::Line(line, start) => Error::Record {
                path: source.path.clone(),
                line,
                message: format!("byte {} of the text is not valid UTF-8", start + at),
            },
        };
        let strict = options.strict_utf8.then_some(&error as &dyn Fn(u64) -> Error);
        worker.count(pretokenizer, source.group, text, strict, control)
    })
}

//! Counting: blocks of text go to whichever thread is free, every thread counts into tables of its own.
//!
//! The counts are sums, so it does not matter which thread counted what; cuts inside of documents are made
//! only where the pre-tokenizer declares them harmless. The result is therefore the same for any number of
//! threads, any block size and any order of the files.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::documents::{Place, for_each_document};
use super::merge::{join, merge};
use super::pool::Pool;
use super::portions::portions;
use super::read::{Block, BlockReader};
use super::source::Source;
use super::table::{INLINE, Run, Table, inline_key};
use super::{lock, parallel};
use crate::pretokenize::Pretokenizer;
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
}

/// Counts files and buffers, group by group.
pub struct Counter {
    pretokenizer: Pretokenizer,
    groups: Vec<String>,
    options: Options,
    workers: Vec<Worker>,
}

/// What one thread owns: a table per group that it has met.
struct Worker {
    tables: Vec<Option<Table>>,
}

impl Worker {
    fn table(&mut self, group: u32) -> &mut Table {
        self.tables[group as usize].get_or_insert_default()
    }
}

/// Pretokens between scanner and table: so long has the slot's cache line to arrive.
const LOOK_AHEAD: usize = 16;

/// Counts the pretokens of one piece of text.
fn count_text(pretokenizer: &Pretokenizer, table: &mut Table, text: &[u8], control: &Control) -> Result<()> {
    let mut at = 0;
    let mut waiting = [(0u128, 0u64); LOOK_AHEAD];
    let mut next = 0;
    pretokenizer.for_each_controlled(text, control, |pretoken| {
        let length = pretoken.len();
        if length > INLINE {
            table.add_long(pretoken);
        } else if length > 0 {
            // The pretokens concatenate to the text: the next 16 bytes stand at `at`, unless it ends before.
            let ahead = text.get(at..).and_then(|rest| rest.first_chunk::<16>());
            let key = if let Some(window) = ahead {
                inline_key(window, length)
            } else {
                let mut window = [0; 16];
                window[..length].copy_from_slice(pretoken);
                inline_key(&window, length)
            };
            let hash = Table::hash(key);
            table.prefetch(hash);
            let (key, hash) = std::mem::replace(&mut waiting[next % LOOK_AHEAD], (key, hash));
            next += 1;
            if key != 0 {
                table.add_short(key, hash);
            }
        }
        at += length;
    })?;
    for (key, hash) in waiting {
        if key != 0 {
            table.add_short(key, hash);
        }
    }
    if at != text.len() {
        return Err(Error::Invariant {
            message: format!(
                "pre-tokenizer {} returned {at} of {} bytes",
                pretokenizer.spec(),
                text.len()
            ),
        });
    }
    if table.overflowed() {
        return Err(Error::TooLarge {
            message: "more than 2^32 different long pretokens in one group; count in shards and merge".into(),
        });
    }
    Ok(())
}

/// Counts one document or piece of one, after checking it where that is asked for.
fn count_piece(
    pretokenizer: &Pretokenizer,
    table: &mut Table,
    text: &[u8],
    strict: Option<&dyn Fn(u64) -> Error>,
    control: &Control,
) -> Result<()> {
    if let Some(error) = strict {
        if let Err(invalid) = std::str::from_utf8(text) {
            return Err(error(invalid.valid_up_to() as u64));
        }
    }
    count_text(pretokenizer, table, text, control)
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
            .map(|_| Worker {
                tables: groups.iter().map(|_| None).collect(),
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
                            worker.count_block(pretokenizer, &sources[number], &block, options, control);
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
            let table = worker.table(group);
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
                    if let Err(error) =
                        count_piece(pretokenizer, table, &data[piece.bytes.clone()], strict, control)
                    {
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

    /// Ends counting.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn finish(self, control: &Control) -> Result<PretokenCounts> {
        let tables: Vec<(u32, Table)> = self
            .workers
            .into_iter()
            .flat_map(|worker| worker.tables.into_iter().enumerate())
            .filter_map(|(group, table)| table.map(|table| (group as u32, table)))
            .collect();
        control.start("sorting", tables.len() as u64);
        let runs = sort_tables(tables, self.options.threads, control)?;
        let stretches = merge(&runs, self.options.threads, control)?;
        drop(runs);
        Ok(join(self.groups, stretches))
    }
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

impl Worker {
    fn count_block(
        &mut self,
        pretokenizer: &Pretokenizer,
        source: &Source,
        block: &Block,
        options: &Options,
        control: &Control,
    ) -> Result<()> {
        let table = self.table(source.group);
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
            count_piece(pretokenizer, table, text, strict, control)
        })
    }
}

//! Many documents on many threads: flat ids and the offsets of the documents in them.
//!
//! Work is handed out in document order. Documents are grouped into tasks; a document larger than a task is cut
//! where a cut provably cannot change its pretokens. The result is put together in order, so it is the same
//! for any number of threads; of several errors the first in document order is reported.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Allowed, Encoder, Matchers, Sampler, Worker};
use crate::{Control, Error, Result};

/// Bytes of text in a task.
const TASK_BYTES: usize = 1 << 20;

/// Flat ids and `n + 1` positions in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The ids of all documents, one after another.
    pub ids: Vec<u32>,
    /// Document `i` is `ids[offsets[i]..offsets[i + 1]]`.
    pub offsets: Vec<i64>,
}

/// A run of whole documents, or a piece of one.
#[derive(Debug, Clone, Copy)]
enum Task {
    Documents {
        first: usize,
        end: usize,
    },
    Piece {
        document: usize,
        start: usize,
        end: usize,
    },
}

/// What is to be encoded, and how.
struct Job<'a> {
    data: &'a [u8],
    /// Document `i` is `data[bounds[i]..bounds[i + 1]]`.
    bounds: &'a [usize],
    matchers: &'a Matchers,
    sampler: Option<Sampler>,
}

/// The ids of a task and how many of them each of its documents has.
#[derive(Debug, Default)]
struct Done {
    ids: Vec<u32>,
    lengths: Vec<usize>,
}

impl Encoder {
    /// Encodes the documents `data[offsets[i]..offsets[i + 1]]` on up to `threads` threads.
    ///
    /// # Errors
    /// [`Error::NotEncodable`] naming document and byte offset, [`Error::Parameter`] for offsets that do not
    /// ascend within `data`, errors of the pre-tokenizer, [`Error::Interrupted`].
    pub fn encode_batch(
        &self,
        data: &[u8],
        offsets: &[i64],
        allowed: Allowed<'_>,
        threads: usize,
        control: &Control,
    ) -> Result<Encoded> {
        self.encode_batch_by(data, offsets, allowed, None, threads, control)
    }

    /// As [`Encoder::encode_batch`], each document with one sampled encoding.
    ///
    /// # Errors
    /// As [`Encoder::encode_batch`].
    pub fn sample_batch(
        &self,
        data: &[u8],
        offsets: &[i64],
        allowed: Allowed<'_>,
        sampler: Sampler,
        threads: usize,
        control: &Control,
    ) -> Result<Encoded> {
        self.encode_batch_by(data, offsets, allowed, Some(sampler), threads, control)
    }

    fn encode_batch_by(
        &self,
        data: &[u8],
        offsets: &[i64],
        allowed: Allowed<'_>,
        sampler: Option<Sampler>,
        threads: usize,
        control: &Control,
    ) -> Result<Encoded> {
        let bounds = checked(offsets, data.len())?;
        control.start("encoding", data.len() as u64);
        self.with_matchers(allowed, |matchers| {
            let job = Job {
                data,
                bounds: &bounds,
                matchers,
                sampler,
            };
            let tasks = self.plan(&job, if threads > 1 { TASK_BYTES } else { usize::MAX }, control);
            let threads = threads.clamp(1, tasks.len().max(1));
            let done = self.run(&job, &tasks, threads, control)?;
            Ok(assemble(bounds.len() - 1, &tasks, done))
        })
    }

    fn plan(&self, job: &Job<'_>, task_bytes: usize, control: &Control) -> Vec<Task> {
        let &Job {
            data,
            bounds,
            matchers,
            sampler,
        } = job;
        let mut worker = self.take_worker();
        let mut tasks = Vec::new();
        let cuttable = self.is_plain(matchers) && sampler.is_none();
        let mut first = 0;
        for document in 0..bounds.len() - 1 {
            let (start, end) = (bounds[document], bounds[document + 1]);
            if cuttable && end - start > task_bytes {
                if first < document {
                    tasks.push(Task::Documents { first, end: document });
                }
                let mut from = start;
                while from < end {
                    let rest = &data[from..end];
                    let to = (rest.len() > task_bytes)
                        .then(|| self.cut(rest, task_bytes, &mut worker, control))
                        .flatten()
                        .map_or(end, |len| from + len);
                    tasks.push(Task::Piece {
                        document,
                        start: from,
                        end: to,
                    });
                    from = to;
                }
                first = document + 1;
            } else if end - bounds[first] >= task_bytes {
                tasks.push(Task::Documents {
                    first,
                    end: document + 1,
                });
                first = document + 1;
            }
        }
        if first < bounds.len() - 1 {
            tasks.push(Task::Documents {
                first,
                end: bounds.len() - 1,
            });
        }
        self.leave_worker(worker);
        tasks
    }

    fn run(&self, job: &Job<'_>, tasks: &[Task], threads: usize, control: &Control) -> Result<Vec<Done>> {
        let next = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let work = || {
            let mut worker = self.take_worker();
            let mut finished = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(task) = tasks.get(index) else { break };
                let result = self.run_task(job, *task, &mut worker, control);
                if result.is_err() {
                    stopped.store(true, Ordering::Relaxed);
                }
                finished.push((index, result));
            }
            self.leave_worker(worker);
            finished
        };
        let mut finished = if threads == 1 {
            work()
        } else {
            let joined: Vec<_> = std::thread::scope(|scope| {
                let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                handles
                    .into_iter()
                    .map(std::thread::ScopedJoinHandle::join)
                    .collect()
            });
            let mut all = Vec::with_capacity(tasks.len());
            for outcome in joined {
                match outcome {
                    Ok(part) => all.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        };
        // Tasks are handed out in order, so all tasks before a failed one have been done.
        finished.sort_unstable_by_key(|&(index, _)| index);
        finished.into_iter().map(|(_, result)| result).collect()
    }

    fn run_task(&self, job: &Job<'_>, task: Task, worker: &mut Worker, control: &Control) -> Result<Done> {
        let &Job {
            data,
            bounds,
            matchers,
            sampler,
        } = job;
        let mut done = Done::default();
        match task {
            Task::Piece { document, start, end } => {
                done.ids.reserve((end - start) / 3);
                self.encode_checked(&data[start..end], worker, &mut done.ids, control)
                    .map_err(|error| in_document(error, document, start - bounds[document]))?;
                done.lengths.push(done.ids.len());
                control.advance((end - start) as u64);
            }
            Task::Documents { first, end } => {
                done.ids.reserve((bounds[end] - bounds[first]) / 3);
                done.lengths.reserve(end - first);
                let mut unreported = 0;
                for document in first..end {
                    let text = &data[bounds[document]..bounds[document + 1]];
                    let before = done.ids.len();
                    let result = match sampler {
                        None => self.encode_document(text, matchers, worker, &mut done.ids, control),
                        Some(sampler) => self
                            .sample_document(text, matchers, sampler, worker, control)
                            .map(|spans| done.ids.extend_from_slice(&spans.ids)),
                    };
                    result.map_err(|error| in_document(error, document, 0))?;
                    done.lengths.push(done.ids.len() - before);
                    unreported += text.len();
                    if unreported > 1 << 18 || document + 1 == end {
                        control.check()?;
                        control.advance(unreported as u64);
                        unreported = 0;
                    }
                }
            }
        }
        Ok(done)
    }

    /// The bytes of many rows of ids.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] naming the id, [`Error::Parameter`] for offsets that do not ascend within `ids`.
    pub fn decode_batch(
        &self,
        ids: &[u32],
        offsets: &[i64],
        control: &Control,
    ) -> Result<(Vec<u8>, Vec<i64>)> {
        let bounds = checked(offsets, ids.len())?;
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        let mut ends = Vec::with_capacity(bounds.len());
        ends.push(0);
        for row in bounds.windows(2) {
            for part in ids[row[0]..row[1]].chunks(1 << 16) {
                control.check()?;
                self.vocabulary.decode(part, &mut bytes)?;
            }
            ends.push(signed(bytes.len()));
        }
        Ok((bytes, ends))
    }
}

/// Offsets as positions, checked to ascend from 0 to `len`.
fn checked(offsets: &[i64], len: usize) -> Result<Vec<usize>> {
    let bounds: Vec<usize> = offsets
        .iter()
        .filter_map(|&offset| usize::try_from(offset).ok())
        .collect();
    let ascending = bounds.windows(2).all(|pair| pair[0] <= pair[1]);
    if bounds.len() != offsets.len()
        || bounds.first() != Some(&0)
        || bounds.last() != Some(&len)
        || !ascending
    {
        return Err(Error::Parameter {
            name: "offsets",
            message: format!("must ascend from 0 to {len}, the length of the data"),
        });
    }
    Ok(bounds)
}

/// A length as a numpy offset; no allocation is longer than `i64::MAX`.
pub(in crate::encode) fn signed(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

fn in_document(error: Error, index: usize, start: usize) -> Error {
    match error {
        Error::NotEncodable { offset, message, .. } => Error::NotEncodable {
            document: index as u64,
            offset: offset + start as u64,
            message,
        },
        other => other,
    }
}

fn assemble(n_documents: usize, tasks: &[Task], done: Vec<Done>) -> Encoded {
    let mut lengths = vec![0usize; n_documents];
    for (task, part) in tasks.iter().zip(&done) {
        let first = match *task {
            Task::Piece { document, .. } => document,
            Task::Documents { first, .. } => first,
        };
        for (length, add) in lengths[first..].iter_mut().zip(&part.lengths) {
            *length += add;
        }
    }
    let mut offsets = Vec::with_capacity(n_documents + 1);
    let mut total = 0;
    offsets.push(0);
    for length in lengths {
        total += length;
        offsets.push(signed(total));
    }
    let mut parts = done.into_iter();
    let mut ids = parts.next().unwrap_or_default().ids;
    ids.reserve_exact(total - ids.len());
    for part in parts {
        ids.extend_from_slice(&part.ids);
    }
    Encoded { ids, offsets }
}

//! From files and buffers to documents, and from documents to [`crate::PretokenCounts`].
//!
//! `source` says what a file is, `read` hands it out in blocks, `documents` cuts blocks into documents, `counter`
//! spreads the blocks over threads, `worker`, `waiting`, `hot` and `table` count, `merge` joins the threads' tables.
//! Beyond a memory budget `spill` keeps sorted runs on disk and `stream` merges them.
//!
//! # What bounds the speed
//!
//! Measured with `tests/all/count_speed.rs` on 100 MB of text in 33 languages, one thread, on 2 shared cores of a Zen 4
//! server, fastest of ten: 256 MB/s of processor time with `gpt2`, 263 with `cl100k`, 254 with `o200k`. For `cl100k`, 0.4 s
//! divide by samples of a profiler into:
//!
//! * 27 % borders of 15.9 million pretokens, 7 ns each. ASCII is classified 32 bytes at a time, every other
//!   character by a look-up of its own; a window of 64 bytes gives some nine borders.
//! * 28 % keys and the cache of frequent pretokens, 7 ns each. 84 % are met at the first entry of their place, 6 % at the
//!   second; which of the three ways a pretoken takes cannot be foreseen.
//! * 20 % tables beyond the second-level cache: 1.2 million short pretokens that the cache has pushed out (1 in 13)
//!   and 0.5 million long ones, 47 ns each although every cache line is asked for in advance. Half of these accesses
//!   insert: 844 thousand pretokens are distinct, 1 in 19.
//! * 13 % sorting the distinct ones and copying them into the result.
//! * 12 % the kernel: mapping the file, zeroing memory of growing tables and of the result.
//!
//! The numbers of pretokens and of distinct ones bound counting, not the bytes; nor is one part left that dominates.
//! Every thread inserts what is distinct for itself: two together take 1.15 to 1.3 times the processor time of one.

mod add;
pub mod batches;
pub mod counter;
pub mod documents;
mod hot;
mod merge;
mod pool;
mod portions;
pub mod read;
mod runs;
mod slots;
pub mod source;
mod spill;
mod stream;
mod table;
mod waiting;
mod weight;
mod worker;

pub use add::add;
pub use batches::{DocumentBatch, DocumentReader};
pub use counter::{BLOCK, Counter, Memory, Options};
pub use documents::json_texts;
pub use runs::RunCounter;
pub use source::{Boundary, Compression, Format, Source};
pub use stream::CountStream;
pub use weight::Weight;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use crate::Result;

/// Runs `work` on up to `threads` threads, this one among them: fewer where the system grants no more.
///
/// # Errors
/// The error of the first thread that returned one.
fn parallel(threads: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map_while(|_| Builder::new().spawn_scoped(scope, &work).ok())
            .collect();
        let mut outcome = work();
        for other in others {
            match other.join() {
                Ok(result) => outcome = outcome.and(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcome
    })
}

/// A lock whose data stay usable after a panic elsewhere, which is raised again where its thread is joined.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! From files and buffers to documents, and from documents to [`crate::PretokenCounts`].
//!
//! `source` says what a file is, `read` hands it out in blocks, `documents` cuts blocks into documents, `counter`
//! spreads the blocks over threads, `worker`, `waiting`, `hot` and `table` count, `merge` joins the threads' tables. Beyond a memory
//! budget `spill` keeps sorted runs on disk and `stream` merges them.

mod add;
pub mod batches;
pub mod counter;
pub mod documents;
mod hot;
mod merge;
mod pool;
mod portions;
pub mod read;
mod room;
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

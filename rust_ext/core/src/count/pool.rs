//! The files as the counting threads share them: one thread reads from a file at a time.

use std::sync::{Condvar, Mutex, PoisonError};

use super::lock;
use super::read::BlockReader;
use crate::{Error, Result};

/// Where something failed: file and block.
pub type Position = (usize, u64);

/// The files as the threads share them.
pub struct Pool {
    state: Mutex<PoolState>,
    changed: Condvar,
    n_sources: usize,
}

#[derive(Default)]
struct PoolState {
    next: usize,
    idle: Vec<(usize, BlockReader)>,
    busy: usize,
    failure: Option<(Position, Error)>,
}

impl Pool {
    /// All files closed.
    pub fn new(n_sources: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            n_sources,
        }
    }

    /// The file to read from next: one that is open and that nobody reads, else one to open (no reader yet).
    /// Waits while all open files are being read and none is left to open.
    pub fn take(&self) -> Option<(usize, Option<BlockReader>)> {
        let mut state = lock(&self.state);
        loop {
            if state.failure.is_some() {
                return None;
            }
            if let Some((number, reader)) = state.idle.pop() {
                state.busy += 1;
                return Some((number, Some(reader)));
            }
            if state.next < self.n_sources {
                state.busy += 1;
                state.next += 1;
                return Some((state.next - 1, None));
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns a file that has more to read.
    pub fn give(&self, number: usize, reader: BlockReader) {
        let mut state = lock(&self.state);
        state.busy -= 1;
        state.idle.push((number, reader));
        drop(state);
        self.changed.notify_one();
    }

    /// Lets go of a file that is read to its end or has failed.
    pub fn close(&self) {
        lock(&self.state).busy -= 1;
        self.changed.notify_all();
    }

    /// Notes a failure, unless one at an earlier position is known; nothing is handed out any more.
    pub fn fail(&self, position: Position, error: Error) {
        let mut state = lock(&self.state);
        if state
            .failure
            .as_ref()
            .is_none_or(|(earlier, _)| position < *earlier)
        {
            state.failure = Some((position, error));
        }
    }

    /// The failure, if there was one.
    pub fn outcome(self) -> Result<()> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.failure.map_or(Ok(()), |(_, error)| Err(error))
    }
}

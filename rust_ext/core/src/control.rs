//! The two things a long loop shares with whoever waits for it: how far it is, and whether to go on.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::{Error, Result};

/// The phases that a loop can report, in the order of [`Control::phase`]'s index.
pub const PHASES: [&str; 12] = [
    "starting",
    "reading",
    "counting",
    "sorting",
    "indexing",
    "merging",
    "pruning",
    "encoding",
    "writing",
    "verifying",
    "learning",
    "pursuing",
];

/// Progress out, cancellation in. All methods may be called from any thread.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: AtomicBool,
    phase: AtomicUsize,
    done: AtomicU64,
    total: AtomicU64,
}

impl Control {
    /// A control that nobody has cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters a phase with `total` units of work (0 = unknown).
    ///
    /// # Panics
    /// If `phase` is not one of [`PHASES`].
    pub fn start(&self, phase: &'static str, total: u64) {
        let index = PHASES.iter().position(|&known| known == phase);
        assert!(index.is_some(), "unknown phase {phase}");
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.phase.store(index.unwrap_or(0), Ordering::Relaxed);
    }

    /// Adds `n` units of finished work.
    pub fn advance(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
    }

    /// Phase, finished units, total units (0 = unknown).
    pub fn progress(&self) -> (&'static str, u64, u64) {
        let phase = PHASES[self.phase.load(Ordering::Relaxed)];
        (
            phase,
            self.done.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
        )
    }

    /// Asks the loop to stop at its next check.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`Error::Interrupted`] once somebody has called [`Control::cancel`].
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

//! The size that a run is to reach: what it must not be below, and what is said when the pairs run out.

use super::Engine;
use crate::{Error, Result};

/// Refuses a vocabulary smaller than what there is before the first merge.
///
/// # Errors
/// [`Error::Parameter`].
pub fn check_goal(vocab_size: u64, at_start: u64) -> Result<()> {
    if vocab_size < at_start {
        return Err(Error::Parameter {
            name: "vocab_size",
            message: format!(
                "must be at least {at_start}, the special tokens and the alphabet together; got {vocab_size}"
            ),
        });
    }
    Ok(())
}

/// The error of a run that has found fewer tokens than it was to find.
pub fn exhausted(engine: &Engine, requested: u64, possible: u64) -> Error {
    Error::Exhausted {
        requested,
        possible,
        message: format!(
            "no pair is left that occurs at least {} times; use more text, a smaller vocab_size or allow_smaller",
            engine.setup().min_frequency.max(1)
        ),
    }
}

//! Plain BPE: take the most frequent pair until the vocabulary is full.

use super::Engine;
use crate::{Control, Error, Result};

/// What a training run did, step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// Left token of each step.
    pub left: Vec<u32>,
    /// Right token of each step.
    pub right: Vec<u32>,
    /// The token that replaced them.
    pub result: Vec<u32>,
    /// The pair's count when it was chosen.
    pub count: Vec<u64>,
    /// Tokens of each group's text after each step: `steps × groups`, steps outermost.
    pub lengths: Vec<u64>,
}

/// Merges the most frequent pair until there are `vocab_size` ids.
///
/// # Errors
/// [`Error::Parameter`] if the alphabet and the special tokens are more than `vocab_size`;
/// [`Error::Exhausted`] if the pairs run out, unless `allow_smaller`; [`Error::Interrupted`].
pub fn run_plain(
    engine: &mut Engine,
    vocab_size: u64,
    allow_smaller: bool,
    control: &Control,
) -> Result<Log> {
    let at_start = engine.tokens().len() as u64;
    if vocab_size < at_start {
        return Err(Error::Parameter {
            name: "vocab_size",
            message: format!(
                "must be at least {at_start}, the special tokens and the alphabet together; got {vocab_size}"
            ),
        });
    }
    let mut log = Log::default();
    control.start("merging", vocab_size - at_start);
    while (engine.tokens().len() as u64) < vocab_size {
        control.check()?;
        let Some(best) = engine.best(None, control)? else {
            if allow_smaller {
                break;
            }
            let possible = engine.tokens().len() as u64;
            return Err(Error::Exhausted {
                requested: vocab_size,
                possible,
                message: format!(
                    "no pair is left that occurs at least {} times; use more text, a smaller vocab_size or \
                     allow_smaller",
                    engine.setup().min_frequency.max(1)
                ),
            });
        };
        let merged = engine.merge(best.left, best.right, control)?;
        log.left.push(best.left);
        log.right.push(best.right);
        log.result.push(merged.result);
        log.count.push(merged.count);
        log.lengths.extend_from_slice(engine.lengths());
        control.advance(1);
    }
    Ok(log)
}

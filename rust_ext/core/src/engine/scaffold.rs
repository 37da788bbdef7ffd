//! Scaffold-BPE (Lian et al., arXiv 2404.17808): plain BPE in which rare parts of frequent tokens are only scaffold.
//!
//! One queue holds pairs by their count and scaffold tokens by their frequency, tokens before pairs and smaller
//! ids first among equals. A pair at its head is merged, as in plain BPE; then each part of it that now occurs
//! less often than the new head becomes scaffold, unless it is pinned (alphabet, special tokens). A scaffold token
//! at the head is an ordinary token again. The run ends when the tokens that are not scaffold fill the vocabulary.
//!
//! So the merges are those of plain BPE, only more of them: what is scaffold never changes which pair is next.
//!
//! A token's frequency falls, as a pair's count does, from the merge that made it on: the queue of tokens may be a
//! lazy heap whose entries over-state (the law of `heap.rs`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Best, Engine, Log};
use crate::{Control, Error, Result};

/// What a run did: the merges, and by merge the tokens that became scaffold with it and those that were
/// re-admitted after it, before the next merge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScaffoldLog {
    /// The merges.
    pub merges: Log,
    /// Tokens that became scaffold, merge after merge.
    pub scaffolded: Vec<u32>,
    /// Where each merge's end in `scaffolded`.
    pub scaffolded_ends: Vec<u64>,
    /// Tokens that became ordinary again, merge after merge.
    pub readmitted: Vec<u32>,
    /// Where each merge's end in `readmitted`.
    pub readmitted_ends: Vec<u64>,
}

/// The scaffold tokens as a queue.
struct Scaffold {
    members: Vec<bool>,
    n_tokens: u64,
    queue: BinaryHeap<(u64, Reverse<u32>)>,
}

/// The head of the common queue.
enum Head {
    Token(u64, u32),
    Pair(Best),
}

impl Head {
    fn frequency(&self) -> u64 {
        match self {
            Self::Token(frequency, _) => *frequency,
            Self::Pair(best) => best.count,
        }
    }
}

impl Scaffold {
    fn add(&mut self, token: u32, frequency: u64) {
        let at = token as usize;
        if self.members.len() <= at {
            self.members.resize(at + 1, false);
        }
        self.members[at] = true;
        self.n_tokens += 1;
        self.queue.push((frequency, Reverse(token)));
    }

    fn contains(&self, token: u32) -> bool {
        self.members.get(token as usize).copied().unwrap_or(false)
    }

    fn remove(&mut self, token: u32) {
        self.members[token as usize] = false;
        self.n_tokens -= 1;
    }

    /// The most frequent scaffold token and its frequency, of equals the one of the smallest id.
    fn top(&mut self, frequencies: &[u64]) -> Option<(u64, u32)> {
        while let Some(&(claimed, Reverse(token))) = self.queue.peek() {
            let frequency = frequencies[token as usize];
            if self.contains(token) && frequency == claimed {
                return Some((frequency, token));
            }
            self.queue.pop();
            if self.contains(token) {
                debug_assert!(frequency < claimed, "a token's frequency falls");
                self.queue.push((frequency, Reverse(token)));
            }
        }
        None
    }
}

/// Runs until there are `vocab_size` tokens that are not scaffold: special tokens and the alphabet, which never
/// are, and merge results.
///
/// # Errors
/// As [`super::run_plain`].
pub fn run_scaffold(
    engine: &mut Engine,
    vocab_size: u64,
    allow_smaller: bool,
    control: &Control,
) -> Result<ScaffoldLog> {
    let n_pinned = engine.tokens().len();
    if vocab_size < n_pinned as u64 {
        return Err(Error::Parameter {
            name: "vocab_size",
            message: format!(
                "must be at least {n_pinned}, the special tokens and the alphabet together; got {vocab_size}"
            ),
        });
    }
    let mut log = ScaffoldLog::default();
    let mut scaffold = Scaffold {
        members: Vec::new(),
        n_tokens: 0,
        queue: BinaryHeap::new(),
    };
    let n_ordinary = |engine: &Engine, scaffold: &Scaffold| engine.tokens().len() as u64 - scaffold.n_tokens;
    let total = vocab_size - n_pinned as u64;
    let mut reported = 0;
    control.start("merging", total);
    let mut head = head_of(engine, &mut scaffold, control)?;
    while n_ordinary(engine, &scaffold) < vocab_size {
        control.check()?;
        match head {
            Some(Head::Token(_, token)) => {
                scaffold.remove(token);
                log.readmitted.push(token);
                if let Some(end) = log.readmitted_ends.last_mut() {
                    *end = log.readmitted.len() as u64;
                }
            }
            Some(Head::Pair(best)) => {
                let merged = engine.merge(best.left, best.right, control)?;
                log.merges.left.push(best.left);
                log.merges.right.push(best.right);
                log.merges.result.push(merged.result);
                log.merges.count.push(merged.count);
                log.merges.lengths.extend_from_slice(engine.lengths());
                let next = head_of(engine, &mut scaffold, control)?.map_or(0, |head| head.frequency());
                let parts = [best.left, best.right];
                let n_parts = if best.left == best.right { 1 } else { 2 };
                for &part in &parts[..n_parts] {
                    let frequency = engine.token_count(part)?;
                    if part as usize >= n_pinned && !scaffold.contains(part) && frequency < next {
                        scaffold.add(part, frequency);
                        log.scaffolded.push(part);
                    }
                }
                log.scaffolded_ends.push(log.scaffolded.len() as u64);
                log.readmitted_ends.push(log.readmitted.len() as u64);
            }
            None if allow_smaller => break,
            None => {
                let possible = n_ordinary(engine, &scaffold);
                return Err(Error::Exhausted {
                    requested: vocab_size,
                    possible,
                    message: format!(
                        "no pair is left that occurs at least {} times; use more text, a smaller vocab_size or \
                         allow_smaller",
                        engine.setup().min_frequency.max(1)
                    ),
                });
            }
        }
        let reached = n_ordinary(engine, &scaffold) - n_pinned as u64;
        control.advance(reached.saturating_sub(reported));
        reported = reported.max(reached);
        head = head_of(engine, &mut scaffold, control)?;
    }
    Ok(log)
}

/// The head of the queue; none when neither a pair nor a scaffold token reaches the minimum frequency.
fn head_of(engine: &mut Engine, scaffold: &mut Scaffold, control: &Control) -> Result<Option<Head>> {
    let lowest = engine.setup().min_frequency.max(1);
    let pair = engine.best(None, control)?;
    let token = scaffold
        .top(engine.token_counts())
        .filter(|&(frequency, _)| frequency >= lowest);
    Ok(match (token, pair) {
        (Some((frequency, token)), best) if best.is_none_or(|best| frequency >= best.count) => {
            Some(Head::Token(frequency, token))
        }
        (_, Some(best)) => Some(Head::Pair(best)),
        (_, None) => None,
    })
}

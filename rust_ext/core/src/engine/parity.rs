//! Parity-aware BPE (Foroutan et al. 2025, arXiv 2508.04796): each step serves the language that is worst off.
//!
//! The step merges the most frequent pair of that language's training text, everywhere. Who is worst off is read
//! off lengths: of a parallel development set (silent groups, which the engine segments along), of the training
//! text, or of the training text relative to a target rate. [`Parity`] holds the rule and what it must remember; it
//! chooses as the Python objective of the same name does, and a parity test binds the two.

use std::collections::VecDeque;

use super::plain::Log;
use super::{Best, Engine};
use crate::{Control, Error, Result};

/// The log's entry for a merge that was chosen over all languages together.
const ALL: u32 = u32::MAX;
/// What says how badly off a language is.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// The larger the length of its column (`first` + language) times its weight, the worse off.
    Lengths {
        /// The first language's column.
        first: usize,
        /// One weight per language.
        weights: Vec<u64>,
    },
    /// The smaller (initial length / length) / target of its training text, the worse off.
    Ratio {
        /// One target per language.
        targets: Vec<f64>,
    },
}

/// The rule and its memory.
#[derive(Debug, Clone)]
pub struct Parity {
    measure: Measure,
    global_merges: u64,
    /// How many selections are remembered, and the share of them that one language may have.
    window: Option<(usize, f64)>,
    stop_when_exhausted: bool,
    recent: VecDeque<u32>,
    /// How often each language is in `recent`.
    times: Vec<u32>,
    /// At which step a language had no pair left.
    exhausted: Vec<Option<u64>>,
    initial: Vec<u64>,
    n_steps: u64,
}

/// What a run did, and for whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParityLog {
    /// Step by step, with the lengths of all columns.
    pub log: Log,
    /// The language that each step served; `u32::MAX` for the first, global ones.
    pub served: Vec<u32>,
}

impl Parity {
    /// A rule before its first step.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a window that holds nothing, a share or a target that is not above 0.
    pub fn new(
        measure: Measure,
        global_merges: u64,
        window: Option<(usize, f64)>,
        stop_when_exhausted: bool,
    ) -> Result<Self> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let fail = |name: &'static str, message: String| Err(Error::Parameter { name, message });
        if let Some((length, share)) = window {
            if length == 0 {
                return fail("window", "must hold at least 1 selection".into());
            }
            if !positive(share) {
                return fail("alpha", format!("must be above 0, got a share of {share}"));
            }
        }
        let n_languages = match &measure {
            Measure::Lengths { weights, .. } => weights.len(),
            Measure::Ratio { targets } => {
                if let Some(&target) = targets.iter().find(|&&target| !positive(target)) {
                    return fail("ratio", format!("must be above 0, got {target}"));
                }
                targets.len()
            }
        };
        Ok(Self {
            measure,
            global_merges,
            window,
            stop_when_exhausted,
            recent: VecDeque::new(),
            times: vec![0; n_languages],
            exhausted: vec![None; n_languages],
            initial: Vec::new(),
            n_steps: 0,
        })
    }

    /// How many first merges are chosen over all languages together.
    pub fn global_merges(&self) -> u64 {
        self.global_merges
    }

    /// The languages that had no pair left, with the number of steps before that, in the order of languages.
    pub fn exhausted(&self) -> Vec<(u32, u64)> {
        (0..)
            .zip(&self.exhausted)
            .filter_map(|(language, step)| step.map(|step| (language, step)))
            .collect()
    }

    fn n_languages(&self) -> u32 {
        self.times.len() as u32
    }

    /// Whether `a` is worse off than `b`.
    fn is_worse(&self, a: u32, b: u32, lengths: &[u64]) -> bool {
        match &self.measure {
            Measure::Lengths { first, weights } => {
                let weighted = |language: u32| {
                    let language = language as usize;
                    u128::from(lengths[first + language]) * u128::from(weights[language])
                };
                weighted(a) > weighted(b)
            }
            Measure::Ratio { targets } => {
                let rate = |language: u32| {
                    let language = language as usize;
                    (self.initial[language] as f64 / lengths[language] as f64) / targets[language]
                };
                rate(a) < rate(b)
            }
        }
    }

    /// The language that the next step serves: of those that have pairs and have not had too large a share of the
    /// window, the one that is worst off, the first of equals. Where all have had it, the one that is best off (the
    /// last of equals). None when every language is exhausted.
    fn choose(&mut self, lengths: &[u64]) -> Option<u32> {
        let mut worst = None;
        let mut last = None;
        for language in 0..self.n_languages() {
            if self.exhausted[language as usize].is_some() {
                continue;
            }
            if last.is_none_or(|other| !self.is_worse(language, other, lengths)) {
                last = Some(language);
            }
            let had_its_share = self.window.is_some_and(|(length, share)| {
                f64::from(self.times[language as usize]) / length as f64 > share
            });
            if !had_its_share && worst.is_none_or(|other| self.is_worse(language, other, lengths)) {
                worst = Some(language);
            }
        }
        let chosen = worst.or(last)?;
        if let Some((length, _)) = self.window {
            self.recent.push_back(chosen);
            self.times[chosen as usize] += 1;
            if self.recent.len() > length
                && let Some(oldest) = self.recent.pop_front()
            {
                self.times[oldest as usize] -= 1;
            }
        }
        Some(chosen)
    }

    /// The next merge and whom it serves; none when there is none for anybody that the rule would serve.
    fn next(&mut self, engine: &mut Engine, control: &Control) -> Result<Option<(u32, Best)>> {
        if self.initial.is_empty() {
            self.initial = engine.lengths().to_vec();
        }
        if self.n_steps < self.global_merges {
            return Ok(engine.best(None, control)?.map(|best| (ALL, best)));
        }
        if self.n_steps == self.global_merges && self.global_merges > 0 {
            engine.close_total();
        }
        while let Some(language) = self.choose(engine.lengths()) {
            if let Some(best) = engine.best(Some(language), control)? {
                return Ok(Some((language, best)));
            }
            self.exhausted[language as usize] = Some(self.n_steps);
            if self.stop_when_exhausted {
                break;
            }
        }
        Ok(None)
    }
}

/// Merges by the rule until there are `vocab_size` ids or nothing is left to merge; another call goes on.
///
/// # Errors
/// [`Error::Parameter`] if there are more than `vocab_size` ids or other columns than the rule needs;
/// [`Error::Interrupted`].
pub fn run_parity(
    engine: &mut Engine,
    parity: &mut Parity,
    vocab_size: u64,
    control: &Control,
) -> Result<ParityLog> {
    let at_start = engine.tokens().len() as u64;
    if vocab_size < at_start {
        return Err(Error::Parameter {
            name: "vocab_size",
            message: format!(
                "must be at least {at_start}, the special tokens and the alphabet together; got {vocab_size}"
            ),
        });
    }
    let first = match &parity.measure {
        Measure::Lengths { first, .. } => *first,
        Measure::Ratio { .. } => 0,
    };
    let n_languages = parity.n_languages() as usize;
    if engine.n_groups() != n_languages || engine.lengths().len() < first + n_languages {
        return Err(Error::Parameter {
            name: "groups",
            message: format!(
                "the rule is about {n_languages} languages from column {first} on, the counts have {} groups and \
                 {} columns",
                engine.n_groups(),
                engine.lengths().len()
            ),
        });
    }
    let mut run = ParityLog::default();
    control.start("merging", vocab_size - at_start);
    while (engine.tokens().len() as u64) < vocab_size {
        control.check()?;
        let Some((served, best)) = parity.next(engine, control)? else {
            break;
        };
        let merged = engine.merge(best.left, best.right, control)?;
        parity.n_steps += 1;
        run.served.push(served);
        let log = &mut run.log;
        log.left.push(best.left);
        log.right.push(best.right);
        log.result.push(merged.result);
        log.count.push(merged.count);
        log.lengths.extend_from_slice(engine.lengths());
        control.advance(1);
    }
    Ok(run)
}

//! Where a pre-tokenizer may cut when the rest of the text is unknown: all hypotheses at once.
//!
//! A pre-tokenizer looks ahead (`\s+(?!\S)`, contractions, digits grouped from the right), so the border between two
//! bytes that were read may depend on bytes that were not. [`Borders`] is an automaton over bytes and borders: its
//! state after some bytes, with a border or none after each of them as given, is non-empty exactly if some continuation
//! of the bytes is cut by the pre-tokenizer so and not otherwise.
//!
//! **How.** A backtracking match is deterministic once one knows, at every place, from which places of the pattern the
//! match can still succeed on the text that follows. That *profile* of the text that follows is a set of places of the
//! pattern. The profile of `c z` is a function of `c` and of the profile of `z`, so the profiles of all texts are found
//! by working backwards from the empty text: finitely many, and each is that of some text ([`profile`]). The automaton
//! guesses the profile of what follows and checks each guess with the next character ([`machine`]). Since every profile
//! is real, a guess that is left standing has a continuation: no search, no list of cases, nothing left out.
//!
//! Patterns run one after another are a product, in which a border of the first is the end of the text for the second.
//! UTF-8 is one more layer: a byte that begins a character may turn out to begin none ([`bytes`]).

mod behaviours;
mod bytes;
mod classes;
mod machine;
mod product;
mod profile;
mod program;
mod scripts;
pub(crate) mod utf8;

pub use bytes::{Borders, DEAD, StateId};
pub use machine::Machine;

use crate::pretokenize::{Behaviour, DEEPSEEK_PATTERNS, KNOWN_PATTERNS};
use crate::pretokenize::{Grouping, Step};
use crate::{Error, Result};

/// BERT's punctuation.
const PUNCTUATION: &str = r"[\p{P}$+<=>^`|~]";

impl Machine {
    /// The automaton over characters of a pre-tokenizer's specification.
    ///
    /// # Errors
    /// [`Error::Pretokenizer`] for a specification that cannot be read, and for a pattern with what no finite automaton
    /// can do (references to groups) or this one does not (looking back further than one character).
    pub fn parse(spec: &str) -> Result<Self> {
        Self::of(&Step::parse(spec)?).map_err(|message| Error::Pretokenizer {
            spec: spec.to_owned(),
            message,
        })
    }

    fn of(step: &Step) -> std::result::Result<Self, String> {
        let isolated = |pattern: &str| Self::of_pattern(pattern, Behaviour::Isolated);
        match step {
            Step::Named("none") => isolated("(?s:.+)"),
            Step::Named("lines") => isolated(r"[^\n]*\n|[^\n]+"),
            Step::Named("script") => Ok(scripts::machine()),
            Step::Named("deepseek3") => {
                let machines = DEEPSEEK_PATTERNS.iter().map(|pattern| isolated(pattern));
                product::sequence(machines.collect::<std::result::Result<_, _>>()?)
            }
            Step::Named(name) => {
                let known = KNOWN_PATTERNS.iter().rev().find(|(_, scanner)| scanner == name);
                isolated(known.ok_or_else(|| format!("no pattern is known for {name}"))?.0)
            }
            Step::Digits(Grouping::Whole) => isolated(r"\p{N}+"),
            Step::Digits(Grouping::FromLeft(n)) => isolated(&format!(r"\p{{N}}{{1,{n}}}")),
            Step::Digits(Grouping::FromRight(n)) => {
                isolated(&format!(r"\p{{N}}{{1,{n}}}(?=(?:\p{{N}}{{{n}}})*(?!\p{{N}}))"))
            }
            Step::Punctuation(behaviour) => Self::of_pattern(PUNCTUATION, *behaviour),
            Step::Regex(pattern, behaviour) => Self::of_pattern(pattern, *behaviour),
            Step::Sequence(steps) => {
                let machines = steps.iter().map(Self::of);
                product::sequence(machines.collect::<std::result::Result<_, _>>()?)
            }
        }
    }

    fn of_pattern(pattern: &str, behaviour: Behaviour) -> std::result::Result<Self, String> {
        let program = program::Program::compile(pattern)?;
        let profiles = profile::Profiles::new(&program)?;
        behaviours::machine(&program, &profiles, behaviour)
    }
}

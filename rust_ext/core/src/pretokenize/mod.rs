//! Pre-tokenizers: text cut into the pieces inside of which merges happen.
//!
//! Invariants, whatever the specification: the pieces are non-empty, come in order and concatenate to the input;
//! no piece border lies inside of a valid UTF-8 sequence; an invalid byte is treated as one U+FFFD.
//!
//! The named ones are scanners written by hand ([`scan::Scanner`]) over one class byte per code point
//! ([`class::Table`]); each is held to its regular expression by `tests/pretokenize.rs`.

#![allow(
    clippy::inline_always,
    reason = "the loop over a text is compiled once per scanner and closure; a call per piece costs more than the piece"
)]

mod admit;
mod behaviour;
mod cased;
mod class;
mod deepseek;
mod digits;
mod gpt2;
mod known;
mod letters;
mod pattern;
mod run;
mod scan;
mod script;
mod spaced;
mod spec;
mod superword;
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(
        dead_code,
        reason = "windows are read with AVX2; elsewhere the scanners go piece by piece"
    )
)]
mod window;

use memchr::memchr;

use self::behaviour::Joiner;
use self::class::{PUNCTUATION, Table};
use self::scan::{Scanner, first_cut};
use crate::{Control, Error, Result};

pub use self::admit::{RULES as ADMISSION_RULES, admitted};
pub use self::behaviour::Behaviour;
pub use self::digits::Grouping;
pub use self::known::{DEEPSEEK as DEEPSEEK_PATTERNS, PATTERNS as KNOWN_PATTERNS};
pub use self::spec::{FORMS, SCANNERS, Step};

/// A parsed pre-tokenizer, ready to run on any thread.
#[derive(Clone)]
pub struct Pretokenizer {
    spec: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Gpt2(gpt2::Gpt2),
    Cl100k(letters::Cl100k),
    Llama3(letters::Llama3),
    Qwen2(letters::Qwen2),
    Qwen35(letters::Qwen35),
    O200k(cased::O200k),
    Tekken(cased::Tekken),
    Deepseek(deepseek::Deepseek),
    Whitespace(spaced::Whitespace),
    Bert(spaced::Bert),
    Script(script::Script),
    SuperBpe(superword::SuperBpe),
    Digits(digits::Digits),
    Punctuation(&'static Table, Behaviour),
    Pattern(Box<pattern::Pattern>),
    Sequence(Vec<Kind>),
    Lines,
    None,
}

impl Kind {
    fn new(step: &Step) -> Result<Self> {
        Ok(match step {
            Step::Named(name) => match *name {
                "gpt2" => Self::Gpt2(gpt2::Gpt2 {
                    table: class::letters(),
                }),
                "cl100k" => Self::Cl100k(letters::Letters {
                    table: class::letters(),
                }),
                "llama3" => Self::Llama3(letters::Letters {
                    table: class::letters(),
                }),
                "qwen2" => Self::Qwen2(letters::Letters {
                    table: class::letters(),
                }),
                "qwen3_5" => Self::Qwen35(letters::Letters {
                    table: class::letters(),
                }),
                "o200k" => Self::O200k(cased::Cased {
                    table: class::letters(),
                }),
                "tekken" => Self::Tekken(cased::Cased {
                    table: class::letters(),
                }),
                "deepseek3" => Self::Deepseek(deepseek::Deepseek {
                    table: class::deepseek(),
                }),
                "whitespace" => Self::Whitespace(spaced::Spaced { table: class::bert() }),
                "bert" => Self::Bert(spaced::Spaced { table: class::bert() }),
                "script" => Self::Script(script::Script {
                    table: script::scripts(),
                }),
                "superbpe" => Self::SuperBpe(superword::SuperBpe {
                    table: class::letters(),
                }),
                "lines" => Self::Lines,
                "none" => Self::None,
                other => unreachable!("{other} is in SCANNERS without a scanner"),
            },
            Step::Digits(grouping) => Self::Digits(digits::Digits {
                table: class::letters(),
                grouping: *grouping,
            }),
            Step::Punctuation(behaviour) => Self::Punctuation(class::bert(), *behaviour),
            Step::Regex(text, behaviour) => Self::Pattern(Box::new(pattern::Pattern::new(text, *behaviour)?)),
            Step::Sequence(steps) => Self::Sequence(steps.iter().map(Self::new).collect::<Result<_>>()?),
        })
    }

    /// One arm per scanner, so that each gets its own copy of the loop with `f` inside.
    #[inline(always)]
    fn each(&self, data: &[u8], control: &Control, mut f: impl FnMut(&[u8])) -> Result<()> {
        match self {
            Self::Gpt2(scanner) => scanner.each(data, control, f),
            Self::Cl100k(scanner) => scanner.each(data, control, f),
            Self::Llama3(scanner) => scanner.each(data, control, f),
            Self::Qwen2(scanner) => scanner.each(data, control, f),
            Self::Qwen35(scanner) => scanner.each(data, control, f),
            Self::O200k(scanner) => scanner.each(data, control, f),
            Self::Tekken(scanner) => scanner.each(data, control, f),
            Self::Deepseek(scanner) => scanner.each(data, control, f),
            Self::Whitespace(scanner) => scanner.each(data, control, f),
            Self::Bert(scanner) => scanner.each(data, control, f),
            Self::Script(scanner) => scanner.each(data, control, f),
            Self::SuperBpe(scanner) => scanner.each(data, control, f),
            Self::Digits(digits) => digits.each(data, control, f),
            Self::Punctuation(table, behaviour) => punctuation(table, *behaviour, data, control, f),
            Self::Pattern(pattern) => pattern.each(data, control, f),
            Self::Sequence(steps) => nested(steps, data, control, &mut f),
            Self::Lines => lines(data, control, f),
            Self::None => {
                if !data.is_empty() {
                    f(data);
                }
                Ok(())
            }
        }
    }

    fn safe_split(&self, data: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Gpt2(scanner) => scanner.safe_split(data, at),
            Self::Cl100k(scanner) => scanner.safe_split(data, at),
            Self::Llama3(scanner) => scanner.safe_split(data, at),
            Self::Qwen2(scanner) => scanner.safe_split(data, at),
            Self::Qwen35(scanner) => scanner.safe_split(data, at),
            Self::O200k(scanner) => scanner.safe_split(data, at),
            Self::Tekken(scanner) => scanner.safe_split(data, at),
            Self::Deepseek(scanner) => scanner.safe_split(data, at),
            Self::Whitespace(scanner) => scanner.safe_split(data, at),
            Self::Bert(scanner) => scanner.safe_split(data, at),
            Self::Script(scanner) => scanner.safe_split(data, at),
            Self::SuperBpe(scanner) => scanner.safe_split(data, at),
            Self::Digits(digits) => digits.safe_split(data, at),
            Self::Punctuation(table, behaviour) => match behaviour {
                Behaviour::Isolated => first_cut(table, data, at, |before, after, _| {
                    (before | after) & PUNCTUATION != 0
                }),
                Behaviour::Contiguous => first_cut(table, data, at, |before, after, _| {
                    (before ^ after) & PUNCTUATION != 0
                }),
                Behaviour::MergedWithPrevious | Behaviour::MergedWithNext => None,
            },
            Self::Lines => {
                let from = at.max(1);
                let found = memchr(b'\n', data.get(from - 1..)?)?;
                (from + found < data.len()).then_some(from + found)
            }
            Self::Sequence(steps) => {
                let mut best = steps.first()?.safe_split(data, at);
                for (index, step) in steps.iter().enumerate().skip(1) {
                    if !steps[..index].iter().all(Self::bears_cuts) || !step.cuts_between_words() {
                        break;
                    }
                    let found = step.safe_split(data, at);
                    best = best.into_iter().chain(found).min();
                }
                best
            }
            Self::Pattern(_) | Self::None => None,
        }
    }

    /// Whether cutting the text at any place that [`Kind::cuts_between_words`] gives only adds that cut to the
    /// pieces: such a place never lies between two numbers or two punctuation marks.
    fn bears_cuts(&self) -> bool {
        matches!(
            self,
            Self::Digits(_) | Self::Punctuation(_, Behaviour::Isolated | Behaviour::Contiguous)
        )
    }

    /// Whether one side of every safe place is white space or a letter and the other is no number or letter.
    fn cuts_between_words(&self) -> bool {
        !matches!(
            self,
            Self::Digits(_)
                | Self::Punctuation(..)
                | Self::Script(_)
                | Self::SuperBpe(_)
                | Self::Pattern(_)
                | Self::Sequence(_)
                | Self::None
        )
    }
}

/// Runs the first step and hands its pieces to the others.
fn nested(steps: &[Kind], data: &[u8], control: &Control, f: &mut dyn FnMut(&[u8])) -> Result<()> {
    let Some((first, others)) = steps.split_first() else {
        if !data.is_empty() {
            f(data);
        }
        return Ok(());
    };
    let mut outcome = Ok(());
    first.each(data, control, |piece| {
        if outcome.is_ok() {
            outcome = nested(others, piece, control, f);
        }
    })?;
    outcome
}

fn lines(data: &[u8], control: &Control, mut f: impl FnMut(&[u8])) -> Result<()> {
    let mut start = 0;
    for (n, newline) in memchr::memchr_iter(b'\n', data).enumerate() {
        f(&data[start..=newline]);
        start = newline + 1;
        if n % 1024 == 0 {
            control.check()?;
        }
    }
    if start < data.len() {
        f(&data[start..]);
    }
    Ok(())
}

fn punctuation(
    table: &Table,
    behaviour: Behaviour,
    data: &[u8],
    control: &Control,
    f: impl FnMut(&[u8]),
) -> Result<()> {
    let mut joiner = Joiner::new(data, behaviour, f);
    let mut pos = 0;
    while pos < data.len() {
        let mark = run::outside(table, data, pos, PUNCTUATION);
        if mark > pos {
            joiner.push(mark, false);
        }
        pos = run::at_most(table, data, mark, PUNCTUATION, 1);
        if pos > mark {
            joiner.push(pos, true);
        }
        control.check()?;
    }
    joiner.finish();
    Ok(())
}

impl Pretokenizer {
    fn new(step: &Step) -> Result<Self> {
        Ok(Self {
            spec: step.to_string(),
            kind: Kind::new(step)?,
        })
    }

    /// Reads a specification such as `cl100k`, `digits:3`, `regex:\w+|\W` or `seq(digits:3, gpt2)`.
    ///
    /// # Errors
    /// [`Error::Pretokenizer`] for an unknown name (with the nearest one), a bad argument or pattern.
    pub fn parse(spec: &str) -> Result<Self> {
        Self::new(&Step::parse(spec)?)
    }

    /// Runs several specifications one after another, each on the pieces of the one before.
    ///
    /// # Errors
    /// As [`Pretokenizer::parse`], and for an empty list.
    pub fn sequence(specs: &[impl AsRef<str>]) -> Result<Self> {
        let steps = specs
            .iter()
            .map(|spec| Step::parse(spec.as_ref()))
            .collect::<Result<_>>()?;
        let step = Step::sequence(steps).map_err(|message| Error::Pretokenizer {
            spec: "seq()".into(),
            message,
        })?;
        Self::new(&step)
    }

    /// The scanner that equals `pattern`, or else the pattern itself.
    ///
    /// # Errors
    /// [`Error::Pretokenizer`] if it does not compile.
    pub fn from_regex(pattern: &str) -> Result<Self> {
        match known::name_of(pattern) {
            Some(name) => Self::parse(name),
            None => Self::split_on(pattern, Behaviour::Isolated),
        }
    }

    /// [`Pretokenizer::from_regex`] for several isolating splits one after another.
    ///
    /// # Errors
    /// As [`Pretokenizer::from_regex`], and for an empty list.
    pub fn from_regexes(patterns: &[impl AsRef<str>]) -> Result<Self> {
        let texts: Vec<&str> = patterns.iter().map(AsRef::as_ref).collect();
        if known::is_deepseek(&texts) {
            return Self::parse("deepseek3");
        }
        let specs = texts
            .into_iter()
            .map(|text| Self::from_regex(text).map(|made| made.spec))
            .collect::<Result<Vec<_>>>()?;
        Self::sequence(&specs)
    }

    /// A regular expression and what becomes of its matches.
    ///
    /// # Errors
    /// [`Error::Pretokenizer`] if it does not compile.
    pub fn split_on(pattern: &str, behaviour: Behaviour) -> Result<Self> {
        Self::new(&Step::Regex(pattern.to_owned(), behaviour))
    }

    /// The canonical specification; parsing it gives an equal pre-tokenizer.
    pub fn spec(&self) -> &str {
        &self.spec
    }

    /// Calls `f` once per piece, in order.
    ///
    /// # Errors
    /// [`Error::Pretokenizer`] if a regular expression exceeds its backtracking limit; scanners never fail.
    #[inline]
    pub fn for_each(&self, data: &[u8], f: impl FnMut(&[u8])) -> Result<()> {
        self.kind.each(data, &Control::new(), f)
    }

    /// [`Pretokenizer::for_each`] that stops when `control` is cancelled.
    ///
    /// # Errors
    /// As [`Pretokenizer::for_each`], and [`Error::Interrupted`].
    #[inline]
    pub fn for_each_controlled(&self, data: &[u8], control: &Control, f: impl FnMut(&[u8])) -> Result<()> {
        self.kind.each(data, control, f)
    }

    /// The end of every piece, ascending; the last one is the length of the data.
    ///
    /// # Errors
    /// As [`Pretokenizer::for_each`].
    pub fn boundaries(&self, data: &[u8]) -> Result<Vec<usize>> {
        self.boundaries_controlled(data, &Control::new())
    }

    /// [`Pretokenizer::boundaries`] that stops when `control` is cancelled.
    ///
    /// # Errors
    /// As [`Pretokenizer::for_each_controlled`].
    pub fn boundaries_controlled(&self, data: &[u8], control: &Control) -> Result<Vec<usize>> {
        let mut ends = Vec::new();
        let mut end = 0;
        self.kind.each(data, control, |piece| {
            end += piece.len();
            ends.push(end);
        })?;
        Ok(ends)
    }

    /// A place `q` with `at <= q` and `0 < q < data.len()` such that the pieces of `data[..q]` followed by those
    /// of `data[q..]` are the pieces of `data`; the nearest one that this pre-tokenizer can prove from the two
    /// units around it. `None` if there is none, as always for `none` and regular expressions.
    pub fn safe_split(&self, data: &[u8], at: usize) -> Option<usize> {
        self.kind.safe_split(data, at)
    }
}

impl std::fmt::Debug for Pretokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pretokenizer").field(&self.spec).finish()
    }
}

impl PartialEq for Pretokenizer {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Eq for Pretokenizer {}

//! Text → token ids and back: added tokens, normalization, pretokens, merges.
//!
//! An [`Encoder`] never changes; what a thread learns (which word became which ids) lives in its
//! worker and is an exact cache, so that results depend neither on the threads nor on what came before.

use std::sync::{Mutex, PoisonError};

mod added;
mod after_unicode_11;
mod atoms;
mod batch;
mod cache;
mod document;
mod merge;
mod normalize;
mod pairs;
mod ranks;
mod symbols;
mod vocabulary;

pub use added::AddedToken;
pub use batch::Encoded;
pub use document::Spans;
pub use normalize::Normalizer;
pub use pairs::{ID_LIMIT, NONE};
pub use ranks::merges_of_ranks;
pub use symbols::{Fallback, Unit};
pub use vocabulary::Vocabulary;

use added::Matcher;
use cache::{LongWords, SHORT_BYTES, ShortWords, short_key};
use pairs::PairTable;
use symbols::Alphabet;

use crate::pretokenize::Pretokenizer;
use crate::{Control, Error, Result};

/// How a pretoken becomes tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// Lowest rank first; `(left, right, result)` in rank order.
    Merges(Vec<[u32; 3]>),
    /// From left to right the longest token that fits.
    LongestMatch,
}

/// What an encoder is made of.
#[derive(Debug)]
pub struct Parts {
    /// Bytes of every id.
    pub vocabulary: Vocabulary,
    /// How a pretoken becomes tokens.
    pub method: Method,
    /// Where text is cut first.
    pub pretokenizer: Pretokenizer,
    /// What merging starts from.
    pub unit: Unit,
    /// What stands for a character without a token.
    pub fallback: Fallback,
    /// Whether a pretoken that is a token as a whole becomes it at once.
    pub whole_words: bool,
    /// Applied to the text between added tokens.
    pub normalizer: Option<Normalizer>,
    /// Whether text that does not start with a space gets one.
    pub prefix_space: bool,
    /// Strings that become one id before anything else.
    pub added: Vec<AddedToken>,
}

/// Which special tokens may be made from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed<'a> {
    /// None: text that spells one is text.
    None,
    /// All of them.
    All,
    /// These ids.
    Only(&'a [u32]),
}

/// A tokenizer's encoding half, ready to use from any number of threads.
#[derive(Debug)]
pub struct Encoder {
    vocabulary: Vocabulary,
    model: Model,
    alphabet: Alphabet,
    pretokenizer: Pretokenizer,
    whole_words: bool,
    normalizer: Option<Normalizer>,
    prefix_space: bool,
    added: Vec<AddedToken>,
    plain: Matchers,
    all: Matchers,
    workers: Mutex<Vec<Worker>>,
}

#[derive(Debug)]
enum Model {
    Merges(PairTable),
    LongestMatch(aho_corasick::AhoCorasick, Vec<u32>),
}

/// The matchers over the text as given and over the normalized text.
#[derive(Debug)]
struct Matchers {
    raw: Matcher,
    normalized: Matcher,
}

/// What one thread owns while it encodes.
#[derive(Debug)]
struct Worker {
    short: ShortWords,
    long: LongWords,
    scratch: Scratch,
}

#[derive(Debug, Default)]
struct Scratch {
    ids: Vec<u32>,
    unknown: Vec<u32>,
}

impl Encoder {
    /// Checks the parts against each other and builds the tables.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] naming a merge or an added token with an id outside of the vocabulary, and the
    /// errors of the parts.
    pub fn new(parts: Parts) -> Result<Self> {
        let Parts { vocabulary, .. } = &parts;
        let known = |id: u32| vocabulary.bytes(id).is_some();
        let fail = |message: String| Err(Error::Vocabulary { message });
        if let Some(token) = parts.added.iter().find(|token| !known(token.id)) {
            return fail(format!("added token {} is not in the vocabulary", token.id));
        }
        if let Some(id) = parts.fallback.unknown.filter(|&id| !known(id)) {
            return fail(format!("unknown token {id} is not in the vocabulary"));
        }
        let model = match &parts.method {
            Method::Merges(merges) => {
                for (rank, merge) in merges.iter().enumerate() {
                    if let Some(id) = merge.iter().find(|&&id| !known(id)) {
                        return fail(format!(
                            "merge {rank} uses id {id}, which is not in the vocabulary"
                        ));
                    }
                    if parts.fallback.unknown.is_some_and(|id| merge.contains(&id)) {
                        return fail(format!("merge {rank} uses the unknown token"));
                    }
                }
                Model::Merges(PairTable::new(merges)?)
            }
            Method::LongestMatch => longest_match(vocabulary)?,
        };
        let mut alphabet = Alphabet::new(vocabulary, parts.unit, parts.fallback.clone())?;
        if let (Model::Merges(table), Method::Merges(merges)) = (&model, &parts.method) {
            alphabet.use_atoms(merges, table, vocabulary)?;
        }
        let plain = matchers(&parts.added, parts.normalizer, |token| !token.special)?;
        let all = matchers(&parts.added, parts.normalizer, |_| true)?;
        Ok(Self {
            model,
            alphabet,
            plain,
            all,
            vocabulary: parts.vocabulary,
            pretokenizer: parts.pretokenizer,
            whole_words: parts.whole_words,
            normalizer: parts.normalizer,
            prefix_space: parts.prefix_space,
            added: parts.added,
            workers: Mutex::new(Vec::new()),
        })
    }

    /// The bytes of every id.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Calls `f` with the matchers for the allowed special tokens.
    fn with_matchers<T>(&self, allowed: Allowed<'_>, f: impl FnOnce(&Matchers) -> Result<T>) -> Result<T> {
        match allowed {
            Allowed::None => f(&self.plain),
            Allowed::All => f(&self.all),
            Allowed::Only(ids) => f(&matchers(&self.added, self.normalizer, |token| {
                !token.special || ids.contains(&token.id)
            })?),
        }
    }

    /// A worker that another call has left behind, or a new one.
    fn take_worker(&self) -> Worker {
        let mut idle = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().unwrap_or_else(|| Worker {
            short: ShortWords::new(),
            long: LongWords::default(),
            scratch: Scratch::default(),
        })
    }

    fn leave_worker(&self, worker: Worker) {
        let mut idle = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(worker);
    }

    /// The ids of one pretoken into `scratch.ids`, the lengths of its unknown tokens into `scratch.unknown`.
    fn encode_pretoken(&self, pretoken: &[u8], scratch: &mut Scratch, control: &Control) -> Result<()> {
        scratch.ids.clear();
        scratch.unknown.clear();
        if self.whole_words {
            let id = self.vocabulary.find(pretoken);
            if id != NONE {
                scratch.ids.push(id);
                return Ok(());
            }
        }
        match &self.model {
            Model::Merges(table) => {
                self.alphabet
                    .spell(pretoken, &mut scratch.ids, &mut scratch.unknown)?;
                merge::merge(table, &mut scratch.ids, control)
            }
            Model::LongestMatch(automaton, ids) => {
                self.match_longest(automaton, ids, pretoken, scratch, control)
            }
        }
    }

    fn match_longest(
        &self,
        automaton: &aho_corasick::AhoCorasick,
        ids: &[u32],
        pretoken: &[u8],
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        let mut done = 0;
        let place = |error, offset: usize| match error {
            Error::NotEncodable {
                document,
                offset: at,
                message,
            } => Error::NotEncodable {
                document,
                offset: at + offset as u64,
                message,
            },
            other => other,
        };
        for (i, found) in automaton.find_iter(pretoken).enumerate() {
            if i % (1 << 14) == 0 {
                control.check()?;
            }
            let gap = &pretoken[done..found.start()];
            if !gap.is_empty() {
                self.alphabet
                    .spell(gap, &mut scratch.ids, &mut scratch.unknown)
                    .map_err(|error| place(error, done))?;
            }
            scratch.ids.push(ids[found.pattern().as_usize()]);
            done = found.end();
        }
        self.alphabet
            .spell(&pretoken[done..], &mut scratch.ids, &mut scratch.unknown)
            .map_err(|error| place(error, done))
    }

    /// Appends the ids of `text`, in which no added token is looked for, to `out`.
    ///
    /// # Errors
    /// [`Error::NotEncodable`] with the byte offset in `text`; errors of the pre-tokenizer.
    fn encode_text(
        &self,
        text: &[u8],
        worker: &mut Worker,
        out: &mut Vec<u32>,
        control: &Control,
    ) -> Result<()> {
        let Worker { short, long, scratch } = worker;
        let mut at = 0;
        let mut failed = None;
        self.pretokenizer.for_each(text, |pretoken| {
            let start = at;
            at += pretoken.len();
            let mut key = 0;
            let mut remembered = pretoken.len() > SHORT_BYTES;
            if !remembered {
                key = short_key(text, start, pretoken.len());
                if let Some((ids, n)) = short.get(key) {
                    if n > 0 {
                        let end = out.len() + n;
                        out.extend_from_slice(&ids);
                        out.truncate(end);
                        return;
                    }
                    remembered = true;
                }
            }
            if remembered && append_remembered(long, pretoken, out) {
                return;
            }
            if failed.is_some() {
                return;
            }
            if let Err(error) = self.encode_unseen(pretoken, scratch, control) {
                failed = Some(shifted(error, start));
                return;
            }
            out.extend_from_slice(&scratch.ids);
            if key != 0 && !remembered {
                short.put(key, &scratch.ids);
            }
            if key == 0 || scratch.ids.len() > 4 {
                long.put(pretoken, &scratch.ids);
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    #[inline(never)]
    fn encode_unseen(&self, pretoken: &[u8], scratch: &mut Scratch, control: &Control) -> Result<()> {
        self.encode_pretoken(pretoken, scratch, control)
    }
}

/// Appends the ids of a word that [`LongWords`] remembers; whether it does.
#[inline(never)]
fn append_remembered(long: &LongWords, pretoken: &[u8], out: &mut Vec<u32>) -> bool {
    let found = long.get(pretoken);
    if let Some(ids) = found {
        out.extend_from_slice(ids);
    }
    found.is_some()
}

/// The same error, its offset counted from `by` bytes earlier.
fn shifted(error: Error, by: usize) -> Error {
    match error {
        Error::NotEncodable {
            document,
            offset,
            message,
        } => Error::NotEncodable {
            document,
            offset: offset + by as u64,
            message,
        },
        other => other,
    }
}

fn matchers(
    added: &[AddedToken],
    normalizer: Option<Normalizer>,
    keep: impl Fn(&AddedToken) -> bool,
) -> Result<Matchers> {
    let (mut raw, mut normalized) = (Vec::new(), Vec::new());
    for mut token in added.iter().filter(|token| keep(token)).cloned() {
        if !token.normalized {
            raw.push(token);
            continue;
        }
        if let Some(normalizer) = normalizer {
            token.content = normalizer.apply(&token.content).0.into_owned();
        }
        normalized.push(token);
    }
    Ok(Matchers {
        raw: Matcher::new(raw)?,
        normalized: Matcher::new(normalized)?,
    })
}

fn longest_match(vocabulary: &Vocabulary) -> Result<Model> {
    let ids: Vec<u32> = (0..vocabulary.len() as u32)
        .filter(|&id| {
            vocabulary
                .bytes(id)
                .is_some_and(|bytes| vocabulary.find(bytes) == id)
        })
        .collect();
    let automaton = aho_corasick::AhoCorasick::builder()
        .match_kind(aho_corasick::MatchKind::LeftmostLongest)
        .build(ids.iter().filter_map(|&id| vocabulary.bytes(id)))
        .map_err(|error| Error::Vocabulary {
            message: format!("longest match: {error}"),
        })?;
    Ok(Model::LongestMatch(automaton, ids))
}

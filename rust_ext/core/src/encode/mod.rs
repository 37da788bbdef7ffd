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
mod greedy;
mod lattice;
mod lexicon;
mod merge;
mod method;
mod normalize;
mod pairs;
mod ranked;
mod ranks;
mod replay;
mod sample;
mod scaffold;
mod supers;
mod symbols;
mod vocabulary;

pub use added::AddedToken;
pub use batch::Encoded;
pub use document::Spans;
pub use method::Method;
pub use normalize::Normalizer;
pub use pairs::{ID_LIMIT, NONE};
pub use ranks::merges_of_ranks;
pub use replay::Operation;
pub use sample::{Sampler, Sampling};
pub use symbols::{Fallback, Unit};
pub use vocabulary::Vocabulary;

use added::Matcher;
use cache::{LongWords, SHORT_BYTES, ShortWords, short_key};
use lattice::Places;
use method::Model;
use scaffold::Scaffold;
use supers::{Run, Supers};
use symbols::Alphabet;

use crate::pretokenize::Pretokenizer;
use crate::{Control, Error, Result};

/// What an encoder is made of.
#[derive(Debug)]
pub struct Parts {
    /// Bytes of every id, the transient ones included.
    pub vocabulary: Vocabulary,
    /// Ids that exist only while a pretoken is encoded: they cannot be decoded.
    pub transient: Vec<u32>,
    /// How a pretoken becomes tokens.
    pub method: Method,
    /// Longest token, in bytes, that a method without merges looks for.
    pub width: Option<usize>,
    /// Tokens that fall into the parts of their merge after merging.
    pub scaffold: Vec<u32>,
    /// Merges of whole pretokens, `(left, right, result)` in rank order.
    pub supers: Vec<[u32; 3]>,
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
    scaffold: Option<Scaffold>,
    supers: Option<Supers>,
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

/// The tokens of the pretoken at hand, and what methods keep between pretokens.
#[derive(Debug, Default)]
struct Scratch {
    ids: Vec<u32>,
    /// Byte lengths of the unknown tokens among `ids`.
    unknown: Vec<u32>,
    places: Places,
    run: Run,
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
        parts.method.check(vocabulary, parts.fallback.unknown)?;
        for (rank, merge) in parts.supers.iter().enumerate() {
            if let Some(id) = merge.iter().find(|&&id| !known(id)) {
                return fail(format!(
                    "super-merge {rank} uses id {id}, which is not in the vocabulary"
                ));
            }
        }
        let model = Model::new(&parts.method, vocabulary, parts.width)?;
        let merging = matches!(parts.method, Method::Merges(_) | Method::Replay(_));
        let scaffold = (merging && !parts.scaffold.is_empty())
            .then(|| Scaffold::new(&parts.scaffold, &parts.method.merges(), vocabulary))
            .transpose()?;
        let supers = (!parts.supers.is_empty())
            .then(|| Supers::new(&parts.supers))
            .transpose()?;
        let mut alphabet = Alphabet::new(vocabulary, parts.unit, parts.fallback.clone())?;
        if let (Model::Merges(table), Method::Merges(merges)) = (&model, &parts.method) {
            alphabet.use_atoms(merges, table, vocabulary)?;
        }
        let plain = matchers(&parts.added, parts.normalizer, |token| !token.special)?;
        let all = matchers(&parts.added, parts.normalizer, |_| true)?;
        Ok(Self {
            model,
            scaffold,
            supers,
            alphabet,
            plain,
            all,
            vocabulary: parts.vocabulary.without(&parts.transient),
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
        self.model.encode(pretoken, &self.alphabet, scratch, control)?;
        if let Some(scaffold) = &self.scaffold {
            scaffold.demolish(&mut scratch.ids);
        }
        Ok(())
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
        match &self.supers {
            None => self.encode_words(text, worker, out, control, |_, _, _| Ok(())),
            Some(supers) => {
                let mut run = std::mem::take(&mut worker.scratch.run);
                let result = self.encode_words(text, worker, out, control, |ids, out, control| {
                    supers.before(ids, &mut run, out, control)
                });
                let result = result.and_then(|()| supers.close(&mut run, out, control));
                worker.scratch.run = run;
                result
            }
        }
    }

    /// Appends the ids of all pretokens; `before` is told each pretoken's ids before they are appended.
    #[inline]
    fn encode_words(
        &self,
        text: &[u8],
        worker: &mut Worker,
        out: &mut Vec<u32>,
        control: &Control,
        mut before: impl FnMut(&[u32], &mut Vec<u32>, &Control) -> Result<()>,
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
                        if let Err(error) = before(&ids[..n], out, control) {
                            failed = Some(error);
                        }
                        let end = out.len() + n;
                        out.extend_from_slice(&ids);
                        out.truncate(end);
                        return;
                    }
                    remembered = true;
                }
            }
            if remembered {
                if let Some(ids) = long.get(pretoken) {
                    if let Err(error) = before(ids, out, control) {
                        failed = Some(error);
                    }
                    append(ids, out);
                    return;
                }
            }
            if failed.is_some() {
                return;
            }
            let outcome = self
                .encode_unseen(pretoken, scratch, control)
                .and_then(|()| before(&scratch.ids, out, control));
            if let Err(error) = outcome {
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

/// Appends the ids of a long word; kept out of line, because most words are short.
#[inline(never)]
fn append(ids: &[u32], out: &mut Vec<u32>) {
    out.extend_from_slice(ids);
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

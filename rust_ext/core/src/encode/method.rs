//! How a pretoken becomes tokens: the methods as they are asked for, and as they are ready to run.

use super::Scratch;
use super::greedy::{Greedy, longest_first};
use super::lattice::Lattice;
use super::lexicon::Lexicon;
use super::merge::merge;
use super::pairs::PairTable;
use super::ranked::Ranked;
use super::replay::{Operation, Replay};
use super::symbols::Alphabet;
use super::vocabulary::Vocabulary;
use crate::{Control, Error, Result};

/// How a pretoken becomes tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Lowest rank first; `(left, right, result)` in rank order.
    Merges(Vec<[u32; 3]>),
    /// All merges and deletions in order.
    Replay(Vec<Operation>),
    /// From left to right the longest token that fits.
    LongestPrefix,
    /// From right to left the longest token that fits.
    LongestSuffix,
    /// The longest token anywhere, the leftmost of equals; then the same on both sides of it.
    LongestFirst,
    /// The fewest tokens; at every place the widest last token of equals.
    Fewest,
    /// The highest sum of the scores, which are by id; of equals as [`Method::Fewest`].
    Unigram(Vec<f64>),
    /// The longest unit of an ordered lexicon, with a look at the second longest; ranks are by id, negative for none.
    Ranked(Vec<f64>),
}

impl Method {
    /// All merges, in order.
    pub fn merges(&self) -> Vec<[u32; 3]> {
        match self {
            Self::Merges(merges) => merges.clone(),
            Self::Replay(operations) => operations
                .iter()
                .filter_map(|operation| match operation {
                    Operation::Merge(merge) => Some(*merge),
                    Operation::Delete(..) => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Checks the ids of merges and deletions against the vocabulary.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] naming the first that is not there, or that is the unknown token.
    pub fn check(&self, vocabulary: &Vocabulary, unknown: Option<u32>) -> Result<()> {
        let check = |what: &str, index: usize, ids: &[u32]| {
            let message = if let Some(id) = ids.iter().find(|&&id| vocabulary.bytes(id).is_none()) {
                format!("{what} {index} uses id {id}, which is not in the vocabulary")
            } else if unknown.is_some_and(|id| ids.contains(&id)) {
                format!("{what} {index} uses the unknown token")
            } else {
                return Ok(());
            };
            Err(Error::Vocabulary { message })
        };
        match self {
            Self::Merges(merges) => {
                for (rank, merge) in merges.iter().enumerate() {
                    check("merge", rank, merge)?;
                }
            }
            Self::Replay(operations) => {
                for (index, operation) in operations.iter().enumerate() {
                    match operation {
                        Operation::Merge(merge) => check("operation", index, merge)?,
                        Operation::Delete(token, parts) => {
                            check("operation", index, &[*token])?;
                            check("operation", index, parts)?;
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A method with its tables.
#[derive(Debug)]
pub enum Model {
    /// [`Method::Merges`]
    Merges(PairTable),
    /// [`Method::Replay`]
    Replay(Replay),
    /// [`Method::LongestPrefix`] and [`Method::LongestSuffix`]
    Greedy(Greedy),
    /// [`Method::LongestFirst`]
    LongestFirst(Lexicon),
    /// [`Method::Fewest`] and [`Method::Unigram`]
    Lattice(Lattice),
    /// [`Method::Ranked`]
    Ranked(Ranked),
}

impl Model {
    /// Builds the tables. Methods that do not merge look for tokens of at most `width` bytes.
    ///
    /// # Errors
    /// Those of the tables.
    pub fn new(method: &Method, vocabulary: &Vocabulary, width: Option<usize>) -> Result<Self> {
        let lexicon = || Lexicon::new(vocabulary, width);
        Ok(match method {
            Method::Merges(merges) => Self::Merges(PairTable::new(merges)?),
            Method::Replay(operations) => Self::Replay(Replay::new(operations.clone())?),
            Method::LongestPrefix => Self::Greedy(Greedy::new(vocabulary, width, false)?),
            Method::LongestSuffix => Self::Greedy(Greedy::new(vocabulary, width, true)?),
            Method::LongestFirst => Self::LongestFirst(lexicon()?),
            Method::Fewest => Self::Lattice(Lattice::fewest(lexicon()?)),
            Method::Unigram(scores) => Self::Lattice(Lattice::with_scores(lexicon()?, scores)?),
            Method::Ranked(ranks) => Self::Ranked(Ranked::new(vocabulary, ranks)?),
        })
    }

    /// The ids of one pretoken into `scratch.ids`, the lengths of its unknown tokens into `scratch.unknown`.
    ///
    /// # Errors
    /// [`Error::NotEncodable`] for bytes without any symbol, [`Error::Interrupted`].
    #[inline]
    pub fn encode(
        &self,
        pretoken: &[u8],
        alphabet: &Alphabet,
        scratch: &mut Scratch,
        control: &Control,
    ) -> Result<()> {
        match self {
            Self::Merges(table) => {
                alphabet.spell(pretoken, &mut scratch.ids, &mut scratch.unknown)?;
                merge(table, &mut scratch.ids, control)
            }
            Self::Replay(replay) => {
                alphabet.spell(pretoken, &mut scratch.ids, &mut scratch.unknown)?;
                replay.apply(&mut scratch.ids, control)
            }
            Self::Greedy(greedy) => greedy.encode(pretoken, alphabet, scratch, control),
            Self::LongestFirst(lexicon) => longest_first(lexicon, pretoken, alphabet, scratch, control),
            Self::Lattice(lattice) => lattice.encode(pretoken, alphabet, scratch, control),
            Self::Ranked(ranked) => ranked.encode(pretoken, alphabet, scratch, control),
        }
    }
}

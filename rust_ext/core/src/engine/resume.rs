//! Starting from an existing tokenizer: its ids, its segmentation of every pretoken, what may not be merged.
//!
//! A run that is resumed knows nothing of how its tokens came about; it needs what each id spells and into
//! which ids each pretoken is cut now. There are two sources of that segmentation. An encoder gives what the
//! tokenizer makes of text: the start of an extension. [`replay`] gives the state that training had after its
//! last step: the start of a continuation. The two differ only where a step made a token that an earlier step
//! already used: an encoder then goes back to the earlier step, training never did.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::alphabet::{Alphabet, Layout, Piece};
use super::cells::{Cell, EDGE, INSIDE, Weights, Words, check_size, each_row};
use super::tokens::{MAX_IDS, Tokens};
use super::{Engine, Setup, Unit, key};
use crate::{Control, Error, PretokenCounts, Result};

/// What each id of an existing tokenizer spells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// All tokens' bytes back to back; an id without a token has none.
    pub arena: Vec<u8>,
    /// `n + 1` positions in the arena.
    pub offsets: Vec<u64>,
    /// Which ids encoding produces; the others (special and fallback tokens) take no part in merges.
    pub ordinary: Vec<bool>,
    /// Special tokens whose ids a merge of the same spelling takes over, as in the first training.
    pub lenders: Vec<u32>,
}

/// Into which ids each pretoken of a count table is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segments {
    /// The ids of all pretokens, one after another.
    pub ids: Vec<u32>,
    /// `n + 1` positions in `ids`.
    pub offsets: Vec<i64>,
}

/// What must not be merged.
#[derive(Debug, Clone, Default)]
pub struct Vetoes {
    pairs: FxHashSet<u64>,
    spellings: FxHashSet<Box<[u8]>>,
    /// Whether a merge must make a new token.
    existing: bool,
}

impl Vetoes {
    /// Vetoes every pair of `segments`, every token with one of these `spellings`, and, with `existing`, every
    /// token that is there already.
    pub fn new(segments: &Segments, spellings: Vec<Vec<u8>>, existing: bool) -> Self {
        let words = segments.offsets.windows(2).filter_map(|ends| {
            let range = usize::try_from(ends[0]).ok()?..usize::try_from(ends[1]).ok()?;
            segments.ids.get(range)
        });
        Self {
            pairs: words
                .flat_map(|word| word.windows(2).map(|two| key(two[0], two[1])))
                .collect(),
            spellings: spellings.into_iter().map(Vec::into_boxed_slice).collect(),
            existing,
        }
    }

    /// Whether `left right` may become a token.
    pub(super) fn allow(&self, left: u32, right: u32, tokens: &Tokens) -> bool {
        if self.pairs.contains(&key(left, right)) {
            return false;
        }
        if !self.existing && self.spellings.is_empty() {
            return true;
        }
        let spelled = [tokens.bytes(left), tokens.bytes(right)].concat();
        let known = self.existing && tokens.id_of(&spelled).is_some();
        !known && !self.spellings.contains(&spelled[..])
    }
}

impl Engine {
    /// Lays the pretokens out as `segments` cut them and counts their pairs; new tokens get ids from
    /// `first_id` on. Of `setup` the alphabet's rules are without effect.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for tokens and segments that contradict each other, [`Error::Parameter`],
    /// [`Error::TooLarge`], [`Error::Interrupted`].
    pub fn resume(
        counts: &PretokenCounts,
        setup: Setup,
        given: &Given,
        segments: &Segments,
        first_id: u32,
        vetoes: Option<Vetoes>,
        control: &Control,
    ) -> Result<Self> {
        setup.check()?;
        let tokens = tokens_of(given, first_id)?;
        let spans: Vec<u32> = (0..first_id)
            .map(|id| span(tokens.bytes(id), setup.unit))
            .collect();
        let words = Words::lay_out_segments(counts, segments, &tokens, &spans, control)?;
        let layout = Layout {
            fallback: None,
            symbols: Vec::new(),
            uncovered_symbols: 0,
            uncovered_count: 0,
        };
        let mut engine = Self::assemble(setup, tokens, layout, words, spans);
        engine.n_given = first_id as usize;
        engine.vetoes = vetoes;
        engine.set_first_floors();
        engine.index(control)?;
        Ok(engine)
    }
}

impl Words {
    /// Lays words out that are cut already: `spans[id]` cells per token.
    pub(crate) fn lay_out_segments(
        counts: &PretokenCounts,
        segments: &Segments,
        tokens: &Tokens,
        spans: &[u32],
        control: &Control,
    ) -> Result<Self> {
        let wrong = |row: usize| Error::Vocabulary {
            message: format!("the segments of pretoken {row} are not ids of the tokenizer"),
        };
        let ends = &segments.offsets;
        if ends.len() != counts.len() + 1 || ends.first() != Some(&0) {
            return Err(wrong(counts.len().min(ends.len())));
        }
        let mut words = Self {
            // At most a cell for each byte and an edge behind each word.
            cells: Vec::with_capacity(counts.arena.len() + counts.len() + 1),
            weights: Weights::new(counts.groups.len(), 0),
            token_counts: vec![0; tokens.len()],
            lengths: vec![0; counts.groups.len()],
        };
        let edge = Cell {
            symbol: EDGE,
            weight: 0,
        };
        words.cells.push(edge);
        let mut total_bytes = 0u64;
        each_row(counts, control, |row| {
            let weight = words.weights.encode(counts, row)?;
            let total = words.weights.total(weight);
            // Every sum of the engine is at most this one, so none of them can overflow.
            total_bytes = (counts.pretoken(row).len() as u64)
                .checked_mul(total)
                .and_then(|bytes| total_bytes.checked_add(bytes))
                .ok_or_else(|| Error::TooLarge {
                    message: format!("the counted text reaches 2^64 bytes at pretoken {row}"),
                })?;
            let range = match (usize::try_from(ends[row]), usize::try_from(ends[row + 1])) {
                (Ok(start), Ok(end)) => start..end,
                _ => return Err(wrong(row)),
            };
            let Some(ids) = segments.ids.get(range) else {
                return Err(wrong(row));
            };
            if ids
                .iter()
                .any(|&id| id as usize >= spans.len() || spans[id as usize] == 0)
            {
                return Err(wrong(row));
            }
            for (group, count) in counts.cells(row) {
                words.lengths[group as usize] += ids.len() as u64 * count;
            }
            for run in ids.split(|&id| !tokens.is_ordinary(id)) {
                if run.len() > 1 {
                    let cells = &mut words.cells;
                    for &id in run {
                        push_token(cells, id, spans[id as usize], weight);
                    }
                    cells.push(edge);
                }
            }
            for &id in ids {
                words.token_counts[id as usize] += total;
            }
            check_size(words.cells.len())
        })?;
        Ok(words)
    }
}

/// Writes a token at the first and at the last of its cells.
fn push_token(cells: &mut Vec<Cell>, symbol: u32, span: u32, weight: u32) {
    let start = cells.len();
    let inside = Cell {
        symbol: INSIDE,
        weight,
    };
    cells.resize(start + span as usize, inside);
    cells[start].symbol = symbol;
    cells[start + span as usize - 1].symbol = symbol;
}

/// A token's length in symbols.
fn span(token: &[u8], unit: Unit) -> u32 {
    match unit {
        Unit::Byte => token.len() as u32,
        Unit::Character => String::from_utf8_lossy(token).chars().count() as u32,
    }
}

fn tokens_of(given: &Given, first_id: u32) -> Result<Tokens> {
    let fail = |message: &str| {
        Err(Error::Vocabulary {
            message: message.into(),
        })
    };
    let n = given.ordinary.len();
    let (first, last) = (given.offsets.first(), given.offsets.last());
    if given.offsets.len() != n + 1 || first != Some(&0) || last != Some(&(given.arena.len() as u64)) {
        return fail("token offsets must have one entry per id, start at 0 and end at the arena's length");
    }
    if given.offsets.windows(2).any(|pair| pair[0] > pair[1]) {
        return fail("token offsets must not descend");
    }
    if (first_id as usize) < n || first_id as usize >= MAX_IDS {
        return Err(Error::Parameter {
            name: "first_id",
            message: format!("must be at least {n}, the first id behind the existing ones; got {first_id}"),
        });
    }
    let mut tokens = Tokens::default();
    for (&is_ordinary, ends) in given.ordinary.iter().zip(given.offsets.windows(2)) {
        tokens.push_given(&given.arena[ends[0] as usize..ends[1] as usize], is_ordinary)?;
    }
    for _ in n..first_id as usize {
        tokens.push_given(b"", false)?;
    }
    for &id in &given.lenders {
        if id as usize >= n {
            return fail("a lending special token has no id");
        }
        tokens.allow_reuse(id);
    }
    Ok(tokens)
}

/// The steps of a training run, by pair.
struct Steps<'a> {
    rows: &'a [[u32; 3]],
    first: FxHashMap<u64, u32>,
    /// The next step that joins the same pair.
    later: Vec<u32>,
}

const NEVER: u32 = u32::MAX;

impl<'a> Steps<'a> {
    fn new(rows: &'a [[u32; 3]]) -> Self {
        let mut first = FxHashMap::default();
        let mut later = vec![NEVER; rows.len()];
        for (step, row) in rows.iter().enumerate().rev() {
            if let Some(next) = first.insert(key(row[0], row[1]), step as u32) {
                later[step] = next;
            }
        }
        Self { rows, first, later }
    }

    /// The first step from `from` on that joins the pair.
    fn find(&self, left: u32, right: u32, from: u32) -> Option<u32> {
        let mut step = self.first.get(&key(left, right)).copied().unwrap_or(NEVER);
        while step < from {
            step = self.later[step as usize];
        }
        (step != NEVER).then_some(step)
    }
}

/// Cuts every pretoken as training has left it after the steps `rows`, each of them carried out once, in order,
/// leftmost first. With `whole_words` a pretoken that is a token is not cut. With `drop` symbols without a
/// token vanish, as they did in a training with a limited alphabet.
///
/// # Errors
/// [`Error::NotEncodable`] naming a pretoken with a symbol that has no token, [`Error::Vocabulary`],
/// [`Error::TooLarge`], [`Error::Interrupted`].
#[expect(
    clippy::too_many_arguments,
    reason = "what decides a segmentation; named on the Python side"
)]
pub fn replay(
    counts: &PretokenCounts,
    unit: Unit,
    given: &Given,
    rows: &[[u32; 3]],
    fallback: Option<u32>,
    unknown: Option<u32>,
    whole_words: bool,
    drop: bool,
    control: &Control,
) -> Result<Segments> {
    let n_ids = given.ordinary.len() as u32;
    if rows.len() >= NEVER as usize || rows.iter().flatten().any(|&id| id >= n_ids) {
        return Err(Error::Vocabulary {
            message: "a merge uses an id that the vocabulary does not have".into(),
        });
    }
    let tokens = tokens_of(given, n_ids)?;
    let alphabet = Alphabet::of_tokens(&tokens, unit, fallback, unknown, drop);
    let steps = Steps::new(rows);
    let mut segments = Segments {
        ids: Vec::new(),
        offsets: vec![0],
    };
    let mut word = Word::default();
    each_row(counts, control, |row| {
        let pretoken = counts.pretoken(row);
        match tokens.id_of(pretoken).filter(|&id| tokens.is_ordinary(id)) {
            Some(id) if whole_words => segments.ids.push(id),
            _ => {
                word.ids.clear();
                let mut covered = true;
                alphabet.split(pretoken, |piece| match piece {
                    Piece::Symbol(id) | Piece::Barrier(id) => word.ids.push(id),
                    Piece::Missing => covered = false,
                });
                if !covered {
                    return Err(Error::NotEncodable {
                        document: row as u64,
                        offset: 0,
                        message: format!(
                            "the pretoken {:?} holds a symbol for which the tokenizer has neither a token nor \
                             an unknown token",
                            String::from_utf8_lossy(pretoken)
                        ),
                    });
                }
                word.replay(&steps, control)?;
                segments.ids.extend_from_slice(&word.ids);
            }
        }
        segments
            .offsets
            .push(i64::try_from(segments.ids.len()).unwrap_or(i64::MAX));
        Ok(())
    })?;
    Ok(segments)
}

/// One pretoken while its steps are repeated: a linked list of ids, and the joins that wait for their step.
#[derive(Default)]
struct Word {
    ids: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    waiting: BinaryHeap<Reverse<(u32, u32)>>,
}

/// The id of a position that its left neighbour has swallowed.
const GONE: u32 = u32::MAX;

impl Word {
    fn replay(&mut self, steps: &Steps<'_>, control: &Control) -> Result<()> {
        let end = u32::try_from(self.ids.len()).map_err(|_| Error::TooLarge {
            message: "a pretoken of 2^32 symbols".into(),
        })?;
        self.next.clear();
        self.next.extend(1..=end);
        self.previous.clear();
        self.previous.extend((0..end).map(|at| at.wrapping_sub(1)));
        self.waiting.clear();
        for at in 1..self.ids.len() {
            if let Some(step) = steps.find(self.ids[at - 1], self.ids[at], 0) {
                self.waiting.push(Reverse((step, at as u32 - 1)));
            }
        }
        let mut n_looks = 0u32;
        while let Some(Reverse((step, at))) = self.waiting.pop() {
            n_looks = n_looks.wrapping_add(1);
            if n_looks % (1 << 14) == 0 {
                control.check()?;
            }
            let here = at as usize;
            let right = self.next[here];
            let [left_id, right_id, result] = steps.rows[step as usize];
            if right == end || self.ids[here] != left_id || self.ids[right as usize] != right_id {
                continue;
            }
            self.ids[here] = result;
            self.ids[right as usize] = GONE;
            self.next[here] = self.next[right as usize];
            if self.next[here] < end {
                let after = self.next[here] as usize;
                self.previous[after] = at;
                if let Some(later) = steps.find(result, self.ids[after], step + 1) {
                    self.waiting.push(Reverse((later, at)));
                }
            }
            if at > 0 {
                let before = self.previous[here];
                if let Some(later) = steps.find(self.ids[before as usize], result, step + 1) {
                    self.waiting.push(Reverse((later, before)));
                }
            }
        }
        self.ids.retain(|&id| id != GONE);
        Ok(())
    }
}

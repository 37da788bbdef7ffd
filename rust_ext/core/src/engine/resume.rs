//! Starting from an existing tokenizer: its ids, its segmentation of every pretoken, what may not be merged.
//!
//! A run that is resumed knows nothing of how its tokens came about; it needs what each id spells and into
//! which ids each pretoken is cut now. There are two sources of that segmentation. An encoder gives what the
//! tokenizer makes of text: the start of an extension ([`Engine::resume`]). Repeating the steps of its training
//! gives the state that training had after the last one: the start of a continuation ([`Engine::proceed`]). The
//! two differ only where a step made a token that an earlier step already used: an encoder then goes back to the
//! earlier step, training never did.
//!
//! A given token takes one cell however long it is, so words are laid out in 8 bytes per token of the start and
//! not per byte of text. A token's span is then no function of its bytes: where a merge spells a token that is
//! there already with another span, all words are laid out anew ([`Engine::rebuild`]).

use super::alphabet::Layout;
use super::cells::{Cell, EDGE, Weights, Words, check_size, each_row, require_room};
use super::replay::{Past, Replayer};
use super::tokens::{MAX_IDS, Tokens};
use super::{Engine, Merged, Setup, Unit, Vetoes};
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
#[derive(Debug, Clone, Copy, Default)]
pub struct Segments<'a> {
    /// The ids of all pretokens, one after another.
    pub ids: &'a [u32],
    /// `n + 1` positions in `ids`.
    pub offsets: &'a [i64],
}

const EDGE_CELL: Cell = Cell {
    symbol: EDGE,
    weight: 0,
};

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
        segments: Segments<'_>,
        first_id: u32,
        vetoes: Option<Vetoes>,
        control: &Control,
    ) -> Result<Self> {
        setup.check()?;
        let tokens = tokens_of(given, first_id)?;
        let ends = segments.offsets;
        let wrong = |row: usize| Error::Vocabulary {
            message: format!("the segments of pretoken {row} are not ids of the tokenizer"),
        };
        if ends.len() != counts.len() + 1 || ends.first() != Some(&0) {
            return Err(wrong(counts.len().min(ends.len())));
        }
        let room = segments.ids.len() + counts.len() + 1;
        let words = Words::lay_out_cut(counts, &tokens, room, control, |row, ids| {
            let cut = match (usize::try_from(ends[row]), usize::try_from(ends[row + 1])) {
                (Ok(start), Ok(end)) => segments.ids.get(start..end),
                _ => None,
            };
            let known = |&id: &u32| (id as usize) < tokens.len() && !tokens.bytes(id).is_empty();
            match cut {
                Some(cut) if cut.iter().all(known) => ids.extend_from_slice(cut),
                _ => return Err(wrong(row)),
            }
            Ok(())
        })?;
        Self::of_given(setup, tokens, words, vetoes, control)
    }

    /// Lays the pretokens out as the training in `past` has left them, and counts their pairs; new tokens get ids
    /// from `first_id` on. Of `setup` the alphabet's rules are without effect.
    ///
    /// # Errors
    /// As [`Engine::resume`], and [`Error::NotEncodable`] naming a pretoken with a symbol that has no token.
    pub fn proceed(
        counts: &PretokenCounts,
        setup: Setup,
        past: &Past<'_>,
        first_id: u32,
        vetoes: Option<Vetoes>,
        control: &Control,
    ) -> Result<Self> {
        setup.check()?;
        let tokens = tokens_of(past.given, first_id)?;
        let mut replayer = Replayer::new(past)?;
        let words = Words::lay_out_cut(counts, &tokens, 0, control, |row, ids| {
            replayer.cut(row, counts.pretoken(row), ids, control)
        })?;
        drop(replayer);
        Self::of_given(setup, tokens, words, vetoes, control)
    }

    fn of_given(
        setup: Setup,
        tokens: Tokens,
        words: Words,
        vetoes: Option<Vetoes>,
        control: &Control,
    ) -> Result<Self> {
        let n_given = tokens.len();
        let layout = Layout {
            fallback: None,
            symbols: Vec::new(),
            uncovered_symbols: 0,
            uncovered_count: 0,
        };
        let sizes = (0..n_given as u32)
            .map(|id| size(tokens.bytes(id), setup.unit))
            .collect();
        let mut engine = Self::assemble(setup, tokens, layout, words, vec![1; n_given]);
        engine.sizes = sizes;
        engine.n_given = n_given;
        engine.vetoes = vetoes.filter(|vetoes| !vetoes.is_empty());
        engine.set_first_floors();
        engine.index(control)?;
        Ok(engine)
    }

    /// Merges a pair into a token that occurs already with another span: writes all words anew, one cell for each
    /// token, and counts all pairs again.
    pub(super) fn rebuild(
        &mut self,
        left: u32,
        right: u32,
        result: u32,
        control: &Control,
    ) -> Result<Merged> {
        let (mut count, mut replaced) = (0, 0);
        let mut cells: Vec<Cell> = vec![EDGE_CELL];
        let old = std::mem::take(&mut self.words.cells);
        self.word_starts.clear();
        let mut at = 1;
        let mut next_check = 0;
        // A pair counts wherever it stands, also where the replacement before it has taken its left token.
        let mut last = EDGE;
        while at < old.len() {
            if at >= next_check {
                next_check = at + (1 << 18);
                control.check()?;
            }
            let Cell { symbol, weight } = old[at];
            if symbol == EDGE {
                cells.push(EDGE_CELL);
                last = EDGE;
                at += 1;
                continue;
            }
            let total = self.words.weights.total(weight);
            let is_pair = last == left && symbol == right;
            count += if is_pair { total } else { 0 };
            last = symbol;
            at += self.spans[symbol as usize] as usize;
            match cells.last_mut() {
                Some(before) if is_pair && before.symbol == left => {
                    before.symbol = result;
                    replaced += total;
                    let lengths = &mut self.words.lengths;
                    self.words
                        .weights
                        .each_with_silent(weight, |group, count| lengths[group as usize] -= count);
                }
                _ => cells.push(Cell { symbol, weight }),
            }
        }
        drop(old);
        self.words.cells = cells;
        self.spans.fill(1);
        let token_counts = &mut self.words.token_counts;
        token_counts[left as usize] -= replaced;
        token_counts[right as usize] -= replaced;
        token_counts[result as usize] += replaced;
        self.n_merges += 1;
        self.index(control)?;
        Ok(Merged {
            result,
            count,
            replaced,
        })
    }
}

impl Engine {
    /// Never merges this pair.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for an id that does not exist.
    pub fn refuse(&mut self, left: u32, right: u32) -> Result<()> {
        self.check_id(left)?;
        self.check_id(right)?;
        self.vetoes
            .get_or_insert_with(Vetoes::default)
            .refuse(left, right);
        self.unfollow(super::key(left, right));
        Ok(())
    }
}

impl Words {
    /// Lays out words that `cut` has cut into ids (appended to an empty list): one cell for each, and `room`
    /// cells at once.
    fn lay_out_cut(
        counts: &PretokenCounts,
        tokens: &Tokens,
        room: usize,
        control: &Control,
        mut cut: impl FnMut(usize, &mut Vec<u32>) -> Result<()>,
    ) -> Result<Self> {
        require_room(room)?;
        let mut words = Self {
            cells: super::pages::vec_with_capacity(room),
            weights: Weights::new(counts.groups.len(), 0),
            token_counts: vec![0; tokens.len()],
            lengths: vec![0; counts.groups.len()],
        };
        words.cells.push(EDGE_CELL);
        let mut ids = Vec::new();
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
            ids.clear();
            cut(row, &mut ids)?;
            for (group, count) in counts.cells(row) {
                words.lengths[group as usize] += ids.len() as u64 * count;
            }
            for run in ids.split(|&id| !tokens.is_ordinary(id)) {
                if run.len() > 1 {
                    let cells = run.iter().map(|&symbol| Cell { symbol, weight });
                    words.cells.extend(cells);
                    words.cells.push(EDGE_CELL);
                }
            }
            for &id in &ids {
                words.token_counts[id as usize] += total;
            }
            check_size(words.cells.len())
        })?;
        words.cells.shrink_to_fit();
        Ok(words)
    }
}

/// A token's length in symbols.
pub(super) fn size(token: &[u8], unit: Unit) -> u32 {
    match unit {
        Unit::Byte => token.len() as u32,
        Unit::Character => String::from_utf8_lossy(token).chars().count() as u32,
    }
}

pub(super) fn tokens_of(given: &Given, first_id: u32) -> Result<Tokens> {
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

//! The merge engine: one state (words, pairs, positions, heaps) under every BPE variant.
//!
//! A caller asks for the best pair and orders a merge, over and over; which pair it orders is the variant. The
//! engine keeps three promises: counts are exact (u64, each adjacency counted, so `x x x` holds (x, x) twice);
//! replacement is leftmost first, without overlap; equal counts are ordered by a named rule. ([`Setup::overlap`]
//! leaves the overlaps out, [`Setup::deletions`] lets tokens be split again.)
//!
//! What makes it fast:
//! * words are flat cells with boundary tags ([`cells`]), so a merge touches one cache line per occurrence;
//! * the neighbours of one merge are summed in arrays indexed by id, so a pair is looked up once per distinct
//!   neighbour and not once per occurrence;
//! * only pairs that can still be chosen are followed. In a plain run a pair's count never rises after the step
//!   that created it, so a pair below the *floor* (an estimate of the last count that will be asked for) needs no
//!   entry, no positions and no heap place. Should the best count fall to the floor, the floor is lowered and the
//!   pairs are counted anew from the words. The floor changes time and memory, never a result.
//!
//! Law of the floor: *a pair that is not followed has a count below the floor* (and, where groups are tracked,
//! below every group's floor). Law of the heaps: see `heap.rs`.

mod alphabet;
mod blocks;
mod cells;
mod deepen;
mod delete;
mod disjoint;
mod floors;
mod follow;
mod gains;
mod groups;
mod heap;
mod index;
mod merge;
mod neighbours;
pub(crate) mod pages;
mod parity;
mod picky;
mod pieces;
mod plain;
mod replay;
mod resume;
mod scaffold;
mod sequences;
mod setup;
mod sketch;
mod square;
mod table;
mod ties;
mod tokens;
mod top;
mod unlock;
mod verify;
mod vetoes;
mod weights;
mod whole;

pub use alphabet::Layout;
pub use parity::{Measure, Parity, ParityLog, run_parity};
pub use picky::{Deletion, Operations, Parts, run_picky};
pub use plain::{Log, run_plain};
pub use replay::{Past, replay, steps_met};
pub use resume::{Given, Segments};
pub use scaffold::{ScaffoldLog, run_scaffold};
pub use sequences::Sequences;
pub use setup::{AlphabetOrder, InitialAlphabet, Setup, TieRule, Uncovered, Unit};
pub use tokens::Tokens;
pub use vetoes::Vetoes;

use alphabet::Alphabet;
use blocks::Blocks;
use cells::Words;
use gains::Rising;
use groups::Groups;
use heap::{Claim, Heap};
use neighbours::Scratch;
use table::Table;
use ties::{Ties, key, pair};

use crate::{Control, Error, PretokenCounts, Result};

/// A pair and how often it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Best {
    /// The left token.
    pub left: u32,
    /// The right token.
    pub right: u32,
    /// How often they are adjacent, in the group asked for.
    pub count: u64,
}

/// A merge that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// The token that replaces the pair.
    pub result: u32,
    /// The pair's count over all groups before the merge.
    pub count: u64,
    /// How many replacements were made: the count unless the pair overlaps itself.
    pub replaced: u64,
}

/// The state of a training run.
#[derive(Debug)]
pub struct Engine {
    setup: Setup,
    tokens: Tokens,
    layout: Layout,
    words: Words,
    /// A token's length in cells, by id.
    spans: Vec<u32>,
    /// A token's length in symbols, by id, where a cell of its own may hold a longer token; else the spans tell.
    sizes: Vec<u32>,
    table: Table,
    blocks: Blocks,
    heap: Heap,
    ties: Ties,
    floor: u64,
    groups: Option<Groups>,
    scratch: Scratch,
    /// Where each word starts; found when it is first needed.
    word_starts: Vec<u32>,
    n_merges: u64,
    /// So many ids were there before the run, each of which may be a word of its own.
    n_given: usize,
    vetoes: Option<Vetoes>,
    /// What is kept where pairs can rise.
    rising: Option<Rising>,
    /// Whether tokens of one spelling always have the same number of cells.
    spells_uniquely: bool,
    /// Which ids take no part in pairs yet, where pairs are unlocked one by one.
    is_locked: Option<Vec<bool>>,
    /// A merge or an index was interrupted half-way.
    torn: bool,
}

impl Engine {
    /// Lays the pretokens out and counts their pairs.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a contradictory `setup`, [`Error::TooLarge`], [`Error::Interrupted`].
    pub fn new(counts: &PretokenCounts, setup: Setup, control: &Control) -> Result<Self> {
        setup.check()?;
        let (alphabet, tokens, layout) = Alphabet::choose(counts, &setup, control)?;
        let words = Words::lay_out(counts, &alphabet, &tokens, setup.silent_groups, control)?;
        let mut spans = vec![0; tokens.len()];
        for &symbol in &layout.symbols {
            spans[symbol as usize] = 1;
        }
        let mut engine = Self::assemble(setup, tokens, layout, words, spans);
        if engine.setup.deletions {
            engine.rising = Some(Rising::new(vec![Vec::new(); engine.tokens.len()], true));
        }
        engine.set_first_floors();
        engine.index(control)?;
        Ok(engine)
    }

    /// The state before anything is counted.
    fn assemble(setup: Setup, tokens: Tokens, layout: Layout, words: Words, spans: Vec<u32>) -> Self {
        Self {
            ties: Ties::new(setup.tie_rule, setup.unit),
            groups: setup.track_groups.then(|| Groups::new(words.weights.n_loud())),
            setup,
            tokens,
            layout,
            words,
            spans,
            sizes: Vec::new(),
            table: Table::new(),
            blocks: Blocks::new(),
            heap: Heap::default(),
            floor: 1,
            scratch: Scratch::default(),
            word_starts: Vec::new(),
            n_merges: 0,
            n_given: 0,
            vetoes: None,
            rising: None,
            spells_uniquely: true,
            is_locked: None,
            torn: false,
        }
    }

    /// What each id spells.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Which ids the alphabet received.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the run started from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Size of the words, the measure of how long a step can take.
    pub fn n_cells(&self) -> usize {
        self.words.cells.len()
    }

    /// Number of groups in the counts, silent ones apart.
    pub fn n_groups(&self) -> usize {
        self.words.weights.n_loud()
    }

    /// How many tokens group `group`'s text has now; it may be a silent one.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an unknown group.
    pub fn length(&self, group: u32) -> Result<u64> {
        let length = self.words.lengths.get(group as usize).copied();
        length.ok_or_else(|| self.unknown_group(group))
    }

    /// How many tokens each group's text has now, the silent ones last.
    pub fn lengths(&self) -> &[u64] {
        &self.words.lengths
    }

    /// How often each token occurs now.
    pub fn token_counts(&self) -> &[u64] {
        &self.words.token_counts
    }

    /// How often token `id` occurs now.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for an id that does not exist.
    pub fn token_count(&self, id: u32) -> Result<u64> {
        self.check_id(id)?;
        Ok(self.words.token_counts[id as usize])
    }

    /// The most frequent pair, over all groups or in one; none when no pair reaches the minimum frequency.
    ///
    /// # Errors
    /// [`Error::Parameter`] for an unknown group or when groups are not tracked; [`Error::Interrupted`].
    pub fn best(&mut self, group: Option<u32>, control: &Control) -> Result<Option<Best>> {
        self.check_whole()?;
        if let Some(group) = group {
            self.check_group(group)?;
            if self.groups.is_none() {
                return Err(Error::Parameter {
                    name: "group",
                    message: "this engine keeps no counts per group; make it with track_groups".into(),
                });
            }
        }
        loop {
            let claim = self.settle_top(group);
            let threshold = claim.map_or(self.floor, |claim| claim.count);
            if self.rising.is_some() && self.settle_gains(threshold)? {
                continue;
            }
            if let Some(claim) = claim {
                let (left, right) = pair(claim.key);
                return Ok(Some(Best {
                    left,
                    right,
                    count: claim.count,
                }));
            }
            if !self.lower_floor(group, control)? {
                return Ok(None);
            }
        }
    }

    /// Lets the heap's top sink until it tells the truth; none when nothing followed is left.
    fn settle_top(&mut self, group: Option<u32>) -> Option<Claim> {
        loop {
            let (floor, heap) = match (group, &mut self.groups) {
                (Some(group), Some(groups)) => (groups.floor(group), groups.heap_mut(group)),
                _ => (self.floor, &mut self.heap),
            };
            let claim = heap.top()?;
            let entry = self.table.get(claim.key);
            let count = match (group, &self.groups) {
                (Some(group), Some(groups)) => entry.map_or(0, |entry| groups.count(entry, group)),
                _ => self.chosen_count(claim.key),
            };
            debug_assert!(count <= claim.count, "a claim never under-states its pair");
            if count == claim.count {
                let (left, right) = pair(claim.key);
                if self.is_vetoed(left, right) {
                    // Its token has come into being by another merge since the pair was entered.
                    self.unfollow(claim.key);
                    continue;
                }
                return Some(claim);
            }
            let heap = match (group, &mut self.groups) {
                (Some(group), Some(groups)) => groups.heap_mut(group),
                _ => &mut self.heap,
            };
            if count < floor {
                heap.pop(&self.ties, &self.tokens);
            } else {
                heap.lower_top(count, &self.ties, &self.tokens);
            }
        }
    }

    /// How often `left` stands directly before `right`, over all groups or in one. Exact for every pair; slow
    /// (one pass over the words) for a pair that is not followed.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] or [`Error::Parameter`] for an id or group that does not exist.
    pub fn count(&self, left: u32, right: u32, group: Option<u32>) -> Result<u64> {
        self.check_whole()?;
        self.check_id(left)?;
        self.check_id(right)?;
        if let Some(group) = group {
            self.check_group(group)?;
        }
        match (self.table.get(key(left, right)), group, &self.groups) {
            (Some(_), None, _) => Ok(self.chosen_count(key(left, right))),
            (None, None, _) if left == right && !self.setup.overlap => {
                let mut positions = Vec::new();
                self.walk(|position, a, b, _| {
                    if (a, b) == (left, right) {
                        positions.push(position);
                    }
                });
                Ok(self.merges_at(left, positions.into_iter()))
            }
            (Some(entry), Some(group), Some(groups)) => Ok(groups.count(entry, group)),
            _ => {
                let mut sum = 0;
                self.walk(|_, a, b, weight| {
                    if (a, b) == (left, right) {
                        match group {
                            None => sum += self.words.weights.total(weight),
                            Some(wanted) => self
                                .words
                                .weights
                                .each(weight, |g, count| sum += if g == wanted { count } else { 0 }),
                        }
                    }
                });
                Ok(sum)
            }
        }
    }

    /// Calls `sink(position, left, right, weight)` for every two adjacent tokens, positions ascending.
    fn walk(&self, mut sink: impl FnMut(u32, u32, u32, u32)) {
        let cells = &self.words.cells[..];
        let mut at = 1;
        while at < cells.len() {
            let symbol = cells[at].symbol;
            if symbol == cells::EDGE {
                at += 1;
                continue;
            }
            let next = at + self.spans[symbol as usize] as usize;
            if cells[next].symbol != cells::EDGE {
                sink(at as u32, symbol, cells[next].symbol, cells[at].weight);
            }
            at = next;
        }
    }

    /// Whether the token made of these two may exist.
    #[inline]
    fn is_allowed(&self, left: u32, right: u32) -> bool {
        self.setup.max_token_length.is_none_or(|limit| {
            let sizes = if self.sizes.is_empty() {
                &self.spans
            } else {
                &self.sizes
            };
            sizes[left as usize] + sizes[right as usize] <= limit
        }) && !self.is_vetoed(left, right)
            && !self.has_locked(left, right)
    }

    #[inline]
    fn has_locked(&self, left: u32, right: u32) -> bool {
        self.is_locked
            .as_ref()
            .is_some_and(|locked| locked[left as usize] || locked[right as usize])
    }

    #[inline]
    fn is_vetoed(&self, left: u32, right: u32) -> bool {
        let by_rule = match &self.vetoes {
            None => false,
            Some(vetoes) => !vetoes.allow(left, right, &self.tokens),
        };
        by_rule || (!self.spells_uniquely && self.spells_another(left, right))
    }

    /// Whether a token of another number of cells spells the pair too.
    fn spells_another(&self, left: u32, right: u32) -> bool {
        let spelled = [self.tokens.bytes(left), self.tokens.bytes(right)].concat();
        let span = self.spans[left as usize] + self.spans[right as usize];
        self.tokens
            .id_of(&spelled)
            .is_some_and(|id| self.spans.get(id as usize).is_some_and(|&known| known != span))
    }

    fn check_group(&self, group: u32) -> Result<()> {
        if (group as usize) < self.n_groups() {
            return Ok(());
        }
        Err(self.unknown_group(group))
    }

    fn unknown_group(&self, group: u32) -> Error {
        Error::Parameter {
            name: "group",
            message: format!("{group} is not one of the {} groups", self.n_groups()),
        }
    }

    fn check_id(&self, id: u32) -> Result<()> {
        if (id as usize) < self.tokens.len() {
            return Ok(());
        }
        Err(Error::UnknownToken {
            token: format!("with id {id} (there are {})", self.tokens.len()),
        })
    }

    fn check_whole(&self) -> Result<()> {
        if self.torn {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

//! Less is Better: an ordered lexicon with a memory, learned by reading.
//!
//! A sentence is read by taking the longest unit that fits. Now and then two neighbouring units (or a short unknown
//! stretch) are noticed; noticed twice in one article, they become a unit at the tail of the lexicon. Whenever a
//! unit has a shorter one as prefix, reading on from both until the two readings meet tells which was better: fewer
//! unknown symbols, then fewer pieces, then the smaller sum of ranks. The better one moves up, the other one down;
//! what falls off the end is forgotten, and so is what has been at the tail for too long without being needed.
//!
//! Source: Yang, Frank, van den Bosch 2020 (`CogALex`), "Less is Better"; the rules that the paper leaves open are
//! stated at each step.

#![expect(
    clippy::cast_sign_loss,
    reason = "shares of ranks are not negative: the parameters lie between 0 and 1"
)]

use rustc_hash::{FxHashMap, FxHashSet};

use super::NONE;
use super::lines::Lines;
use super::random::{Random, mix};
use crate::{Control, Result};

/// A byte that is not part of valid UTF-8 is this symbol plus the byte.
const INVALID: u32 = 0x11_0000;

/// What decides the lexicon besides the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Articles that are read.
    pub epochs: usize,
    /// Sentences of an article.
    pub article: usize,
    /// Articles that a unit stays on probation.
    pub life: u32,
    /// Symbols of the longest unit.
    pub max_length: usize,
    /// How often a neighbouring pair is noticed.
    pub memory_in: f64,
    /// Share of the tail that is put on probation after an article.
    pub memory_out: f64,
    /// Share of its rank by which a unit moves.
    pub update_rate: f64,
    /// Symbols of the longest unknown stretch that is noticed.
    pub max_gap: usize,
    /// Where the random numbers start.
    pub seed: u64,
}

/// The symbols of a text: its characters; a byte that is not part of valid UTF-8 counts for itself.
pub fn symbols(text: &[u8], to: &mut Vec<u32>) {
    to.clear();
    for chunk in text.utf8_chunks() {
        to.extend(chunk.valid().chars().map(u32::from));
        to.extend(chunk.invalid().iter().map(|&byte| INVALID + u32::from(byte)));
    }
}

/// Bytes of a symbol.
fn n_bytes(symbol: u32) -> usize {
    char::from_u32(symbol).map_or(1, char::len_utf8)
}

/// Units in their order, findable by what they spell.
#[derive(Debug, Default)]
pub struct Lexicon {
    /// (node, symbol) → node; node 0 is the root.
    children: FxHashMap<(u32, u32), u32>,
    /// Rank of the unit that ends at each node, or [`NONE`].
    rank: Vec<u32>,
    /// The nodes at which the units end, best first.
    order: Vec<u32>,
    /// What each node adds to its parent.
    parent: Vec<(u32, u32)>,
    max_length: usize,
}

/// A unit that fits: its node and its length in symbols.
type Fit = Option<(u32, usize)>;

impl Lexicon {
    /// No unit yet.
    pub fn new(max_length: usize) -> Self {
        Self {
            rank: vec![NONE],
            parent: vec![(0, 0)],
            max_length,
            ..Self::default()
        }
    }

    /// Number of units.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds a unit at the tail, unless it is there; returns its node.
    pub fn append(&mut self, unit: &[u32]) -> u32 {
        let mut node = 0;
        for &symbol in unit {
            let (before, fresh) = (node, self.rank.len() as u32);
            node = *self.children.entry((before, symbol)).or_insert(fresh);
            if node == fresh {
                self.rank.push(NONE);
                self.parent.push((before, symbol));
            }
        }
        if self.rank[node as usize] == NONE {
            self.rank[node as usize] = self.order.len() as u32;
            self.order.push(node);
        }
        node
    }

    fn contains(&self, unit: &[u32]) -> bool {
        let step = |node: u32, &symbol: &u32| self.children.get(&(node, symbol)).copied();
        let node = unit.iter().try_fold(0, step);
        node.is_some_and(|node| self.rank[node as usize] != NONE)
    }

    /// The second longest and the longest unit that `text` starts with.
    fn two_longest(&self, text: &[u32]) -> (Fit, Fit) {
        let (mut second, mut best, mut node) = (None, None, 0);
        for (at, &symbol) in text.iter().take(self.max_length).enumerate() {
            match self.children.get(&(node, symbol)) {
                Some(&child) => node = child,
                None => break,
            }
            if self.rank[node as usize] != NONE {
                (second, best) = (best, Some((node, at + 1)));
            }
        }
        (second, best)
    }

    /// Moves the unit at `rank` to `to`.
    fn shift(&mut self, rank: usize, to: usize) {
        if to < rank {
            self.order[to..=rank].rotate_right(1);
        } else {
            self.order[rank..=to].rotate_left(1);
        }
        for at in rank.min(to)..=rank.max(to) {
            self.rank[self.order[at] as usize] = at as u32;
        }
    }

    /// Takes out the units for which `gone` says so.
    fn forget(&mut self, gone: impl Fn(u32) -> bool) {
        for &node in &self.order {
            self.rank[node as usize] = NONE;
        }
        self.order.retain(|&node| !gone(node));
        for (rank, &node) in self.order.iter().enumerate() {
            self.rank[node as usize] = rank as u32;
        }
    }

    /// What a unit spells.
    fn spell(&self, mut node: u32) -> Vec<u8> {
        let mut reversed = Vec::new();
        while node != 0 {
            let (parent, symbol) = self.parent[node as usize];
            reversed.push(symbol);
            node = parent;
        }
        let mut bytes = Vec::new();
        for symbol in reversed.into_iter().rev() {
            match char::from_u32(symbol) {
                Some(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                None => bytes.push((symbol - INVALID) as u8),
            }
        }
        bytes
    }

    /// Whether reading from `at` on with `second` is better than with `best`, and where the two readings meet.
    fn second_is_better(
        &self,
        text: &[u32],
        at: usize,
        best: (u32, usize),
        second: (u32, usize),
    ) -> (bool, usize) {
        let mut first = Reading::new(self, at, best);
        let mut other = Reading::new(self, at, second);
        while first.end != other.end {
            if first.end < other.end {
                first.go_on(self, text);
            } else {
                other.go_on(self, text);
            }
        }
        (other.worth() < first.worth(), first.end)
    }

    /// Where the pieces of a text end, in bytes, and the rank of each; None for a symbol that is no unit.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub fn segment(&self, text: &[u8], control: &Control) -> Result<Vec<(usize, Option<u32>)>> {
        let mut spelled = Vec::new();
        symbols(text, &mut spelled);
        let mut pieces = Vec::new();
        let (mut at, mut end) = (0, 0);
        let mut take = |piece: Fit, at: &mut usize| {
            let length = piece.map_or(1, |(_, length)| length);
            end += spelled[*at..*at + length]
                .iter()
                .map(|&symbol| n_bytes(symbol))
                .sum::<usize>();
            *at += length;
            pieces.push((end, piece.map(|(node, _)| self.rank[node as usize])));
            if pieces.len() % 4096 == 0 {
                control.check()
            } else {
                Ok(())
            }
        };
        while at < spelled.len() {
            let (second, best) = self.two_longest(&spelled[at..]);
            let (Some(second), Some(first)) = (second, best) else {
                take(best, &mut at)?;
                continue;
            };
            let (better, meet) = self.second_is_better(&spelled, at, first, second);
            take(Some(if better { second } else { first }), &mut at)?;
            // The reading that won is kept until the two meet.
            while at < meet {
                take(self.two_longest(&spelled[at..]).1, &mut at)?;
            }
        }
        Ok(pieces)
    }
}

struct Reading {
    end: usize,
    unknown: usize,
    pieces: usize,
    ranks: u64,
}

impl Reading {
    fn new(lexicon: &Lexicon, at: usize, unit: (u32, usize)) -> Self {
        Self {
            end: at + unit.1,
            unknown: 0,
            pieces: 1,
            ranks: u64::from(lexicon.rank[unit.0 as usize]),
        }
    }

    fn go_on(&mut self, lexicon: &Lexicon, text: &[u32]) {
        self.pieces += 1;
        if let (_, Some((node, length))) = lexicon.two_longest(&text[self.end..]) {
            self.end += length;
            self.ranks += u64::from(lexicon.rank[node as usize]);
        } else {
            self.end += 1;
            self.unknown += 1;
            self.ranks += lexicon.len() as u64;
        }
    }

    fn worth(&self) -> (usize, usize, u64) {
        (self.unknown, self.pieces, self.ranks)
    }
}

/// One article after the other; what a learner keeps between them.
struct Learner<'a> {
    p: &'a Parameters,
    lexicon: Lexicon,
    /// Articles that each node still has, 0 for those not on probation.
    life: Vec<u32>,
    random: Random,
    /// Moves to come: node, and whether it moves up.
    moves: Vec<(u32, bool)>,
    noticed: FxHashSet<Vec<u32>>,
}

impl Learner<'_> {
    /// Reads one sentence.
    fn read(&mut self, text: &[u32]) {
        let (mut at, mut last, mut gap) = (0, None::<usize>, 0);
        while at < text.len() {
            let (second, best) = self.lexicon.two_longest(&text[at..]);
            let Some(best) = best else {
                at += 1;
                gap += 1;
                last = None;
                continue;
            };
            let candidate = if gap > 0 {
                (gap <= self.p.max_gap).then(|| &text[at - gap..at])
            } else {
                last.filter(|&length| length + best.1 <= self.p.max_length)
                    .map(|length| &text[at - length..at + best.1])
            };
            // A number is drawn for each candidate, whether it is new or not.
            if let Some(unit) = candidate.filter(|_| self.random.unit() < self.p.memory_in) {
                self.notice(unit);
            }
            match second {
                Some(second) => {
                    if self.lexicon.second_is_better(text, at, best, second).0 {
                        self.moves.push((best.0, false));
                        self.moves.push((second.0, true));
                    } else {
                        self.moves.push((best.0, true));
                        self.life[best.0 as usize] = 0;
                    }
                }
                None => self.life[best.0 as usize] = 0,
            }
            at += best.1;
            last = Some(best.1);
            gap = 0;
        }
    }

    /// Makes a unit of what is noticed for the second time.
    fn notice(&mut self, unit: &[u32]) {
        if self.lexicon.contains(unit) {
            return;
        }
        if self.noticed.remove(unit) {
            self.lexicon.append(unit);
            self.life.resize(self.lexicon.rank.len(), 0);
        } else {
            self.noticed.insert(unit.to_vec());
        }
    }

    /// Ends an article: the expired are forgotten, the judged move, the tail is put on probation.
    fn close(&mut self) {
        self.noticed.clear();
        let life = &mut self.life;
        self.lexicon.forget(|node| life[node as usize] == 1);
        for left in life.iter_mut() {
            *left = left.saturating_sub(1);
        }
        for (node, up) in std::mem::take(&mut self.moves) {
            let rank = self.lexicon.rank[node as usize];
            // The first stays the first until another passes it.
            if rank == NONE || rank == 0 {
                continue;
            }
            let rank = rank as usize;
            let step = (rank as f64 * self.p.update_rate) as usize + 1;
            if up {
                self.lexicon.shift(rank, rank.saturating_sub(step));
            } else if rank + step < self.lexicon.len() {
                self.lexicon.shift(rank, rank + step);
            } else {
                let last = self.lexicon.len() - 1;
                self.lexicon.shift(rank, last);
                self.lexicon.order.pop();
                self.lexicon.rank[node as usize] = NONE;
                self.life[node as usize] = 0;
            }
        }
        let tail = ((1.0 - self.p.memory_out) * self.lexicon.len() as f64) as usize;
        for &node in &self.lexicon.order[tail..] {
            if self.life[node as usize] == 0 {
                self.life[node as usize] = self.p.life;
            }
        }
    }
}

/// Learns a lexicon and returns what its units spell, best first. It begins with all symbols of the text, the
/// most frequent first (of equals the smaller code), all on probation; an article is a run of lines, drawn at random.
///
/// # Errors
/// [`crate::Error::Interrupted`].
pub fn learn(lines: &Lines, p: &Parameters, control: &Control) -> Result<Vec<Vec<u8>>> {
    control.start("learning", p.epochs as u64);
    let mut text = Vec::new();
    let mut counts: FxHashMap<u32, u64> = FxHashMap::default();
    for i in 0..lines.len() {
        symbols(lines.get(i), &mut text);
        for &symbol in &text {
            *counts.entry(symbol).or_default() += 1;
        }
        if i % 4096 == 0 {
            control.check()?;
        }
    }
    let mut alphabet: Vec<(u32, u64)> = counts.into_iter().collect();
    alphabet.sort_unstable_by_key(|&(symbol, count)| (std::cmp::Reverse(count), symbol));
    let mut learner = Learner {
        p,
        lexicon: Lexicon::new(p.max_length),
        life: vec![0],
        random: Random::new(mix(p.seed)),
        moves: Vec::new(),
        noticed: FxHashSet::default(),
    };
    for (symbol, _) in alphabet {
        learner.lexicon.append(&[symbol]);
        learner.life.push(p.life);
    }
    let n_articles = lines.len().div_ceil(p.article);
    for _ in 0..if n_articles == 0 { 0 } else { p.epochs } {
        let first = learner.random.below(n_articles as u64) as usize * p.article;
        for i in first..(first + p.article).min(lines.len()) {
            symbols(lines.get(i), &mut text);
            learner.read(&text);
            control.check()?;
        }
        learner.close();
        control.advance(1);
    }
    let lexicon = learner.lexicon;
    Ok(lexicon.order.iter().map(|&node| lexicon.spell(node)).collect())
}

//! An automaton over characters and borders.
//!
//! A state stands for a place in a text together with a guess about what follows; its moves read the next character and
//! say whether a border lies behind it. From every state but [`Machine::LAST`] some text leads to that one, in which
//! the text ends; a border lies at the end of every text.

use super::classes::Classes;

/// A state's number.
pub type Place = u32;

/// One way on: a border behind the character or none, and the state there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Move {
    /// Whether a border lies behind the character.
    pub border: bool,
    /// The state behind it.
    pub to: Place,
}

/// For every class, the borders and parts that a state moves to.
type Signature = Vec<Vec<(bool, u32)>>;

/// An automaton over characters and borders.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The classes of characters.
    pub classes: Classes,
    /// The states in which a text may begin, [`Machine::LAST`] for the empty one among them.
    pub starts: Vec<Place>,
    /// For every state and class, the moves.
    pub moves: Vec<Vec<Vec<Move>>>,
}

impl Machine {
    /// The state in which the text is over.
    pub const LAST: Place = 0;

    /// An automaton without states but the last.
    pub fn empty(classes: Classes) -> Self {
        let n_classes = classes.len();
        Self {
            classes,
            starts: Vec::new(),
            moves: vec![vec![Vec::new(); n_classes]],
        }
    }

    /// The states reached from a set of states by a character of a class, with a border behind it or without.
    pub fn step(&self, from: &[Place], class: u16, border: bool) -> Vec<Place> {
        let moves = from
            .iter()
            .flat_map(|&state| &self.moves[state as usize][class as usize]);
        let mut to: Vec<Place> = moves
            .filter(|step| step.border == border)
            .map(|step| step.to)
            .collect();
        to.sort_unstable();
        to.dedup();
        to
    }

    /// Whether a character of a class may come next, in some state of a set.
    pub fn reads(&self, from: Place, class: u16) -> bool {
        !self.moves[from as usize][class as usize].is_empty()
    }

    /// The same automaton with states that behave alike joined.
    ///
    /// Refines the trivial partition until the moves of a state's parts say the same.
    #[must_use]
    pub fn joined(self) -> Self {
        let n = self.moves.len();
        let mut part: Vec<u32> = (0..n).map(|state| u32::from(state != 0)).collect();
        let mut n_parts = 2.min(n);
        loop {
            let mut seen: rustc_hash::FxHashMap<(u32, Signature), u32> = rustc_hash::FxHashMap::default();
            let mut refined = Vec::with_capacity(n);
            for state in 0..n {
                let signature = self.moves[state].iter().map(|moves| {
                    let mut to: Vec<(bool, u32)> = moves
                        .iter()
                        .map(|step| (step.border, part[step.to as usize]))
                        .collect();
                    to.sort_unstable();
                    to.dedup();
                    to
                });
                let next = seen.len() as u32;
                refined.push(*seen.entry((part[state], signature.collect())).or_insert(next));
            }
            let refined_parts = seen.len();
            part = refined;
            if refined_parts == n_parts {
                break;
            }
            n_parts = refined_parts;
        }
        let mut moves = vec![Vec::new(); n_parts];
        for state in 0..n {
            let mine = &mut moves[part[state] as usize];
            if mine.is_empty() {
                *mine = self.moves[state]
                    .iter()
                    .map(|ways| {
                        let mut ways: Vec<Move> = ways
                            .iter()
                            .map(|step| Move {
                                border: step.border,
                                to: part[step.to as usize],
                            })
                            .collect();
                        ways.sort_unstable();
                        ways.dedup();
                        ways
                    })
                    .collect();
            }
        }
        let mut starts: Vec<Place> = self.starts.iter().map(|&state| part[state as usize]).collect();
        starts.sort_unstable();
        starts.dedup();
        Self {
            classes: self.classes,
            starts,
            moves,
        }
    }
}

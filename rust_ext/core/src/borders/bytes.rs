//! The automaton over bytes, made deterministic where it is used.
//!
//! A byte that may begin a longer character is read twice: as the beginning of a character that will be completed
//! (inside of which no border lies), and as a byte of its own, which the pre-tokenizer sees as U+FFFD; the second is
//! given up when the character is completed, the first when it is not. States and moves are made when they are asked
//! for, and kept.
//!
//! Where texts have only some of the bytes, since a vocabulary can spell no others, a state counts only if such a text
//! leads from it to an end: two spaces are cut apart before a letter, but not where there are no letters.

use rustc_hash::{FxHashMap, FxHashSet};

use super::machine::{Machine, Place};
use super::utf8::{Partial, Read};
use crate::Result;

/// A state's number.
pub type StateId = u32;

/// The state from which no text goes on.
pub const DEAD: StateId = 0;
const UNKNOWN: StateId = u32::MAX;
/// Where texts begin.
const START: StateId = 1;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct State {
    /// Places before the character that `partial` begins, for which it will be completed.
    whole: Vec<Place>,
    partial: Partial,
    /// Places behind its bytes, for which it will not; without a partial character all places.
    apart: Vec<Place>,
}

/// The automaton over bytes and borders of a pre-tokenizer.
#[derive(Debug)]
pub struct Borders {
    machine: Machine,
    invalid: u16,
    states: Vec<State>,
    ids: FxHashMap<State, StateId>,
    moves: Vec<[StateId; 512]>,
    within: FxHashMap<Partial, Vec<u16>>,
    /// The bytes that texts have; None for all.
    alphabet: Option<Vec<u8>>,
    /// For every state whether a text of the alphabet ends it, as far as that was asked.
    ends_somehow: Vec<Option<bool>>,
}

impl Borders {
    /// Reads a pre-tokenizer's specification.
    ///
    /// # Errors
    /// As [`Machine::parse`].
    pub fn parse(spec: &str) -> Result<Self> {
        let machine = Machine::parse(spec)?;
        let mut made = Self {
            invalid: machine.classes.class_of(0xFFFD),
            states: Vec::new(),
            ids: FxHashMap::default(),
            moves: Vec::new(),
            within: FxHashMap::default(),
            alphabet: None,
            ends_somehow: Vec::new(),
            machine,
        };
        made.id(State::default());
        let start = State {
            apart: made.machine.starts.clone(),
            ..State::default()
        };
        made.id(start);
        Ok(made)
    }

    /// The same for texts that have only these bytes.
    #[must_use]
    pub fn over(mut self, alphabet: &[u8]) -> Self {
        let mut bytes = alphabet.to_vec();
        bytes.sort_unstable();
        bytes.dedup();
        self.alphabet = (bytes.len() < 256).then_some(bytes);
        self.ends_somehow.clear();
        self
    }

    /// Where every text begins.
    pub fn start(&self) -> StateId {
        START
    }

    /// Whether the text may end in a state: all borders were said, the one at the end too.
    pub fn may_end(&self, state: StateId) -> bool {
        self.states[state as usize].apart.first() == Some(&Machine::LAST)
    }

    /// Number of states made so far.
    pub fn n_states(&self) -> usize {
        self.states.len()
    }

    /// Number of states of the automaton over characters.
    pub fn n_places(&self) -> usize {
        self.machine.moves.len()
    }

    /// The state after one more byte, with a border behind it or without.
    pub fn step(&mut self, state: StateId, byte: u8, border: bool) -> StateId {
        let next = self.moved(state, byte, border);
        if next == DEAD || self.alphabet.is_none() || self.is_alive(next) {
            next
        } else {
            DEAD
        }
    }

    fn moved(&mut self, state: StateId, byte: u8, border: bool) -> StateId {
        let slot = usize::from(byte) * 2 + usize::from(border);
        let known = self.moves[state as usize][slot];
        if known != UNKNOWN {
            return known;
        }
        let next = self.after(state, byte, border);
        let next = self.id(next);
        self.moves[state as usize][slot] = next;
        next
    }

    /// Whether bytes of the alphabet lead from a state to an end of the text.
    fn is_alive(&mut self, state: StateId) -> bool {
        let known = |made: &Self, state: StateId| made.ends_somehow.get(state as usize).copied().flatten();
        if let Some(alive) = known(self, state) {
            return alive;
        }
        let alphabet = self.alphabet.clone().unwrap_or_default();
        let mut seen = vec![state];
        let mut met: FxHashSet<StateId> = seen.iter().copied().collect();
        let mut done = 0;
        let mut alive = self.may_end(state);
        while !alive && done < seen.len() {
            let from = seen[done];
            done += 1;
            for &byte in &alphabet {
                for border in [true, false] {
                    let next = self.moved(from, byte, border);
                    alive |= next != DEAD && (self.may_end(next) || known(self, next) == Some(true));
                    if next != DEAD && known(self, next).is_none() && met.insert(next) {
                        seen.push(next);
                    }
                }
            }
        }
        self.ends_somehow.resize(self.states.len(), None);
        // Nothing that was seen leads to an end, or the first state does.
        let settled = if alive { &seen[..1] } else { &seen[..] };
        for &state in settled {
            self.ends_somehow[state as usize] = Some(alive);
        }
        alive
    }

    /// The state after some bytes of one piece, with a border behind the last or without.
    pub fn walk(&mut self, state: StateId, bytes: &[u8], border: bool) -> StateId {
        let mut state = state;
        for (at, &byte) in bytes.iter().enumerate() {
            state = self.step(state, byte, border && at + 1 == bytes.len());
            if state == DEAD {
                break;
            }
        }
        state
    }

    fn id(&mut self, mut state: State) -> StateId {
        if state.whole.is_empty() && state.apart.is_empty() {
            state.partial = Partial::NONE;
        }
        if let Some(&id) = self.ids.get(&state) {
            return id;
        }
        let id = self.states.len() as StateId;
        self.states.push(state.clone());
        self.ids.insert(state, id);
        self.moves.push([UNKNOWN; 512]);
        id
    }

    fn after(&mut self, state: StateId, byte: u8, border: bool) -> State {
        let State {
            whole,
            partial,
            apart,
        } = self.states[state as usize].clone();
        let read = partial.then(byte);
        match read {
            Read::Character(point) => {
                let from = if partial.is_empty() { &apart } else { &whole };
                let class = self.machine.classes.class_of(point);
                State {
                    apart: self.machine.step(from, class, border),
                    ..State::default()
                }
            }
            Read::Partial(longer) => {
                let from = if partial.is_empty() { &apart } else { &whole };
                State {
                    whole: if border {
                        Vec::new()
                    } else {
                        self.completable(from, longer)
                    },
                    partial: longer,
                    apart: self.machine.step(&apart, self.invalid, border),
                }
            }
            Read::Invalid if partial.is_empty() => State {
                apart: self.machine.step(&apart, self.invalid, border),
                ..State::default()
            },
            Read::Invalid => {
                // The bytes before were none of a character: this one is read afresh.
                let fresh = self.id(State {
                    apart,
                    ..State::default()
                });
                self.after(fresh, byte, border)
            }
        }
    }

    /// The places from which some character with these first bytes may come.
    fn completable(&mut self, from: &[Place], partial: Partial) -> Vec<Place> {
        let classes = &self.machine.classes;
        let within = self
            .within
            .entry(partial)
            .or_insert_with(|| classes.within(partial.characters()));
        let machine = &self.machine;
        let may = |&&place: &&Place| within.iter().any(|&class| machine.reads(place, class));
        from.iter().filter(may).copied().collect()
    }
}

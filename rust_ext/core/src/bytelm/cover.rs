//! Which token sequences are the beginning of an encoding, for merging by rank under any pre-tokenizer.
//!
//! A sequence is valid if some text's encoding begins with it. Its tokens lie inside of pretokens, so after each token a
//! border lies or none; a *hypothesis* is the automaton's state under one choice of those borders, and a *place* is the
//! set of hypotheses that are left: all that the rest depends on. Three conditions make the choice a real one:
//!
//! * the pre-tokenizer can cut so: the state of [`Borders`] is not dead;
//! * inside of a pretoken tokens are reachable and neighbours may stand side by side ([`Spines`]); a border frees them.
//!   Where a pretoken that is a token becomes it unmerged, that one may be unreachable, and no other sequence may spell
//!   a pretoken that is a token;
//! * an open pretoken can be ended by tokens that may stand so. Where a border may lie at once, as nearly always, that
//!   is settled; else (a token that ends inside of a character, say) tokens are tried until one leads to a border.
//!
//! Where merging starts from characters, a character without a token is spelled by the *fallback* tokens of its bytes,
//! and so is a byte that is part of no character. Fallback tokens take part in no merge: anything may stand beside them,
//! only they must not spell a character that has a token. The bytes of the character that they have begun are part of
//! the hypothesis. Where only valid UTF-8 has an encoding, they must also be able to spell some character.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::spines::{NONE, Spines};
use super::trie::{NOWHERE, Trie};
use crate::borders::utf8::{Partial, Read};
use crate::borders::{Borders, DEAD, StateId};

/// A place's number.
pub type PlaceId = u32;

/// Bytes of cached masks and moves after which the caches begin anew.
const ROOM: usize = 256 << 20;

/// One choice of borders: the state, and the open pretoken so far.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Hypothesis {
    state: StateId,
    word: Word,
    /// The bytes that fallback tokens have spelled of a character.
    begun: Partial,
}

/// The pretoken that is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Word {
    /// None: a border lies here.
    Closed,
    /// One that is longer than any token, or of which it does not matter how it is spelled.
    Any,
    /// These bytes.
    Bytes(Box<[u8]>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    /// The last token, where a pretoken is open and the token takes part in merges.
    last: u32,
    hypotheses: Vec<Hypothesis>,
}

/// A token that the borders allow after a state, and the states after it.
#[derive(Debug, Clone, Copy)]
struct Way {
    at: u32,
    open: StateId,
    closed: StateId,
}

/// The tokens that may come after a state.
#[derive(Debug)]
struct Base {
    mask: Vec<u8>,
    /// Places of the tokens behind which no border may lie at once.
    open_only: Vec<u32>,
}

/// The valid sequences of a vocabulary, merge list and pre-tokenizer.
#[derive(Debug)]
pub struct Cover {
    trie: Trie,
    borders: Borders,
    spines: Spines,
    whole_words: bool,
    listed: Vec<bool>,
    fallback: Vec<u32>,
    /// The byte of every fallback token.
    fallback_byte: FxHashMap<u32, u8>,
    text_only: bool,
    longest: usize,
    places: Vec<Place>,
    ids: FxHashMap<Place, PlaceId>,
    ways: FxHashMap<StateId, Arc<Vec<Way>>>,
    masks: FxHashMap<PlaceId, Arc<Vec<u8>>>,
    bases: FxHashMap<(StateId, bool), Arc<Base>>,
    standing: FxHashMap<u32, Arc<Vec<u8>>>,
    endings: FxHashMap<(StateId, u32, Word), bool>,
    room: usize,
}

/// What is found of one token after one hypothesis.
struct Found {
    open: Option<Hypothesis>,
    closed: Option<Hypothesis>,
}

impl Found {
    fn any(&self) -> bool {
        self.open.is_some() || self.closed.is_some()
    }
}

impl Cover {
    /// Takes the trie of all tokens that are not control, the merges' trees, the ids that text reaches by bytes, the
    /// fallback tokens of the bytes 0 to 255, if there are any, the borders of the texts that have an encoding, and
    /// whether these are valid UTF-8.
    pub fn new(
        trie: Trie,
        spines: Spines,
        listed: &[u32],
        fallback: &[u32],
        borders: Borders,
        whole_words: bool,
        text_only: bool,
    ) -> Self {
        let mut is_listed = vec![false; trie.n_ids()];
        for &id in listed {
            is_listed[id as usize] = trie.rank()[id as usize] != NOWHERE;
        }
        let longest = listed.iter().map(|&id| spines.spell(id).len()).max().unwrap_or(0);
        let mut made = Self {
            trie,
            spines,
            whole_words,
            listed: is_listed,
            fallback: fallback.to_vec(),
            text_only,
            fallback_byte: fallback.iter().copied().zip(0..=u8::MAX).collect(),
            longest,
            places: Vec::new(),
            ids: FxHashMap::default(),
            ways: FxHashMap::default(),
            masks: FxHashMap::default(),
            bases: FxHashMap::default(),
            standing: FxHashMap::default(),
            endings: FxHashMap::default(),
            room: 0,
            borders,
        };
        let start = made.borders.start();
        made.place(
            NONE,
            vec![Hypothesis {
                state: start,
                word: Word::Closed,
                begun: Partial::NONE,
            }],
        );
        made
    }

    /// The place of the empty sequence.
    pub fn root(&self) -> PlaceId {
        0
    }

    /// Number of places, states of the borders, and tokens that are tested by merging.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (
            self.places.len(),
            self.borders.n_states(),
            self.spines.n_irregular(),
        )
    }

    /// Whether the text may end at a place.
    pub fn ends(&self, place: PlaceId) -> bool {
        let mut hypotheses = self.places[place as usize].hypotheses.iter();
        hypotheses.any(|it| it.word == Word::Closed && self.borders.may_end(it.state))
    }

    /// The place after a token; None where it may not come.
    pub fn step(&mut self, place: PlaceId, token: u32) -> Option<PlaceId> {
        let Place { last, hypotheses } = self.places[place as usize].clone();
        let mut left = Vec::new();
        for hypothesis in &hypotheses {
            let found = self.after(last, hypothesis, token);
            left.extend(found.open);
            left.extend(found.closed);
        }
        (!left.is_empty()).then(|| self.place(token, left))
    }

    /// Whether a token may come next.
    pub fn allows(&mut self, place: PlaceId, token: u32) -> bool {
        let Place { last, hypotheses } = self.places[place as usize].clone();
        hypotheses
            .iter()
            .any(|hypothesis| self.after(last, hypothesis, token).any())
    }

    /// The place with the hypotheses only in which a pretoken ends here, or goes on; None where there are none.
    pub fn keep(&mut self, place: PlaceId, ended: bool) -> Option<PlaceId> {
        let Place { last, hypotheses } = self.places[place as usize].clone();
        let kept = hypotheses
            .into_iter()
            .filter(|it| (it.word == Word::Closed) == ended);
        let kept: Vec<Hypothesis> = kept.collect();
        (!kept.is_empty()).then(|| self.place(last, kept))
    }

    /// In the order of the trie, 1 for every token that may come next.
    pub fn mask(&mut self, place: PlaceId) -> Arc<Vec<u8>> {
        if let Some(mask) = self.masks.get(&place) {
            return Arc::clone(mask);
        }
        let Place { last, hypotheses } = self.places[place as usize].clone();
        let mut mask = vec![0; self.trie.order().len()];
        for hypothesis in &hypotheses {
            let from_border = hypothesis.word == Word::Closed;
            let base = self.base(hypothesis.state, from_border);
            for at in 0..self.fallback.len() {
                let token = self.fallback[at];
                let place = self.trie.rank()[token as usize];
                if place != NOWHERE {
                    mask[place as usize] |= u8::from(self.after(last, hypothesis, token).any());
                }
            }
            if from_border || (last == NONE && hypothesis.word == Word::Any) {
                for (on, may) in mask.iter_mut().zip(&base.mask) {
                    *on |= may;
                }
                continue;
            }
            let standing = if last == NONE {
                Arc::new(vec![1; mask.len()])
            } else {
                self.standing_after(last)
            };
            let pairs = base.mask.iter().zip(standing.iter());
            let mut mine: Vec<u8> = pairs.map(|(may, stands)| may & stands).collect();
            for at in self.doubtful(&hypothesis.word, &base) {
                if mine[at] == 1 {
                    mine[at] = u8::from(self.after(last, hypothesis, self.trie.order()[at]).any());
                }
            }
            for (on, may) in mask.iter_mut().zip(&mine) {
                *on |= may;
            }
        }
        let mask = Arc::new(mask);
        self.make_room(mask.len());
        self.masks.insert(place, Arc::clone(&mask));
        mask
    }

    /// What the state alone says of every token, at a border or inside of a pretoken of which it does not matter how it
    /// is spelled.
    fn base(&mut self, state: StateId, from_border: bool) -> Arc<Base> {
        if let Some(base) = self.bases.get(&(state, from_border)) {
            return Arc::clone(base);
        }
        let mut base = Base {
            mask: vec![0; self.trie.order().len()],
            open_only: Vec::new(),
        };
        let before = if from_border { Word::Closed } else { Word::Any };
        let ways = self.ways(state);
        for way in ways.iter() {
            let token = self.trie.order()[way.at as usize];
            if self.fallback_byte.contains_key(&token) {
                continue;
            }
            let opens = self.may_open(token);
            let closes = way.closed != DEAD && (opens || (from_border && self.whole_words));
            if closes {
                base.mask[way.at as usize] = 1;
            } else if way.open != DEAD && opens {
                let word = self.spelled(&before, token);
                base.mask[way.at as usize] = u8::from(self.can_end(way.open, token, &word));
                base.open_only.push(way.at);
            }
        }
        let base = Arc::new(base);
        self.make_room(base.mask.len() + 4 * base.open_only.len());
        self.bases.insert((state, from_border), Arc::clone(&base));
        base
    }

    /// The tokens for which it does matter how the open pretoken is spelled: with them, or with more, it may be a token.
    fn doubtful(&self, word: &Word, base: &Base) -> Vec<usize> {
        let Word::Bytes(bytes) = word else {
            return Vec::new();
        };
        let node = self.trie.find(bytes);
        if node == NOWHERE {
            return Vec::new();
        }
        let mut found = Vec::new();
        for at in self.trie.range(node) {
            let rest = &self.spines.spell(self.trie.order()[at])[bytes.len()..];
            let same = if rest.is_empty() {
                NOWHERE
            } else {
                self.trie.find(rest)
            };
            if same != NOWHERE {
                found.extend(self.trie.ending(same));
            }
        }
        for &at in &base.open_only {
            let mut longer = node;
            for &byte in self.spines.spell(self.trie.order()[at as usize]) {
                longer = self.trie.child(longer, byte);
                if longer == NOWHERE {
                    break;
                }
            }
            if longer != NOWHERE {
                found.push(at as usize);
            }
        }
        found
    }

    fn place(&mut self, last: u32, mut hypotheses: Vec<Hypothesis>) -> PlaceId {
        hypotheses.sort_unstable();
        hypotheses.dedup();
        let open = hypotheses.iter().any(|it| it.word != Word::Closed);
        let merges = open && !self.fallback_byte.contains_key(&last);
        let place = Place {
            last: if merges { last } else { NONE },
            hypotheses,
        };
        if let Some(&id) = self.ids.get(&place) {
            return id;
        }
        let id = self.places.len() as PlaceId;
        self.places.push(place.clone());
        self.ids.insert(place, id);
        id
    }

    fn after(&mut self, last: u32, from: &Hypothesis, token: u32) -> Found {
        let nothing = Found {
            open: None,
            closed: None,
        };
        let has_place = self
            .trie
            .rank()
            .get(token as usize)
            .is_some_and(|&at| at != NOWHERE);
        let fallback = self.fallback_byte.get(&token).copied();
        if !has_place || !(self.listed[token as usize] || fallback.is_some()) {
            return nothing;
        }
        if from.word != Word::Closed && !self.may_follow(last, token) {
            return nothing;
        }
        let begun = match fallback {
            None if self.text_only && !from.begun.is_empty() => return nothing,
            None => Partial::NONE,
            Some(byte) => match self.spelled_by_fallback(from.begun, byte) {
                None => return nothing,
                Some(begun) => begun,
            },
        };
        let bytes = self.spines.spell(token);
        let closed = self.borders.walk(from.state, bytes, true);
        let open = self.borders.walk(from.state, bytes, false);
        let word = self.spelled(&from.word, token);
        let whole = begun.is_empty() || !self.text_only;
        let closes = whole && closed != DEAD && self.may_close(&from.word, &word, token);
        let merging = if fallback.is_some() { NONE } else { token };
        let opens = open != DEAD && self.may_open(token) && self.can_end(open, merging, &word);
        Found {
            closed: closes.then_some(Hypothesis {
                state: closed,
                word: Word::Closed,
                begun,
            }),
            open: opens.then_some(Hypothesis {
                state: open,
                word,
                begun,
            }),
        }
    }

    /// Whether a token may stand after another inside of a pretoken.
    fn may_follow(&self, last: u32, token: u32) -> bool {
        let alone = last == NONE || self.fallback_byte.contains_key(&token);
        self.may_open(token) && (alone || self.spines.may_stand(last, token))
    }

    /// The bytes that fallback tokens have spelled of a character, after one more; None where it has a token.
    fn spelled_by_fallback(&self, begun: Partial, byte: u8) -> Option<Partial> {
        match begun.then(byte) {
            Read::Partial(longer) => {
                let characters = || longer.characters().filter_map(char::from_u32);
                let can_be = !self.text_only || characters().any(|it| !self.spines.has_character(it));
                can_be.then_some(longer)
            }
            Read::Character(point) => {
                let known = char::from_u32(point).is_some_and(|it| self.spines.has_character(it));
                (!known).then_some(Partial::NONE)
            }
            Read::Invalid if self.text_only => None,
            Read::Invalid if begun.is_empty() => Some(Partial::NONE),
            Read::Invalid => self.spelled_by_fallback(Partial::NONE, byte),
        }
    }

    /// The open pretoken with one more token.
    fn spelled(&self, word: &Word, token: u32) -> Word {
        if !self.whole_words {
            return Word::Any;
        }
        let before: &[u8] = match word {
            Word::Any => return Word::Any,
            Word::Closed => &[],
            Word::Bytes(bytes) => bytes,
        };
        let bytes = [before, self.spines.spell(token)].concat();
        if bytes.len() > self.longest {
            Word::Any
        } else {
            Word::Bytes(bytes.into())
        }
    }

    /// Whether a pretoken may go on after a token, as far as the token is concerned.
    fn may_open(&self, token: u32) -> bool {
        let merges = self.listed[token as usize] && self.spines.is_reachable(token);
        merges || self.fallback_byte.contains_key(&token)
    }

    /// Whether a pretoken may end with a token that began or went on with `before`.
    fn may_close(&self, before: &Word, word: &Word, token: u32) -> bool {
        if !self.whole_words {
            return self.may_open(token);
        }
        if *before == Word::Closed {
            return self.listed[token as usize] || self.fallback_byte.contains_key(&token);
        }
        self.may_open(token) && !self.is_token(word)
    }

    fn is_token(&self, word: &Word) -> bool {
        let Word::Bytes(bytes) = word else { return false };
        let node = self.trie.find(bytes);
        node != NOWHERE
            && self
                .trie
                .ending(node)
                .any(|at| self.listed[self.trie.order()[at] as usize])
    }

    /// Whether tokens that may stand after `last` lead an open pretoken to a border.
    fn can_end(&mut self, state: StateId, last: u32, word: &Word) -> bool {
        let key = (state, last, word.clone());
        if let Some(&known) = self.endings.get(&key) {
            return known;
        }
        let mut seen = FxHashSet::default();
        seen.insert(key.clone());
        let mut waiting = std::collections::VecDeque::from([key.clone()]);
        let mut found = false;
        'search: while let Some((state, last, word)) = waiting.pop_front() {
            let ways = self.ways(state);
            for way in ways.iter() {
                let token = self.trie.order()[way.at as usize];
                if !self.may_follow(last, token) {
                    continue;
                }
                let longer = self.spelled(&word, token);
                if way.closed != DEAD && self.may_close(&word, &longer, token) {
                    found = true;
                    break 'search;
                }
                let merges = !self.fallback_byte.contains_key(&token);
                let next = (way.open, if merges { token } else { NONE }, longer);
                if way.open != DEAD && seen.insert(next.clone()) {
                    waiting.push_back(next);
                }
            }
        }
        self.endings.insert(key, found);
        found
    }

    /// The tokens that the borders allow after a state.
    fn ways(&mut self, state: StateId) -> Arc<Vec<Way>> {
        if let Some(ways) = self.ways.get(&state) {
            return Arc::clone(ways);
        }
        let mut ways = Vec::new();
        let mut stack = vec![(0_u32, state)];
        while let Some((node, state)) = stack.pop() {
            let (start, end) = self.trie.children(node);
            for child in start..end {
                let byte = self.trie.byte(child);
                let open = self.borders.step(state, byte, false);
                let ending = self.trie.ending(child as u32);
                if !ending.is_empty() {
                    let closed = self.borders.step(state, byte, true);
                    if open != DEAD || closed != DEAD {
                        let order = self.trie.order();
                        let known = ending.filter(|&at| {
                            self.listed[order[at] as usize] || self.fallback_byte.contains_key(&order[at])
                        });
                        ways.extend(known.map(|at| Way {
                            at: at as u32,
                            open,
                            closed,
                        }));
                    }
                }
                if open != DEAD {
                    stack.push((child as u32, open));
                }
            }
        }
        let ways = Arc::new(ways);
        self.make_room(ways.len() * size_of::<Way>());
        self.ways.insert(state, Arc::clone(&ways));
        ways
    }

    /// In the order of the trie, 1 for every token that may stand after another inside of a pretoken.
    fn standing_after(&mut self, token: u32) -> Arc<Vec<u8>> {
        if let Some(standing) = self.standing.get(&token) {
            return Arc::clone(standing);
        }
        let forbidden = self.spines.forbidden_after(token);
        let order = self.trie.order().iter();
        let standing: Vec<u8> = order.map(|&id| u8::from(!forbidden[id as usize])).collect();
        let standing = Arc::new(standing);
        self.make_room(standing.len());
        self.standing.insert(token, Arc::clone(&standing));
        standing
    }

    fn make_room(&mut self, bytes: usize) {
        self.room += bytes;
        if self.room > ROOM {
            self.room = bytes;
            self.ways.clear();
            self.masks.clear();
            self.bases.clear();
            self.standing.clear();
            self.endings.clear();
        }
    }
}

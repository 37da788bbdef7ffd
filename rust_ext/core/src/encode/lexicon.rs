//! The tokens of a vocabulary as an automaton: which of them start here, which of them end here.

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;

use super::vocabulary::Vocabulary;
use crate::{Error, Result};

/// All tokens that can be found by their bytes, up to a width.
#[derive(Debug, Clone)]
pub struct Lexicon {
    automaton: NFA,
    tokens: Vec<Token>,
    from_here: StateID,
    anywhere: StateID,
}

/// A token and its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: u32,
    /// Its length in bytes.
    pub width: u32,
}

/// The tokens that can be found by their bytes: single units, and longer ones up to `width` bytes.
pub fn findable(vocabulary: &Vocabulary, width: Option<usize>) -> Vec<u32> {
    let narrow = |token: &[u8]| {
        width.is_none_or(|width| token.len() <= width)
            || std::str::from_utf8(token).is_ok_and(|text| text.chars().count() == 1)
    };
    (0..vocabulary.len() as u32)
        .filter(|&id| {
            vocabulary
                .bytes(id)
                .is_some_and(|token| vocabulary.find(token) == id && narrow(token))
        })
        .collect()
}

impl Lexicon {
    /// Builds the automaton of the tokens that are [`findable`].
    ///
    /// # Errors
    /// [`Error::Vocabulary`] when the automaton cannot hold them.
    pub fn new(vocabulary: &Vocabulary, width: Option<usize>) -> Result<Self> {
        let fail = |message: String| Error::Vocabulary { message };
        let ids = findable(vocabulary, width);
        let automaton = NFA::builder()
            .build(ids.iter().filter_map(|&id| vocabulary.bytes(id)))
            .map_err(|error| fail(format!("the automaton of the tokens: {error}")))?;
        let start = |anchored| {
            automaton
                .start_state(anchored)
                .map_err(|error| fail(format!("the automaton of the tokens: {error}")))
        };
        let (from_here, anywhere) = (start(Anchored::Yes)?, start(Anchored::No)?);
        let tokens = ids
            .into_iter()
            .map(|id| Token {
                id,
                width: vocabulary.bytes(id).map_or(0, |token| token.len() as u32),
            })
            .collect();
        Ok(Self {
            automaton,
            tokens,
            from_here,
            anywhere,
        })
    }

    /// A token by its place in the lexicon.
    #[inline]
    pub fn token(&self, place: u32) -> Token {
        self.tokens[place as usize]
    }

    /// All tokens, by place.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Width of the widest token.
    pub fn widest(&self) -> usize {
        self.automaton.max_pattern_len()
    }

    /// The place of the longest token that `text` starts with.
    #[inline]
    pub fn longest_prefix(&self, text: &[u8]) -> Option<u32> {
        let mut state = self.from_here;
        let mut longest = None;
        for (depth, &byte) in text.iter().enumerate() {
            state = self.automaton.next_state(Anchored::Yes, state, byte);
            if self.automaton.is_special(state) {
                if self.automaton.is_dead(state) {
                    break;
                }
                if self.automaton.is_match(state) {
                    // The state also lists tokens that end here and start later; the widest comes first.
                    let place = self.automaton.match_pattern(state, 0).as_u32();
                    if self.tokens[place as usize].width as usize == depth + 1 {
                        longest = Some(place);
                    }
                }
            }
        }
        longest
    }

    /// A walk over a text that knows, after every byte, which tokens end there.
    pub fn walk(&self) -> Walk<'_> {
        Walk {
            lexicon: self,
            state: self.anywhere,
        }
    }
}

/// See [`Lexicon::walk`].
pub struct Walk<'a> {
    lexicon: &'a Lexicon,
    state: StateID,
}

impl Walk<'_> {
    /// Takes one byte and calls `f` with the place of every token that ends with it.
    #[inline]
    pub fn step(&mut self, byte: u8, mut f: impl FnMut(u32)) {
        let automaton = &self.lexicon.automaton;
        self.state = automaton.next_state(Anchored::No, self.state, byte);
        if automaton.is_match(self.state) {
            for i in 0..automaton.match_len(self.state) {
                f(automaton.match_pattern(self.state, i).as_u32());
            }
        }
    }
}

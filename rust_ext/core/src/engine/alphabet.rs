//! The alphabet: which initial symbols there are, what ids they have, how a pretoken splits into them.

use super::cells::each_row;
use super::setup::{AlphabetOrder, InitialAlphabet, Setup, Uncovered, Unit};
use super::ties::gpt2_rank;
use super::tokens::{MAX_IDS, Tokens};
use crate::{Control, Error, PretokenCounts, Result};

/// How many values a symbol can have: bytes or Unicode code points.
const fn n_values(unit: Unit) -> usize {
    match unit {
        Unit::Byte => 256,
        Unit::Character => 0x11_0000,
    }
}

/// Marks in [`Alphabet::ids`] for values that are no symbol.
const DROPPED: u32 = u32::MAX;
const UNCOVERED: u32 = u32::MAX - 1;

/// What one piece of a pretoken is to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A symbol, which takes part in merges.
    Symbol(u32),
    /// A token that takes no part in merges and stands between its neighbours.
    Barrier(u32),
    /// A symbol without a token.
    Missing,
}

/// Symbols and their ids.
#[derive(Debug)]
pub(crate) struct Alphabet {
    unit: Unit,
    /// Id by byte or code point.
    ids: Vec<u32>,
    /// The id of byte 0's fallback token; the others follow.
    fallback: Option<u32>,
    unknown: Option<u32>,
    /// Whether a symbol without any token is reported rather than dropped.
    reports_missing: bool,
}

/// Which ids were given to what, for the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The id of byte 0's fallback token; the other 255 follow.
    pub fallback: Option<u32>,
    /// Ids of the alphabet, in alphabet order.
    pub symbols: Vec<u32>,
    /// How many different symbols occur that the alphabet leaves out.
    pub uncovered_symbols: u64,
    /// How often they occur.
    pub uncovered_count: u64,
}

impl Alphabet {
    /// Counts the symbols, keeps those that `setup` wants, and gives ids: special tokens, fallback tokens,
    /// symbols.
    pub(crate) fn choose(
        counts: &PretokenCounts,
        setup: &Setup,
        control: &Control,
    ) -> Result<(Self, Tokens, Layout)> {
        let seen = count_symbols(counts, setup.unit, control)?;
        let given = given_symbols(setup)?;
        let kept = keep(&seen, &given, setup);

        let mut tokens = Tokens::default();
        let mut unknown = None;
        for text in &setup.special_tokens {
            let id = tokens.push_apart(text.as_bytes())?;
            // Hugging Face compares special tokens with tokens in their printable spelling. Where that is the
            // spelling itself, the id is shared as there; elsewhere it would confuse é with the byte 0xE9.
            if setup.unit == Unit::Character || text.bytes().all(|byte| byte.is_ascii_graphic()) {
                tokens.allow_reuse(id);
            }
            if setup.uncovered == Uncovered::Unknown(text.clone()) {
                unknown = Some(id);
            }
        }
        let mut fallback = None;
        if setup.uncovered == Uncovered::ByteFallback {
            for byte in 0..=255u8 {
                let id = tokens.push_apart(&[byte])?;
                fallback.get_or_insert(id);
            }
        }
        let mut ids = vec![
            if setup.uncovered == Uncovered::Drop {
                DROPPED
            } else {
                UNCOVERED
            };
            n_values(setup.unit)
        ];
        let mut symbols = Vec::with_capacity(kept.len());
        for &value in &kept {
            let id = tokens.mint(&spell(value, setup.unit))?;
            ids[value as usize] = id;
            symbols.push(id);
        }
        let left_out = |&(value, &count): &(usize, &u64)| count > 0 && ids[value] >= MAX_IDS as u32;
        let uncovered: Vec<u64> = seen
            .iter()
            .enumerate()
            .filter(left_out)
            .map(|(_, &count)| count)
            .collect();
        let layout = Layout {
            fallback,
            symbols,
            uncovered_symbols: uncovered.len() as u64,
            uncovered_count: uncovered.iter().sum(),
        };
        let alphabet = Self {
            unit: setup.unit,
            ids,
            fallback,
            unknown,
            reports_missing: false,
        };
        Ok((alphabet, tokens, layout))
    }

    /// The alphabet of an existing tokenizer: its tokens of one symbol. With `drop` other symbols vanish, else
    /// they are its fallback tokens, its unknown token or [`Piece::Missing`].
    pub(crate) fn of_tokens(
        tokens: &Tokens,
        unit: Unit,
        fallback: Option<u32>,
        unknown: Option<u32>,
        drop: bool,
    ) -> Self {
        let mut ids = vec![if drop { DROPPED } else { UNCOVERED }; n_values(unit)];
        for id in (0..tokens.len() as u32).filter(|&id| tokens.is_ordinary(id)) {
            let value = match (unit, tokens.bytes(id)) {
                (Unit::Byte, &[byte]) => Some(u32::from(byte)),
                (Unit::Byte, _) => None,
                (Unit::Character, bytes) => only_character(bytes),
            };
            if let Some(value) = value {
                ids[value as usize] = id;
            }
        }
        Self {
            unit,
            ids,
            fallback,
            unknown,
            reports_missing: !drop,
        }
    }

    /// Calls `sink` for each piece of `pretoken`, in order.
    #[inline]
    pub(crate) fn split(&self, pretoken: &[u8], mut sink: impl FnMut(Piece)) {
        match self.unit {
            Unit::Byte => {
                for &byte in pretoken {
                    let id = self.ids[byte as usize];
                    if id < UNCOVERED {
                        sink(Piece::Symbol(id));
                    } else if id == UNCOVERED {
                        sink(Piece::Missing);
                    }
                }
            }
            Unit::Character => {
                for chunk in pretoken.utf8_chunks() {
                    for character in chunk.valid().chars() {
                        let id = self.ids[character as usize];
                        if id < UNCOVERED {
                            sink(Piece::Symbol(id));
                        } else if id == UNCOVERED {
                            let mut buffer = [0; 4];
                            self.uncovered(character.encode_utf8(&mut buffer).as_bytes(), &mut sink);
                        }
                    }
                    // Invalid bytes are never characters of the alphabet: one U+FFFD each.
                    for byte in chunk.invalid() {
                        self.uncovered(std::slice::from_ref(byte), &mut sink);
                    }
                }
            }
        }
    }

    /// An uncovered character, or one invalid byte.
    fn uncovered(&self, bytes: &[u8], sink: &mut impl FnMut(Piece)) {
        if let Some(first) = self.fallback {
            for &byte in bytes {
                sink(Piece::Barrier(first + u32::from(byte)));
            }
        } else if let Some(id) = self.unknown {
            sink(Piece::Barrier(id));
        } else if self.reports_missing {
            sink(Piece::Missing);
        }
    }
}

fn count_symbols(counts: &PretokenCounts, unit: Unit, control: &Control) -> Result<Vec<u64>> {
    let mut seen = vec![0u64; n_values(unit)];
    let mut total = 0u64;
    each_row(counts, control, |row| {
        let (pretoken, count) = (counts.pretoken(row), counts.total(row));
        // Every sum of the engine is at most this one, so none of them can overflow.
        total = (pretoken.len() as u64)
            .checked_mul(count)
            .and_then(|bytes| total.checked_add(bytes))
            .ok_or_else(|| Error::TooLarge {
                message: format!("the counted text reaches 2^64 bytes at pretoken {row}"),
            })?;
        match unit {
            Unit::Byte => pretoken.iter().for_each(|&byte| seen[byte as usize] += count),
            Unit::Character => pretoken
                .utf8_chunks()
                .flat_map(|chunk| chunk.valid().chars())
                .for_each(|character| seen[character as usize] += count),
        }
        Ok(())
    })?;
    Ok(seen)
}

/// The code point of a token of one character.
fn only_character(token: &[u8]) -> Option<u32> {
    let mut characters = std::str::from_utf8(token).ok()?.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Some(character as u32),
        _ => None,
    }
}

fn given_symbols(setup: &Setup) -> Result<Vec<u32>> {
    let fail = |symbol: &[u8]| {
        let (unit, printable) = (setup.unit, String::from_utf8_lossy(symbol));
        Err(Error::Parameter {
            name: "initial_alphabet",
            message: match unit {
                Unit::Byte => format!("every symbol must be one byte, got {printable:?}"),
                Unit::Character => format!("every symbol must be one character, got {printable:?}"),
            },
        })
    };
    match &setup.initial_alphabet {
        InitialAlphabet::All => Ok((0..256).collect()),
        InitialAlphabet::Seen => Ok(Vec::new()),
        InitialAlphabet::Given(symbols) => symbols
            .iter()
            .map(|symbol| match setup.unit {
                Unit::Byte => match symbol[..] {
                    [byte] => Ok(u32::from(byte)),
                    _ => fail(symbol),
                },
                Unit::Character => only_character(symbol).map_or_else(|| fail(symbol), Ok),
            })
            .collect(),
    }
}

/// The symbols to keep, in alphabet order.
fn keep(seen: &[u64], given: &[u32], setup: &Setup) -> Vec<u32> {
    let order = |value: u32| match (setup.unit, setup.alphabet_order) {
        (Unit::Byte, AlphabetOrder::Gpt2) => u32::from(gpt2_rank(value as u8)),
        _ => value,
    };
    let mut kept = given.to_vec();
    kept.sort_unstable();
    kept.dedup();
    let mut others: Vec<u32> = (0..seen.len() as u32)
        .filter(|&value| seen[value as usize] > 0 && kept.binary_search(&value).is_err())
        .collect();
    others.sort_unstable_by_key(|&value| (std::cmp::Reverse(seen[value as usize]), order(value)));
    if let Some(limit) = setup.limit_alphabet {
        others.truncate((limit as usize).saturating_sub(kept.len()));
    }
    if setup.coverage < 1.0 {
        let total: u64 = seen.iter().sum();
        let mut covered: u64 = kept.iter().map(|&value| seen[value as usize]).sum();
        let enough = setup.coverage * total as f64;
        let needed = others
            .iter()
            .take_while(|&&value| {
                let short = (covered as f64) < enough;
                covered += seen[value as usize];
                short
            })
            .count();
        others.truncate(needed);
    }
    kept.append(&mut others);
    kept.sort_unstable_by_key(|&value| order(value));
    kept
}

fn spell(value: u32, unit: Unit) -> Vec<u8> {
    match unit {
        Unit::Byte => vec![value as u8],
        Unit::Character => {
            char::from_u32(value).map_or_else(Vec::new, |character| character.to_string().into_bytes())
        }
    }
}

//! An engine over sequences of tokens instead of bytes: runs of pretokens that are one token each, out of which
//! superwords are merged. Every initial symbol is one cell, however long its spelling.

use super::alphabet::Layout;
use super::cells::{Cell, EDGE, Weights, Words, check_size, require_room};
use super::gains::Rising;
use super::tokens::Tokens;
use super::{Engine, Setup};
use crate::{Control, Error, Result};

/// Sequences of symbols with their counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequences {
    /// The symbols of all sequences, one after another.
    pub ids: Vec<u32>,
    /// `n + 1` positions in `ids`.
    pub offsets: Vec<u64>,
    /// How often each sequence occurs.
    pub counts: Vec<u64>,
}

impl Engine {
    /// Lays sequences out. Symbol `i` spells `names[i]`; a merge gets the next id. With `locked` no symbol takes
    /// part in a pair before [`Engine::unlock`] is called for it. Of `setup` the alphabet's rules are without
    /// effect. A pair whose spelling is that of a token of another number of symbols is never merged.
    ///
    /// # Errors
    /// [`Error::Parameter`] for names or sequences that contradict each other, [`Error::TooLarge`],
    /// [`Error::Interrupted`].
    pub fn over_sequences(
        names: &[Vec<u8>],
        sequences: &Sequences,
        setup: Setup,
        locked: bool,
        control: &Control,
    ) -> Result<Self> {
        setup.check()?;
        check(names, sequences)?;
        let mut tokens = Tokens::default();
        for name in names {
            if tokens.id_of(name).is_some() {
                return refuse(format!(
                    "the symbol {:?} is named twice",
                    String::from_utf8_lossy(name)
                ));
            }
            tokens.push_given(name, true)?;
        }
        let mut occurrences = vec![Vec::new(); names.len()];
        let words = Words::lay_out_sequences(names.len(), sequences, control, |id, position| {
            if locked {
                occurrences[id as usize].push(position);
            }
        })?;
        let layout = Layout {
            fallback: None,
            symbols: Vec::new(),
            uncovered_symbols: 0,
            uncovered_count: 0,
        };
        let setup = Setup {
            track_groups: false,
            ..setup
        };
        let mut engine = Self::assemble(setup, tokens, layout, words, vec![1; names.len()]);
        engine.n_given = names.len();
        engine.spells_uniquely = false;
        engine.rising = Some(Rising::new(occurrences, false));
        engine.is_locked = locked.then(|| vec![true; names.len()]);
        engine.set_first_floors();
        engine.index(control)?;
        Ok(engine)
    }
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::Parameter {
        name: "sequences",
        message,
    })
}

fn check(names: &[Vec<u8>], sequences: &Sequences) -> Result<()> {
    let (ids, offsets) = (&sequences.ids, &sequences.offsets);
    let ascending = offsets.windows(2).all(|two| two[0] <= two[1]);
    let whole = offsets.first() == Some(&0) && offsets.last() == Some(&(ids.len() as u64));
    if offsets.len() != sequences.counts.len() + 1 || !ascending || !whole {
        return refuse(
            "offsets must ascend from 0 to the number of ids, one more than there are counts".into(),
        );
    }
    if let Some(id) = ids.iter().find(|&&id| id as usize >= names.len()) {
        return refuse(format!("symbol {id} has no name, there are {}", names.len()));
    }
    let mut total = 0u64;
    for (ends, &count) in offsets.windows(2).zip(&sequences.counts) {
        total = match (ends[1] - ends[0])
            .checked_mul(count)
            .and_then(|n| n.checked_add(total))
        {
            Some(sum) => sum,
            None => {
                return Err(Error::TooLarge {
                    message: "the sequences hold 2^64 symbols".into(),
                });
            }
        };
    }
    Ok(())
}

impl Words {
    fn lay_out_sequences(
        n_names: usize,
        sequences: &Sequences,
        control: &Control,
        mut seen: impl FnMut(u32, u32),
    ) -> Result<Self> {
        check_size(sequences.ids.len() + sequences.counts.len() + 1)?;
        require_room(sequences.ids.len() + sequences.counts.len() + 1)?;
        let edge = Cell {
            symbol: EDGE,
            weight: 0,
        };
        let mut words = Self {
            cells: super::pages::vec_with_capacity(sequences.ids.len() + sequences.counts.len() + 1),
            weights: Weights::new(1, 0),
            token_counts: vec![0; n_names],
            lengths: vec![0],
        };
        words.cells.push(edge);
        control.start("indexing", sequences.counts.len() as u64);
        for (index, (ends, &count)) in sequences.offsets.windows(2).zip(&sequences.counts).enumerate() {
            if index % (1 << 14) == 0 {
                control.check()?;
            }
            let ids = &sequences.ids[ends[0] as usize..ends[1] as usize];
            let weight = words.weights.encode_count(count)?;
            words.lengths[0] += ids.len() as u64 * count;
            for &id in ids {
                words.token_counts[id as usize] += count;
                if ids.len() > 1 {
                    seen(id, words.cells.len() as u32);
                    words.cells.push(Cell { symbol: id, weight });
                }
            }
            if ids.len() > 1 {
                words.cells.push(edge);
            }
        }
        Ok(words)
    }
}

//! The Python classes that decide validity: borders of a pre-tokenizer, and covers by merges.

use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use tokbench_core::borders;
use tokbench_core::bytelm::{Cover, Spines};

use crate::door::{misuse, raise};
use crate::trie::{ByteTrie, unsigned};

type Columns<'py> = (
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
);

/// Where a pre-tokenizer may cut when the rest of the text is unknown.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct Borders {
    borders: Mutex<borders::Borders>,
}

impl Borders {
    fn lock(&self, state: u32) -> PyResult<MutexGuard<'_, borders::Borders>> {
        let guard = self.borders.lock().unwrap_or_else(PoisonError::into_inner);
        if (state as usize) < guard.n_states() {
            Ok(guard)
        } else {
            Err(misuse("a state of other borders"))
        }
    }
}

#[pymethods]
impl Borders {
    /// Reads a pre-tokenizer's specification; texts have all bytes, or only those of an alphabet.
    #[new]
    #[pyo3(signature = (spec, alphabet = None))]
    fn new(py: Python<'_>, spec: &str, alphabet: Option<&[u8]>) -> PyResult<Self> {
        parsed(py, spec, alphabet).map(|borders| Self {
            borders: Mutex::new(borders),
        })
    }

    /// Where every text begins.
    #[getter]
    fn start(&self) -> PyResult<u32> {
        Ok(self.lock(0)?.start())
    }

    /// The state after bytes of one piece, with a border behind the last or without; None if no text is cut so.
    fn walk(&self, state: u32, data: &[u8], border: bool) -> PyResult<Option<u32>> {
        let next = self.lock(state)?.walk(state, data, border);
        Ok((next != borders::DEAD).then_some(next))
    }

    /// Whether the text may end in a state.
    fn may_end(&self, state: u32) -> PyResult<bool> {
        Ok(self.lock(state)?.may_end(state))
    }

    /// Number of places of the automaton over characters, and of states over bytes made so far.
    fn sizes(&self) -> PyResult<(usize, usize)> {
        let borders = self.lock(0)?;
        Ok((borders.n_places(), borders.n_states()))
    }
}

fn parsed(py: Python<'_>, spec: &str, alphabet: Option<&[u8]>) -> PyResult<borders::Borders> {
    let borders = py.detach(|| borders::Borders::parse(spec));
    let borders = borders.map_err(|error| raise(py, &error))?;
    Ok(match alphabet {
        Some(alphabet) => borders.over(alphabet),
        None => borders,
    })
}

/// The valid token sequences of a tokenizer that merges by rank.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct BpeCover {
    cover: Mutex<Cover>,
}

impl BpeCover {
    fn lock(&self, place: u32) -> PyResult<MutexGuard<'_, Cover>> {
        let guard = self.cover.lock().unwrap_or_else(PoisonError::into_inner);
        if (place as usize) < guard.sizes().0 {
            Ok(guard)
        } else {
            Err(misuse("a place of another cover"))
        }
    }
}

#[pymethods]
impl BpeCover {
    /// `merges` are (left, right, result) in rank order, `listed` the ids that text reaches by its bytes, `alphabet` the
    /// bytes that texts have, all by default, `fallback` the fallback tokens of the bytes; `characters` says that merging
    /// starts from these, `text_only` that only valid UTF-8 is encoded.
    #[new]
    #[pyo3(signature = (
        trie, arena, offsets, merges, listed, pretokenizer, whole_words, alphabet = None, fallback = None,
        characters = false, text_only = false,
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a tokenizer, named on the Python side"
    )]
    fn new(
        py: Python<'_>,
        trie: &ByteTrie,
        arena: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        merges: Columns<'_>,
        listed: PyReadonlyArray1<'_, u32>,
        pretokenizer: &str,
        whole_words: bool,
        alphabet: Option<&[u8]>,
        fallback: Option<Vec<u32>>,
        characters: bool,
        text_only: bool,
    ) -> PyResult<Self> {
        let (left, right, result) = (merges.0.as_slice()?, merges.1.as_slice()?, merges.2.as_slice()?);
        let offsets = unsigned(offsets.as_slice()?)?;
        let rows = left.iter().zip(right).zip(result);
        let rows: Vec<[u32; 3]> = rows
            .map(|((&left, &right), &result)| [left, right, result])
            .collect();
        let n_ids = offsets.len().saturating_sub(1);
        let listed = listed.as_slice()?;
        let known = |id: &u32| (*id as usize) < n_ids;
        let fallback = fallback.unwrap_or_default();
        let all_known = listed
            .iter()
            .chain(&fallback)
            .chain(rows.iter().flatten())
            .all(known);
        if trie.trie.n_ids() != n_ids || !all_known || ![0, 256].contains(&fallback.len()) {
            return Err(misuse("trie, merges and listed ids of different vocabularies"));
        }
        let spines = Spines::new(arena.to_vec()?, offsets, &rows, listed, characters);
        let borders = parsed(py, pretokenizer, alphabet)?;
        let cover = Cover::new(
            trie.trie.clone(),
            spines,
            listed,
            &fallback,
            borders,
            whole_words,
            text_only,
        );
        Ok(Self {
            cover: Mutex::new(cover),
        })
    }

    /// The place of the empty sequence.
    fn root(&self) -> PyResult<u32> {
        Ok(self.lock(0)?.root())
    }

    /// In the order of the trie, 1 for every token that may come next.
    fn mask<'py>(&self, py: Python<'py>, place: u32) -> PyResult<Bound<'py, PyArray1<u8>>> {
        Ok(self.lock(place)?.mask(place).as_ref().clone().into_pyarray(py))
    }

    /// Whether a token may come next.
    fn allows(&self, place: u32, token: u32) -> PyResult<bool> {
        Ok(self.lock(place)?.allows(place, token))
    }

    /// The place after a token; None where it may not come.
    fn step(&self, place: u32, token: u32) -> PyResult<Option<u32>> {
        Ok(self.lock(place)?.step(place, token))
    }

    /// The place with only what it says if a pretoken ends here, or goes on; None where that cannot be.
    fn keep(&self, place: u32, ended: bool) -> PyResult<Option<u32>> {
        Ok(self.lock(place)?.keep(place, ended))
    }

    /// Whether the text may end at a place.
    fn ends(&self, place: u32) -> PyResult<bool> {
        Ok(self.lock(place)?.ends(place))
    }

    /// Places made so far, states of the borders, and tokens that are tested by merging.
    fn sizes(&self) -> PyResult<(usize, usize, usize)> {
        Ok(self.lock(0)?.sizes())
    }
}

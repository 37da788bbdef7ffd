//! The Python class of the merge engine: an objective asks it for pairs and orders merges.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokbench_core::Control;
use tokbench_core::engine::{self, AlphabetOrder, InitialAlphabet, Setup, TieRule, Uncovered, Unit};

use crate::counts::PretokenCounts;
use crate::door::{misuse, raise, run};

/// From this many cells on, one merge may take long enough to need the door.
const LARGE: usize = 1 << 24;

/// The state of a training run, owned by Rust.
#[pyclass(module = "tokbench._rust")]
pub struct Engine {
    engine: engine::Engine,
}

type TokenArrays<'py> = (
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<bool>>,
);

type LogArrays<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray2<u64>>,
);

#[pymethods]
impl Engine {
    /// Lays the pretokens out and counts their pairs.
    #[new]
    #[pyo3(signature = (counts, *, unit, special_tokens, initial_alphabet, limit_alphabet, coverage, uncovered,
        unknown, alphabet_order, tie_break, max_token_length, min_frequency, expected_merges, first_floor,
        track_groups, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "keyword-only, and one to one with the fields of `Setup`"
    )]
    fn new(
        py: Python<'_>,
        counts: &Bound<'_, PretokenCounts>,
        unit: &str,
        special_tokens: Vec<String>,
        initial_alphabet: Option<Vec<Vec<u8>>>,
        limit_alphabet: Option<u64>,
        coverage: f64,
        uncovered: &str,
        unknown: Option<String>,
        alphabet_order: &str,
        tie_break: &str,
        max_token_length: Option<u32>,
        min_frequency: u64,
        expected_merges: u64,
        first_floor: Option<u64>,
        track_groups: bool,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let setup = Setup {
            unit: match unit {
                "byte" => Unit::Byte,
                "character" => Unit::Character,
                other => return Err(misuse(format!("unit {other:?}"))),
            },
            special_tokens,
            initial_alphabet: initial_alphabet.map_or(InitialAlphabet::Seen, InitialAlphabet::Given),
            limit_alphabet,
            coverage,
            uncovered: match (uncovered, unknown) {
                ("drop", None) => Uncovered::Drop,
                ("byte_fallback", None) => Uncovered::ByteFallback,
                ("unknown", Some(text)) => Uncovered::Unknown(text),
                (other, text) => return Err(misuse(format!("uncovered {other:?} with unknown {text:?}"))),
            },
            alphabet_order: match alphabet_order {
                "gpt2" => AlphabetOrder::Gpt2,
                "byte" => AlphabetOrder::Byte,
                other => return Err(misuse(format!("alphabet_order {other:?}"))),
            },
            tie_rule: match tie_break {
                "ids" => TieRule::Ids,
                "lexmax" => TieRule::LexMax,
                "lexmin" => TieRule::LexMin,
                other => return Err(misuse(format!("tie_break {other:?}"))),
            },
            max_token_length,
            min_frequency,
            expected_merges,
            first_floor,
            track_groups,
        };
        let table = &counts.get().table;
        let engine = run(py, progress, |control| engine::Engine::new(table, setup, control))?;
        Ok(Self { engine })
    }

    /// The most frequent pair as (left, right, count), over all groups or in one; None when there is none.
    #[pyo3(signature = (group=None))]
    fn best(&mut self, py: Python<'_>, group: Option<u32>) -> PyResult<Option<(u32, u32, u64)>> {
        let best = self.work(py, |engine, control| engine.best(group, control))?;
        Ok(best.map(|best| (best.left, best.right, best.count)))
    }

    /// Merges a pair everywhere; returns (result, count before, replacements).
    fn merge(&mut self, py: Python<'_>, left: u32, right: u32) -> PyResult<(u32, u64, u64)> {
        let merged = self.work(py, |engine, control| engine.merge(left, right, control))?;
        Ok((merged.result, merged.count, merged.replaced))
    }

    /// How often a pair occurs, over all groups or in one.
    #[pyo3(signature = (left, right, group=None))]
    fn count(&self, py: Python<'_>, left: u32, right: u32, group: Option<u32>) -> PyResult<u64> {
        let engine = &self.engine;
        py.detach(|| engine.count(left, right, group))
            .map_err(|error| raise(py, &error))
    }

    /// How often a token occurs.
    fn token_count(&self, py: Python<'_>, token_id: u32) -> PyResult<u64> {
        self.engine
            .token_count(token_id)
            .map_err(|error| raise(py, &error))
    }

    /// How many tokens a group's text has.
    fn length(&self, py: Python<'_>, group: u32) -> PyResult<u64> {
        self.engine.length(group).map_err(|error| raise(py, &error))
    }

    /// How many tokens each group's text has.
    fn lengths<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        self.engine.lengths().to_vec().into_pyarray(py)
    }

    /// Number of ids so far.
    #[getter]
    fn n_ids(&self) -> usize {
        self.engine.tokens().len()
    }

    /// Number of groups.
    #[getter]
    fn n_groups(&self) -> usize {
        self.engine.n_groups()
    }

    /// What a token spells.
    fn token_bytes<'py>(&self, py: Python<'py>, token_id: u32) -> PyResult<Bound<'py, PyBytes>> {
        let count = self.engine.token_count(token_id);
        count.map_err(|error| raise(py, &error))?;
        Ok(PyBytes::new(py, self.engine.tokens().bytes(token_id)))
    }

    /// All ids' bytes back to back, where each ends, and which ids encoding produces.
    fn tokens<'py>(&self, py: Python<'py>) -> TokenArrays<'py> {
        let tokens = self.engine.tokens();
        let (arena, ends) = tokens.arrays();
        let ends: Vec<u64> = ends.iter().map(|&end| end as u64).collect();
        let ordinary: Vec<bool> = (0..tokens.len() as u32)
            .map(|id| tokens.is_ordinary(id))
            .collect();
        (
            arena.to_vec().into_pyarray(py),
            ends.into_pyarray(py),
            ordinary.into_pyarray(py),
        )
    }

    /// The first fallback id, the number of different symbols left out of the alphabet, and their count.
    fn layout(&self) -> (Option<u32>, u64, u64) {
        let layout = self.engine.layout();
        (layout.fallback, layout.uncovered_symbols, layout.uncovered_count)
    }

    /// Recounts everything from scratch and raises where the state differs.
    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        let engine = &self.engine;
        py.detach(|| engine.verify()).map_err(|error| raise(py, &error))
    }

    /// Merges the most frequent pair until there are `vocab_size` ids; returns left, right, result, count and
    /// the lengths after each step.
    #[pyo3(signature = (vocab_size, *, allow_smaller, progress=None))]
    fn run_plain<'py>(
        &mut self,
        py: Python<'py>,
        vocab_size: u64,
        allow_smaller: bool,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<LogArrays<'py>> {
        let engine = &mut self.engine;
        let log = run(py, progress, |control| {
            engine::run_plain(engine, vocab_size, allow_smaller, control)
        })?;
        let shape = [log.left.len(), self.engine.n_groups()];
        Ok((
            log.left.into_pyarray(py),
            log.right.into_pyarray(py),
            log.result.into_pyarray(py),
            log.count.into_pyarray(py),
            log.lengths.into_pyarray(py).reshape(shape)?,
        ))
    }
}

impl Engine {
    /// Runs a step that is usually too short for a thread of its own.
    fn work<T: Send>(
        &mut self,
        py: Python<'_>,
        step: impl FnOnce(&mut engine::Engine, &Control) -> tokbench_core::Result<T> + Send,
    ) -> PyResult<T> {
        let engine = &mut self.engine;
        if engine.n_cells() >= LARGE {
            return run(py, None, |control| step(engine, control));
        }
        py.detach(|| step(engine, &Control::new()))
            .map_err(|error| raise(py, &error))
    }
}

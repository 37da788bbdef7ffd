//! The Python class of the merge engine: an objective asks it for pairs and orders merges.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokbench_core::Control;
use tokbench_core::engine::{
    self, AlphabetOrder, Deletion, InitialAlphabet, Parts, Past, Setup, Uncovered, Vetoes,
};

use crate::counts::PretokenCounts;
use crate::door::{misuse, raise, run};
use crate::engine_inputs::{
    Columns, SegmentArrays, SequenceArrays, given, parse_tie_rule, parse_unit, rows_of, segments_of,
    sequences_of, start_setup,
};
use crate::parity::Parity;

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

type CutPretokens<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<i64>>);

type Lists<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<u64>>);

type OperationArrays<'py> = (
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray2<u64>>,
);

type LogArrays<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray2<u64>>,
);

type ParityArrays<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray2<u64>>,
    Bound<'py, PyArray1<u32>>,
);

#[pymethods]
impl Engine {
    /// Lays the pretokens out and counts their pairs.
    #[new]
    #[pyo3(signature = (counts, *, unit, special_tokens, initial_alphabet, limit_alphabet, coverage, uncovered,
        unknown, alphabet_order, tie_break, max_token_length, min_frequency, expected_merges, first_floor,
        track_groups, silent_groups=0, total_closed=false, overlap=true, deletions=false, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
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
        silent_groups: usize,
        total_closed: bool,
        overlap: bool,
        deletions: bool,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let setup = Setup {
            unit: parse_unit(unit)?,
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
            tie_rule: parse_tie_rule(tie_break)?,
            max_token_length,
            min_frequency,
            expected_merges,
            first_floor,
            track_groups,
            silent_groups,
            total_closed,
            overlap,
            deletions,
        };
        let table = &counts.get().table;
        let engine = run(py, progress, |control| engine::Engine::new(table, setup, control))?;
        Ok(Self { engine })
    }

    /// Starts from an existing tokenizer: what each id spells, how each pretoken is cut, what is vetoed.
    #[staticmethod]
    #[pyo3(signature = (counts, *, unit, arena, offsets, ordinary, lenders, segments, first_id, vetoed_pairs,
        vetoed_spellings, veto_existing, max_words, forbidden, tie_break, max_token_length, min_frequency,
        expected_merges, first_floor, track_groups, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "keyword-only, the parts of a start named on the Python side"
    )]
    fn resume(
        py: Python<'_>,
        counts: &Bound<'_, PretokenCounts>,
        unit: &str,
        arena: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        ordinary: PyReadonlyArray1<'_, bool>,
        lenders: Vec<u32>,
        segments: SegmentArrays<'_>,
        first_id: u32,
        vetoed_pairs: Option<SegmentArrays<'_>>,
        vetoed_spellings: Vec<Vec<u8>>,
        veto_existing: bool,
        max_words: Option<u32>,
        forbidden: Vec<Vec<u8>>,
        tie_break: &str,
        max_token_length: Option<u32>,
        min_frequency: u64,
        expected_merges: u64,
        first_floor: Option<u64>,
        track_groups: bool,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let setup = Setup {
            max_token_length,
            min_frequency,
            expected_merges,
            first_floor,
            track_groups,
            ..start_setup(unit, tie_break)?
        };
        let given = given(&arena, &offsets, &ordinary, lenders)?;
        let segments = segments_of(&segments)?;
        let protected = vetoed_pairs.as_ref().map(segments_of).transpose()?;
        let vetoes = Vetoes::new(protected.unwrap_or_default(), vetoed_spellings, veto_existing)
            .of_words(max_words)
            .with_parts(forbidden);
        let table = &counts.get().table;
        let engine = run(py, progress, |control| {
            engine::Engine::resume(table, setup, &given, segments, first_id, Some(vetoes), control)
        })?;
        Ok(Self { engine })
    }

    /// Starts where a training run ended: repeats its merges (left, right, result) on the counts.
    #[staticmethod]
    #[pyo3(signature = (counts, *, unit, arena, offsets, ordinary, lenders, merges, fallback, unknown,
        whole_words, drop, first_id, max_words, forbidden, tie_break, max_token_length, min_frequency,
        expected_merges, first_floor, track_groups, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "keyword-only, the parts of a start named on the Python side"
    )]
    fn proceed(
        py: Python<'_>,
        counts: &Bound<'_, PretokenCounts>,
        unit: &str,
        arena: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        ordinary: PyReadonlyArray1<'_, bool>,
        lenders: Vec<u32>,
        merges: Columns<'_>,
        fallback: Option<u32>,
        unknown: Option<u32>,
        whole_words: bool,
        drop: bool,
        first_id: u32,
        max_words: Option<u32>,
        forbidden: Vec<Vec<u8>>,
        tie_break: &str,
        max_token_length: Option<u32>,
        min_frequency: u64,
        expected_merges: u64,
        first_floor: Option<u64>,
        track_groups: bool,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let setup = Setup {
            max_token_length,
            min_frequency,
            expected_merges,
            first_floor,
            track_groups,
            ..start_setup(unit, tie_break)?
        };
        let given = given(&arena, &offsets, &ordinary, lenders)?;
        let rows = rows_of(&merges)?;
        let past = Past {
            unit: setup.unit,
            given: &given,
            rows: &rows,
            fallback,
            unknown,
            whole_words,
            drop,
        };
        let vetoes = Vetoes::default().of_words(max_words).with_parts(forbidden);
        let table = &counts.get().table;
        let engine = run(py, progress, |control| {
            engine::Engine::proceed(table, setup, &past, first_id, Some(vetoes), control)
        })?;
        Ok(Self { engine })
    }

    /// Which of the merges of a training run find their pair in the counts when they are repeated on them.
    #[staticmethod]
    #[pyo3(signature = (counts, *, unit, arena, offsets, ordinary, merges, fallback, unknown, whole_words,
        drop, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "keyword-only, what decides a segmentation"
    )]
    fn merges_met<'py>(
        py: Python<'py>,
        counts: &Bound<'py, PretokenCounts>,
        unit: &str,
        arena: PyReadonlyArray1<'py, u8>,
        offsets: PyReadonlyArray1<'py, i64>,
        ordinary: PyReadonlyArray1<'py, bool>,
        merges: Columns<'py>,
        fallback: Option<u32>,
        unknown: Option<u32>,
        whole_words: bool,
        drop: bool,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<bool>>> {
        let given = given(&arena, &offsets, &ordinary, Vec::new())?;
        let rows = rows_of(&merges)?;
        let past = Past {
            unit: parse_unit(unit)?,
            given: &given,
            rows: &rows,
            fallback,
            unknown,
            whole_words,
            drop,
        };
        let table = &counts.get().table;
        let met = run(py, progress, |control| engine::steps_met(table, &past, control))?;
        Ok(met.into_pyarray(py))
    }

    /// Cuts every pretoken as training has left it after the merges (left, right, result).
    #[staticmethod]
    #[pyo3(signature = (counts, *, unit, arena, offsets, ordinary, merges, fallback, unknown, whole_words,
        drop, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "keyword-only, what decides a segmentation"
    )]
    fn replay<'py>(
        py: Python<'py>,
        counts: &Bound<'py, PretokenCounts>,
        unit: &str,
        arena: PyReadonlyArray1<'py, u8>,
        offsets: PyReadonlyArray1<'py, i64>,
        ordinary: PyReadonlyArray1<'py, bool>,
        merges: Columns<'py>,
        fallback: Option<u32>,
        unknown: Option<u32>,
        whole_words: bool,
        drop: bool,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<CutPretokens<'py>> {
        let given = given(&arena, &offsets, &ordinary, Vec::new())?;
        let rows = rows_of(&merges)?;
        let past = Past {
            unit: parse_unit(unit)?,
            given: &given,
            rows: &rows,
            fallback,
            unknown,
            whole_words,
            drop,
        };
        let table = &counts.get().table;
        let (ids, ends) = run(py, progress, |control| engine::replay(table, &past, control))?;
        Ok((ids.into_pyarray(py), ends.into_pyarray(py)))
    }

    /// The most frequent pair as (left, right, count), over all groups or in one; None when there is none.
    #[pyo3(signature = (group=None))]
    fn best(&mut self, py: Python<'_>, group: Option<u32>) -> PyResult<Option<(u32, u32, u64)>> {
        let best = self.work(py, |engine, control| engine.best(group, control))?;
        Ok(best.map(|best| (best.left, best.right, best.count)))
    }

    /// The `k` most frequent pairs over all groups, best first, as (left, right, count).
    fn top(&mut self, py: Python<'_>, k: usize) -> PyResult<Vec<(u32, u32, u64)>> {
        let top = self.work(py, |engine, control| engine.top(k, control))?;
        Ok(top
            .iter()
            .map(|best| (best.left, best.right, best.count))
            .collect())
    }

    /// The id that merging a pair would give.
    fn id_of(&self, py: Python<'_>, left: u32, right: u32) -> PyResult<u32> {
        self.engine.id_of(left, right).map_err(|error| raise(py, &error))
    }

    /// Merges a pair everywhere; returns (result, count before, replacements).
    fn merge(&mut self, py: Python<'_>, left: u32, right: u32) -> PyResult<(u32, u64, u64)> {
        let merged = self.work(py, |engine, control| engine.merge(left, right, control))?;
        Ok((merged.result, merged.count, merged.replaced))
    }

    /// Starts over sequences of symbols: symbol i spells names[i].
    #[staticmethod]
    #[pyo3(signature = (names, sequences, *, tie_break, overlap, min_frequency, max_token_length, expected_merges,
        first_floor, locked, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "keyword-only, the settings of a second stage"
    )]
    fn over_sequences(
        py: Python<'_>,
        names: Vec<Vec<u8>>,
        sequences: SequenceArrays<'_>,
        tie_break: &str,
        overlap: bool,
        min_frequency: u64,
        max_token_length: Option<u32>,
        expected_merges: u64,
        first_floor: Option<u64>,
        locked: bool,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let setup = Setup {
            tie_rule: parse_tie_rule(tie_break)?,
            overlap,
            min_frequency,
            max_token_length,
            expected_merges,
            first_floor,
            ..Setup::default()
        };
        let sequences = sequences_of(&sequences)?;
        let engine = run(py, progress, |control| {
            engine::Engine::over_sequences(&names, &sequences, setup, locked, control)
        })?;
        Ok(Self { engine })
    }

    /// Splits a token into parts everywhere; returns how often it occurred.
    fn delete(&mut self, py: Python<'_>, token_id: u32, parts: Vec<u32>) -> PyResult<u64> {
        self.work(py, |engine, control| engine.delete(token_id, &parts, control))
    }

    /// Lets a locked symbol take part in pairs.
    fn unlock(&mut self, py: Python<'_>, token_id: u32) -> PyResult<()> {
        self.work(py, |engine, _| engine.unlock(token_id))
    }

    /// Never merges this pair.
    fn refuse(&mut self, py: Python<'_>, left: u32, right: u32) -> PyResult<()> {
        self.work(py, |engine, _| engine.refuse(left, right))
    }

    /// Takes a symbol out of all pairs.
    fn lock(&mut self, py: Python<'_>, token_id: u32) -> PyResult<()> {
        self.work(py, |engine, _| engine.lock(token_id))
    }

    /// The tokens that are a whole word of several initial symbols somewhere.
    fn whole_words(&self, py: Python<'_>) -> Vec<u32> {
        py.detach(|| self.engine.whole_words())
    }

    /// Whether a token of several initial symbols is a whole word somewhere.
    fn is_whole_word(&mut self, py: Python<'_>, token_id: u32) -> PyResult<bool> {
        self.work(py, |engine, _| {
            engine.token_count(token_id)?;
            Ok(engine.is_whole_word(token_id))
        })
    }

    /// Merges the most frequent pair and deletes tokens used up by it until there are `vocab_size` tokens;
    /// returns is_deletion, token, parts, their offsets, count, and the lengths after each step.
    #[pyo3(signature = (vocab_size, *, tau, strict, parts, allow_smaller, progress=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "keyword-only, the parameters of PickyBPE"
    )]
    fn run_picky<'py>(
        &mut self,
        py: Python<'py>,
        vocab_size: u64,
        tau: f64,
        strict: bool,
        parts: &str,
        allow_smaller: bool,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<OperationArrays<'py>> {
        let parts = match parts {
            "symbols" => Parts::Symbols,
            "pair" => Parts::Pair,
            "present" => Parts::Present,
            other => return Err(misuse(format!("parts {other:?}"))),
        };
        let deletion = Deletion { tau, strict, parts };
        let engine = &mut self.engine;
        let log = run(py, progress, |control| {
            engine::run_picky(engine, vocab_size, deletion, allow_smaller, control)
        })?;
        let shape = [log.token.len(), self.engine.n_groups()];
        Ok((
            log.is_deletion.into_pyarray(py),
            log.token.into_pyarray(py),
            log.parts.into_pyarray(py),
            log.offsets.into_pyarray(py),
            log.count.into_pyarray(py),
            log.lengths.into_pyarray(py).reshape(shape)?,
        ))
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

    /// Number of groups, silent ones apart.
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
        log_arrays(py, log, self.engine.n_groups())
    }

    /// Trains Scaffold-BPE until `vocab_size` tokens are not scaffold; returns what `run_plain` returns, and with
    /// each merge the tokens that became scaffold and those re-admitted after it (ids, and where a merge's end).
    #[pyo3(signature = (vocab_size, *, allow_smaller, progress=None))]
    fn run_scaffold<'py>(
        &mut self,
        py: Python<'py>,
        vocab_size: u64,
        allow_smaller: bool,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(LogArrays<'py>, Lists<'py>, Lists<'py>)> {
        let engine = &mut self.engine;
        let log = run(py, progress, |control| {
            engine::run_scaffold(engine, vocab_size, allow_smaller, control)
        })?;
        let merges = log_arrays(py, log.merges, self.engine.n_groups())?;
        Ok((
            merges,
            (
                log.scaffolded.into_pyarray(py),
                log.scaffolded_ends.into_pyarray(py),
            ),
            (
                log.readmitted.into_pyarray(py),
                log.readmitted_ends.into_pyarray(py),
            ),
        ))
    }

    /// Merges by a parity rule until there are `vocab_size` ids or nothing is left; returns left, right, result,
    /// count, the lengths after each step, and the language that each step served.
    #[pyo3(signature = (parity, vocab_size, *, progress=None))]
    fn run_parity<'py>(
        &mut self,
        py: Python<'py>,
        parity: &Bound<'py, Parity>,
        vocab_size: u64,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<ParityArrays<'py>> {
        let mut rule = parity.borrow_mut();
        let (engine, rule) = (&mut self.engine, &mut rule.rule);
        let run = run(py, progress, |control| {
            engine::run_parity(engine, rule, vocab_size, control)
        })?;
        let shape = [run.served.len(), self.engine.lengths().len()];
        Ok((
            run.log.left.into_pyarray(py),
            run.log.right.into_pyarray(py),
            run.log.result.into_pyarray(py),
            run.log.count.into_pyarray(py),
            run.log.lengths.into_pyarray(py).reshape(shape)?,
            run.served.into_pyarray(py),
        ))
    }
}

fn log_arrays(py: Python<'_>, log: engine::Log, n_groups: usize) -> PyResult<LogArrays<'_>> {
    let shape = [log.left.len(), n_groups];
    Ok((
        log.left.into_pyarray(py),
        log.right.into_pyarray(py),
        log.result.into_pyarray(py),
        log.count.into_pyarray(py),
        log.lengths.into_pyarray(py).reshape(shape)?,
    ))
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

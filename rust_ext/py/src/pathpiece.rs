//! The Python functions around `PathPiece` training: counts and tokens in, arrays out.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use tokbench_core::vocabulary::{Tokens, ngrams, pathpiece};

use crate::counts::PretokenCounts;
use crate::door::{raise, run};

type Dropped<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u64>>,
);

/// Dropped tokens in order, what each was to cost, and the tokens of every group before and after each round.
#[pyfunction]
#[pyo3(signature = (counts, arena, offsets, sizes, *, threads, progress = None))]
pub fn train_pathpiece<'py>(
    py: Python<'py>,
    counts: &PretokenCounts,
    arena: PyReadonlyArray1<'py, u8>,
    offsets: PyReadonlyArray1<'py, i64>,
    sizes: Vec<usize>,
    threads: usize,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Dropped<'py>> {
    let tokens = Tokens::new(arena.as_slice()?, offsets.as_slice()?).map_err(|error| raise(py, &error))?;
    let outcome = run(py, progress, |control| {
        pathpiece::train(&counts.table, tokens, &sizes, threads, control)
    })?;
    Ok((
        outcome.dropped.into_pyarray(py),
        outcome.costs.into_pyarray(py),
        outcome.lengths.into_pyarray(py),
    ))
}

/// The most frequent n-grams of 2 to `max_length` bytes with their counts, most frequent first.
#[pyfunction]
#[pyo3(signature = (counts, max_length, size, *, threads, progress = None))]
pub fn frequent_ngrams(
    py: Python<'_>,
    counts: &PretokenCounts,
    max_length: usize,
    size: usize,
    threads: usize,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<(std::borrow::Cow<'static, [u8]>, u64)>> {
    let found = run(py, progress, |control| {
        ngrams::most_frequent(&counts.table, max_length, size, threads, control)
    })?;
    Ok(found
        .into_iter()
        .map(|(gram, count)| (gram.into(), count))
        .collect())
}

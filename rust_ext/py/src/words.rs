//! The Python function that finds words: arrays in, arrays out.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use tokbench_core::words::{WordDefinition, word_spans as find};

use crate::door::{raise, run};

type Spans<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
);

/// Starts, ends and document rows of the words of documents that lie back to back.
#[pyfunction]
pub fn word_spans<'py>(
    py: Python<'py>,
    data: PyReadonlyArray1<'py, u8>,
    offsets: PyReadonlyArray1<'py, i64>,
    definition: &str,
) -> PyResult<Spans<'py>> {
    let definition = WordDefinition::parse(definition).map_err(|error| raise(py, &error))?;
    let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
    let spans = run(py, None, |control| find(data, offsets, &definition, control))?;
    Ok((
        spans.starts.into_pyarray(py),
        spans.ends.into_pyarray(py),
        spans.rows.into_pyarray(py),
    ))
}

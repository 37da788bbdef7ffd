//! The Python functions that find words and scripts: arrays in, arrays out.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use tokbench_core::scripts;
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

/// The number of the Unicode script of every byte.
#[pyfunction]
pub fn byte_scripts<'py>(
    py: Python<'py>,
    data: PyReadonlyArray1<'py, u8>,
    offsets: PyReadonlyArray1<'py, i64>,
) -> PyResult<Bound<'py, PyArray1<u8>>> {
    let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
    let found = scripts::byte_scripts(data, offsets).map_err(|error| raise(py, &error))?;
    Ok(found.into_pyarray(py))
}

/// ISO 15924 codes of the script numbers.
#[pyfunction]
pub fn script_names() -> Vec<&'static str> {
    scripts::names().to_vec()
}

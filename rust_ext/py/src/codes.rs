//! Python functions over streams of tokens: what they cost, and which tokens to give up.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tokbench_core::{codes, prune};

use crate::door::{raise, run};

/// Bits of a stream under the code `order0`, `order1` or `lz78`.
#[pyfunction]
pub fn code_length(
    py: Python<'_>,
    ids: PyReadonlyArray1<'_, u32>,
    vocab_size: usize,
    code: &str,
) -> PyResult<f64> {
    let ids = ids.as_slice()?;
    run(py, None, |control| match code {
        "order0" => Ok(Some(codes::order0(ids))),
        "order1" => codes::order1(ids, vocab_size, control).map(Some),
        "lz78" => codes::lz78(ids, vocab_size, control).map(Some),
        _ => Ok(None),
    })?
    .ok_or_else(|| PyValueError::new_err(format!("code: {code:?} is none of order0, order1, lz78")))
}

/// The stream as bytes: frequency-ordered ids, seven bits to a byte.
#[pyfunction]
pub fn varint<'py>(py: Python<'py>, ids: PyReadonlyArray1<'py, u32>) -> PyResult<Bound<'py, PyArray1<u8>>> {
    let ids = ids.as_slice()?;
    Ok(py.detach(|| codes::varint(ids)).into_pyarray(py))
}

/// Bytes of `varint` after zstd.
#[pyfunction]
pub fn zstd_size(py: Python<'_>, ids: PyReadonlyArray1<'_, u32>, level: i32) -> PyResult<u64> {
    let ids = ids.as_slice()?;
    py.detach(|| codes::zstd(ids, level))
        .map_err(|error| raise(py, &error))
}

type Merges<'py> = (
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
    PyReadonlyArray1<'py, u32>,
);

/// The ids of the tokens to give up, in that order.
#[pyfunction]
#[pyo3(signature = (ids, offsets, merges, *, n_ids, give_up, novelty, token, progress=None))]
#[expect(clippy::too_many_arguments, reason = "named on the Python side")]
pub fn prune_tokens<'py>(
    py: Python<'py>,
    ids: PyReadonlyArray1<'py, u32>,
    offsets: PyReadonlyArray1<'py, i64>,
    merges: Merges<'py>,
    n_ids: usize,
    give_up: usize,
    novelty: f64,
    token: f64,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let (ids, offsets) = (ids.as_slice()?, offsets.as_slice()?);
    let (left, right, result) = (merges.0.as_slice()?, merges.1.as_slice()?, merges.2.as_slice()?);
    let rows: Vec<[u32; 3]> = left
        .iter()
        .zip(right)
        .zip(result)
        .map(|((&left, &right), &result)| [left, right, result])
        .collect();
    let price = prune::Price { novelty, token };
    let gone = run(py, progress, |control| {
        prune::prune(ids, offsets, &rows, n_ids, give_up, price, control)
    })?;
    Ok(gone.into_pyarray(py))
}

//! The Python class that cuts lines into tokens and judges these by their contexts.

use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use tokbench_core::vocabulary::Tokens;
use tokbench_core::vocabulary::sage::Cutter;
use tokbench_core::vocabulary::skipgram::Parameters;

use crate::door::{misuse, raise, run};
use crate::lines::Lines;

type Pair<'py, A, B> = (Bound<'py, PyArray1<A>>, Bound<'py, PyArray1<B>>);

/// The tokens of one moment, and how they cut text.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct SageCutter {
    cutter: Cutter,
    n_tokens: usize,
}

#[pymethods]
impl SageCutter {
    /// `alive` says which tokens are used; the single bytes always are.
    #[new]
    fn new(
        py: Python<'_>,
        arena: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        alive: PyReadonlyArray1<'_, bool>,
        pretokenizer: &str,
    ) -> PyResult<Self> {
        let tokens =
            Tokens::new(arena.as_slice()?, offsets.as_slice()?).map_err(|error| raise(py, &error))?;
        let alive = alive.as_slice()?;
        if alive.len() != tokens.len() {
            return Err(misuse("alive must have one entry per token"));
        }
        let cutter = Cutter::new(tokens, alive, pretokenizer).map_err(|error| raise(py, &error))?;
        Ok(Self {
            cutter,
            n_tokens: tokens.len(),
        })
    }

    /// Ids of all lines and the positions where they begin and end.
    #[pyo3(signature = (lines, *, threads, progress = None))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        lines: &Lines,
        threads: usize,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Pair<'py, u32, usize>> {
        let (ids, ends) = run(py, progress, |control| {
            self.cutter.encode(&lines.lines, threads, control)
        })?;
        Ok((ids.into_pyarray(py), ends.into_pyarray(py)))
    }

    /// Skip-gram vectors of all tokens, a row for each id.
    #[pyo3(signature = (
        lines, *, dimensions, negative, rate, window, min_count, sample, epochs, seed, threads, progress = None
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the parameters of word2vec, named on the Python side"
    )]
    fn vectors<'py>(
        &self,
        py: Python<'py>,
        lines: &Lines,
        dimensions: usize,
        negative: usize,
        rate: f64,
        window: usize,
        min_count: u64,
        sample: f64,
        epochs: usize,
        seed: u64,
        threads: usize,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let parameters = Parameters {
            dimensions,
            negative,
            rate,
            window,
            min_count,
            sample,
            epochs,
            seed,
        };
        let vectors = run(py, progress, |control| {
            self.cutter.vectors(&lines.lines, &parameters, threads, control)
        })?;
        vectors.into_pyarray(py).reshape([self.n_tokens, dimensions])
    }

    /// Loss and number of occurrences of each token under the vectors.
    #[pyo3(signature = (lines, vectors, *, threads, progress = None))]
    fn losses<'py>(
        &self,
        py: Python<'py>,
        lines: &Lines,
        vectors: PyReadonlyArray2<'py, f32>,
        threads: usize,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Pair<'py, f64, u64>> {
        let dimensions = vectors.shape()[1];
        if vectors.shape()[0] != self.n_tokens || dimensions == 0 {
            return Err(misuse("vectors must have one row per token"));
        }
        let values = vectors.as_slice()?;
        let found = run(py, progress, |control| {
            self.cutter
                .losses(&lines.lines, values, dimensions, threads, control)
        })?;
        Ok((found.losses.into_pyarray(py), found.uses.into_pyarray(py)))
    }
}

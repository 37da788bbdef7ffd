//! The Python classes of a sample of lines.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokbench_core::vocabulary::lines;

use crate::door::{misuse, run};

/// Keeps the lines with the smallest keys.
#[pyclass(module = "tokbench._rust")]
pub struct LineSample {
    sample: Option<lines::Sample>,
}

#[pymethods]
impl LineSample {
    #[new]
    fn new(seed: u64, limit: usize) -> Self {
        Self {
            sample: Some(lines::Sample::new(seed, limit)),
        }
    }

    /// Adds the lines of documents that lie back to back.
    #[pyo3(signature = (data, offsets, progress = None))]
    fn add_documents(
        &mut self,
        py: Python<'_>,
        data: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
        let sample = self
            .sample
            .as_mut()
            .ok_or_else(|| misuse("the sample is finished"))?;
        run(py, progress, |control| sample.add(data, offsets, control))
    }

    /// The lines kept; nothing can be added afterwards.
    fn finish(&mut self, py: Python<'_>) -> PyResult<Lines> {
        let mut sample = self
            .sample
            .take()
            .ok_or_else(|| misuse("the sample is finished"))?;
        Ok(Lines {
            lines: py.detach(move || sample.finish()),
        })
    }
}

/// Lines in the order of their keys.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct Lines {
    /// The lines; other classes of this crate read them.
    pub lines: lines::Lines,
}

#[pymethods]
impl Lines {
    fn __len__(&self) -> usize {
        self.lines.len()
    }

    /// Bytes of all lines.
    #[getter]
    fn n_bytes(&self) -> usize {
        self.lines.n_bytes()
    }

    /// How many lines there were to choose from.
    #[getter]
    fn n_seen(&self) -> u64 {
        self.lines.n_seen
    }

    /// The bytes of one line.
    fn line<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyBytes>> {
        if number >= self.lines.len() {
            return Err(misuse("no such line"));
        }
        Ok(PyBytes::new(py, self.lines.get(number)))
    }
}

//! The Python class that counts runs of numbered pretokens, and the rule by which pretokens get into runs.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use tokbench_core::count;
use tokbench_core::pretokenize::{ADMISSION_RULES, admitted as admit};

use crate::door::{misuse, raise, run};
use crate::pretokenizer::Pretokenizer;

/// For each pretoken whether a named rule or `regex:PATTERN` lets it become part of a superword.
#[pyfunction]
pub fn admitted(py: Python<'_>, rule: &str, pretokens: Vec<Vec<u8>>) -> PyResult<Vec<bool>> {
    py.detach(|| admit(rule, &pretokens))
        .map_err(|error| raise(py, &error))
}

/// Names and patterns of the rules of admission.
#[pyfunction]
pub fn admission_rules() -> Vec<(&'static str, &'static str)> {
    ADMISSION_RULES.to_vec()
}

/// Counts runs of numbered pretokens in batches of documents.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct RunCounter {
    /// Absent once it is finished or has failed.
    counter: Mutex<Option<count::RunCounter>>,
}

#[expect(clippy::type_complexity, reason = "three arrays")]
#[pymethods]
impl RunCounter {
    /// `names[i]` has the number `i`; other pretokens end a run, and with a floor neighbours that are not noted
    /// more often. The memory is a number of bytes and the folder for the rest.
    #[new]
    #[pyo3(signature = (pretokenizer, names, *, floor=None, memory=None))]
    fn new(
        py: Python<'_>,
        pretokenizer: &Bound<'_, Pretokenizer>,
        names: Vec<Vec<u8>>,
        floor: Option<u64>,
        memory: Option<(usize, PathBuf)>,
    ) -> PyResult<Self> {
        let pretokenizer = pretokenizer.get().pretokenizer.clone();
        let counter = py
            .detach(|| count::RunCounter::new(pretokenizer, &names, floor, memory))
            .map_err(|error| raise(py, &error))?;
        Ok(Self {
            counter: Mutex::new(Some(counter)),
        })
    }

    /// Notes the neighbours in documents that lie back to back; all of them, before the first is counted.
    fn note(
        &self,
        py: Python<'_>,
        data: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        threads: usize,
    ) -> PyResult<()> {
        let counter = self.take()?;
        let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
        run(py, None, |control| counter.note(data, offsets, threads, control))?;
        *self.counter.lock().unwrap_or_else(PoisonError::into_inner) = Some(counter);
        Ok(())
    }

    /// Counts documents that lie back to back.
    fn add(
        &self,
        py: Python<'_>,
        data: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        threads: usize,
    ) -> PyResult<()> {
        let counter = self.take()?;
        let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
        run(py, None, |control| counter.add(data, offsets, threads, control))?;
        *self.counter.lock().unwrap_or_else(PoisonError::into_inner) = Some(counter);
        Ok(())
    }

    /// The numbers of all runs back to back, where each starts, and how often each occurs; sorted.
    #[pyo3(signature = (threads, progress=None))]
    fn finish<'py>(
        &self,
        py: Python<'py>,
        threads: usize,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<(
        Bound<'py, PyArray1<u32>>,
        Bound<'py, PyArray1<u64>>,
        Bound<'py, PyArray1<u64>>,
    )> {
        let counter = self.take()?;
        let runs = run(py, progress, |control| counter.finish(threads, control))?;
        Ok((
            runs.ids.into_pyarray(py),
            runs.offsets.into_pyarray(py),
            runs.counts.into_pyarray(py),
        ))
    }
}

impl RunCounter {
    fn take(&self) -> PyResult<count::RunCounter> {
        let mut held = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        held.take()
            .ok_or_else(|| misuse("this counter is finished, has failed or was interrupted; make another"))
    }
}

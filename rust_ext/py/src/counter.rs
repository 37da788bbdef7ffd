//! The Python class that counts files and buffers.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use tokbench_core::count::{Counter as Core, Options};
use tokbench_core::pretokenize::Pretokenizer;
use tokbench_core::{Control, Result};

use crate::counts::PretokenCounts;
use crate::door::{misuse, raise, run};

/// Group, path, format, field, compression, boundary.
type File = (u32, PathBuf, String, Option<String>, String, String);

/// Counts the pretokens of files and buffers by group.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct Counter {
    /// Absent once finished, and after a failure, so that nobody uses part of a corpus.
    core: Mutex<Option<Core>>,
    /// The canonical specification.
    #[pyo3(get)]
    pretokenizer: String,
}

impl Counter {
    fn take(&self) -> PyResult<Core> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        core.take()
            .ok_or_else(|| misuse("this counter is finished, has failed, was interrupted or is in use"))
    }

    fn with(
        &self,
        py: Python<'_>,
        progress: Option<&Bound<'_, PyAny>>,
        work: impl FnOnce(&mut Core, &Control) -> Result<()> + Send,
    ) -> PyResult<()> {
        let mut core = self.take()?;
        let core = run(py, progress, move |control| {
            work(&mut core, control)?;
            Ok(core)
        })?;
        *self.core.lock().unwrap_or_else(PoisonError::into_inner) = Some(core);
        Ok(())
    }
}

#[pymethods]
impl Counter {
    /// A counter that has seen nothing.
    #[new]
    fn new(
        py: Python<'_>,
        groups: Vec<String>,
        pretokenizer: &str,
        threads: usize,
        strict_utf8: bool,
        block_size: usize,
    ) -> PyResult<Self> {
        let options = Options {
            threads,
            strict_utf8,
            block_size,
        };
        let pretokenizer = Pretokenizer::parse(pretokenizer).map_err(|error| raise(py, &error))?;
        let spec = pretokenizer.spec().to_owned();
        let core = Core::new(pretokenizer, groups, options).map_err(|error| raise(py, &error))?;
        Ok(Self {
            pretokenizer: spec,
            core: Mutex::new(Some(core)),
        })
    }

    /// Counts files, each given as group, path, format, field, compression, boundary.
    #[pyo3(signature = (files, progress=None))]
    fn add_files(
        &self,
        py: Python<'_>,
        files: Vec<File>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let sources = files
            .into_iter()
            .map(|(group, path, file_format, field, compression, boundary)| {
                crate::documents::source(path, &file_format, field, &compression, &boundary, group)
            })
            .collect::<Result<Vec<_>>>()
            .map_err(|error| raise(py, &error))?;
        self.with(py, progress, move |core, control| {
            core.add_sources(&sources, control)
        })
    }

    /// Counts documents that lie back to back.
    #[pyo3(signature = (group, name, data, offsets, progress=None))]
    fn add_documents(
        &self,
        py: Python<'_>,
        group: u32,
        name: &str,
        data: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, u64>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !data.is_c_contiguous() || !offsets.is_c_contiguous() {
            return Err(misuse("data and offsets must be contiguous"));
        }
        let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
        self.with(py, progress, |core, control| {
            core.add_documents(group, name, data, offsets, control)
        })
    }

    /// Ends counting.
    #[pyo3(signature = (progress=None))]
    fn finish(&self, py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<PretokenCounts> {
        let core = self.take()?;
        let table = run(py, progress, move |control| core.finish(control))?;
        Ok(PretokenCounts { table })
    }
}

//! The Python class that counts files and buffers.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use tokbench_core::count::{CountStream as Stream, Counter as Core, Memory, Options};
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
    /// A counter that has seen nothing; `memory` is a number of bytes and the folder of the temporary files.
    #[new]
    #[pyo3(signature = (groups, pretokenizer, threads, strict_utf8, block_size, memory=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "Python calls it with one object per setting"
    )]
    fn new(
        py: Python<'_>,
        groups: Vec<String>,
        pretokenizer: &str,
        threads: usize,
        strict_utf8: bool,
        block_size: usize,
        memory: Option<(usize, PathBuf)>,
    ) -> PyResult<Self> {
        let options = Options {
            threads,
            strict_utf8,
            block_size,
            memory: memory.map(|(bytes, directory)| Memory { bytes, directory }),
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

    /// Ends counting; the table comes in parts.
    #[pyo3(signature = (progress=None))]
    fn finish_stream(&self, py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<CountStream> {
        let core = self.take()?;
        let stream = run(py, progress, move |control| core.finish_stream(control))?;
        Ok(CountStream {
            n_runs: stream.n_runs(),
            stream: Mutex::new(Some(stream)),
        })
    }
}

/// A count table in parts, smallest pretoken first.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct CountStream {
    /// Absent after a failure.
    stream: Mutex<Option<Stream>>,
    /// Number of sorted runs that were written to disk.
    #[pyo3(get)]
    n_runs: usize,
}

#[pymethods]
impl CountStream {
    /// The next rows, at most `n_rows`, as a table; `None` after the last.
    #[pyo3(signature = (n_rows, progress=None))]
    fn next_table(
        &self,
        py: Python<'_>,
        n_rows: usize,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<PretokenCounts>> {
        let mut held = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut stream) = held.take() else {
            return Err(misuse("this stream has failed, was interrupted or is in use"));
        };
        let (stream, table) = run(py, progress, move |control| {
            let table = stream.next_table(n_rows, control)?;
            Ok((stream, table))
        })?;
        *held = Some(stream);
        Ok(table.map(|table| PretokenCounts { table }))
    }
}

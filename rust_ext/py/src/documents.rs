//! What Python reads documents with: a file in batches, and records that another reader has fetched.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use tokbench_core::count::{
    Boundary, Compression, DocumentReader as Reader, Format, Source, json_texts as find,
};

use crate::door::{misuse, raise, run};

/// The file that five strings describe.
pub fn source(
    path: PathBuf,
    file_format: &str,
    field: Option<String>,
    compression: &str,
    boundary: &str,
    group: u32,
) -> tokbench_core::Result<Source> {
    let format = match (file_format, field) {
        ("text", None) => Format::Text,
        ("jsonl", Some(field)) => Format::Jsonl { field },
        (other, field) => {
            return Err(tokbench_core::Error::Parameter {
                name: "format",
                message: format!("{other:?} with field {field:?}; expected text, or jsonl with a field"),
            });
        }
    };
    Ok(Source {
        path,
        compression: Compression::parse(compression)?,
        format,
        boundary: Boundary::parse(boundary)?,
        group,
    })
}

/// Bytes, offsets and weights.
type Batch<'py> = (
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<i64>>,
    Option<Bound<'py, PyArray1<u64>>>,
);

/// Reads one plain or JSONL file, packed or not, in batches of whole documents.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct DocumentReader {
    /// Absent after a failure, so that nobody reads on behind it.
    reader: Mutex<Option<Reader>>,
}

#[pymethods]
impl DocumentReader {
    /// Opens the file.
    #[new]
    #[pyo3(signature = (path, file_format, field, compression, boundary, batch_size, weight=None))]
    #[allow(
        clippy::too_many_arguments,
        reason = "Python calls it with one object per setting"
    )]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        file_format: &str,
        field: Option<String>,
        compression: &str,
        boundary: &str,
        batch_size: usize,
        weight: Option<String>,
    ) -> PyResult<Self> {
        let reader = source(path, file_format, field, compression, boundary, 0)
            .and_then(|source| Reader::open(source, weight, batch_size))
            .map_err(|error| raise(py, &error))?;
        Ok(Self {
            reader: Mutex::new(Some(reader)),
        })
    }

    /// The next documents back to back, their offsets and (with a field of weights) their weights in
    /// ten-thousandths, or `None` after the last.
    fn next_batch<'py>(&self, py: Python<'py>) -> PyResult<Option<Batch<'py>>> {
        let mut held = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut reader) = held.take() else {
            return Err(misuse(
                "this reader has failed or was interrupted; open the file again",
            ));
        };
        let (reader, batch) = run(py, None, move |control| {
            let batch = reader.next_batch(control)?;
            Ok((reader, batch))
        })?;
        *held = Some(reader);
        Ok(batch.map(|batch| {
            (
                batch.data.into_pyarray(py),
                batch.offsets.into_pyarray(py),
                batch.weights.map(|weights| weights.into_pyarray(py)),
            )
        }))
    }
}

/// The texts of JSONL records that lie back to back, their offsets and (with a field of weights) their weights in
/// ten-thousandths; `first` is the line number of the first.
#[pyfunction]
#[pyo3(signature = (path, first, field, data, offsets, weight=None))]
pub fn json_texts<'py>(
    py: Python<'py>,
    path: PathBuf,
    first: u64,
    field: &str,
    data: PyReadonlyArray1<'py, u8>,
    offsets: PyReadonlyArray1<'py, i64>,
    weight: Option<&str>,
) -> PyResult<Batch<'py>> {
    let (data, offsets) = (data.as_slice()?, offsets.as_slice()?);
    let (texts, ends, weights) = run(py, None, |control| {
        find(&path, first, field, data, offsets, weight, control)
    })?;
    Ok((
        texts.into_pyarray(py),
        ends.into_pyarray(py),
        weights.map(|weights| weights.into_pyarray(py)),
    ))
}

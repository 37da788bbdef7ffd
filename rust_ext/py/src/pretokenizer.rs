//! The Python class of a pre-tokenizer: text in, piece ends out.

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use tokbench_core::Control;
use tokbench_core::pretokenize::{FORMS, KNOWN_PATTERNS, SCANNERS};

use crate::door::{raise, run};

/// Texts up to this size are split on the calling thread; a thread of their own costs more than they do.
const SMALL: usize = 1 << 16;

/// A parsed pre-tokenizer, owned by Rust.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct Pretokenizer {
    /// The pre-tokenizer itself; other classes of this crate read it.
    pub pretokenizer: tokbench_core::Pretokenizer,
}

/// A position in a text; no text is longer than `isize::MAX`.
#[expect(clippy::cast_possible_wrap, reason = "see above")]
fn signed(position: usize) -> i64 {
    position as i64
}

impl Pretokenizer {
    fn wrap(py: Python<'_>, made: tokbench_core::Result<tokbench_core::Pretokenizer>) -> PyResult<Self> {
        made.map(|pretokenizer| Self { pretokenizer })
            .map_err(|error| raise(py, &error))
    }
}

#[pymethods]
impl Pretokenizer {
    /// Reads a specification.
    #[new]
    fn new(py: Python<'_>, spec: &str) -> PyResult<Self> {
        Self::wrap(py, tokbench_core::Pretokenizer::parse(spec))
    }

    /// Runs several specifications one after another.
    #[staticmethod]
    fn sequence(py: Python<'_>, specs: Vec<String>) -> PyResult<Self> {
        Self::wrap(py, tokbench_core::Pretokenizer::sequence(&specs))
    }

    /// The scanner that equals a pattern, or else the pattern itself.
    #[staticmethod]
    fn from_regex(py: Python<'_>, pattern: &str) -> PyResult<Self> {
        Self::wrap(py, tokbench_core::Pretokenizer::from_regex(pattern))
    }

    /// As `from_regex`, for several isolating splits one after another.
    #[staticmethod]
    fn from_regexes(py: Python<'_>, patterns: Vec<String>) -> PyResult<Self> {
        Self::wrap(py, tokbench_core::Pretokenizer::from_regexes(&patterns))
    }

    /// The scanners without parameters.
    #[staticmethod]
    fn names() -> Vec<&'static str> {
        SCANNERS.to_vec()
    }

    /// Examples of the forms with parameters.
    #[staticmethod]
    fn forms() -> Vec<&'static str> {
        FORMS.to_vec()
    }

    /// Pattern texts that have a scanner, with its name.
    #[staticmethod]
    fn known_patterns() -> Vec<(&'static str, &'static str)> {
        KNOWN_PATTERNS.to_vec()
    }

    /// The canonical specification.
    #[getter]
    fn spec(&self) -> &str {
        self.pretokenizer.spec()
    }

    /// The end of every piece.
    fn boundaries<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let work = |control: &Control| {
            let ends = self.pretokenizer.boundaries_controlled(data, control)?;
            Ok(ends.into_iter().map(signed).collect::<Vec<_>>())
        };
        let ends = if data.len() <= SMALL {
            py.detach(|| work(&Control::new()))
                .map_err(|error| raise(py, &error))?
        } else {
            run(py, None, work)?
        };
        Ok(ends.into_pyarray(py))
    }

    /// The nearest provably safe place to split at or after a position.
    fn safe_split(&self, py: Python<'_>, data: &[u8], at: usize) -> Option<usize> {
        py.detach(|| self.pretokenizer.safe_split(data, at))
    }
}

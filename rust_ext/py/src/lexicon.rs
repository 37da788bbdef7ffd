//! The Python side of Less is Better: lines in, units out; a lexicon cuts text.

use std::borrow::Cow;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use tokbench_core::vocabulary::lexicon::{self, Parameters};

use crate::door::run;
use crate::lines::Lines;

/// Learns units from lines, the best first.
#[pyfunction]
#[pyo3(signature = (
    lines, *, epochs, article, life, max_length, memory_in, memory_out, update_rate, max_gap, seed, progress = None
))]
#[expect(
    clippy::too_many_arguments,
    reason = "the parameters of the method, named on the Python side"
)]
pub fn learn_lexicon(
    py: Python<'_>,
    lines: &Lines,
    epochs: usize,
    article: usize,
    life: u32,
    max_length: usize,
    memory_in: f64,
    memory_out: f64,
    update_rate: f64,
    max_gap: usize,
    seed: u64,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Cow<'static, [u8]>>> {
    let parameters = Parameters {
        epochs,
        article,
        life,
        max_length,
        memory_in,
        memory_out,
        update_rate,
        max_gap,
        seed,
    };
    let units = run(py, progress, |control| {
        lexicon::learn(&lines.lines, &parameters, control)
    })?;
    Ok(units.into_iter().map(Cow::Owned).collect())
}

/// Units in their order, best first.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct Lexicon {
    lexicon: lexicon::Lexicon,
}

#[pymethods]
impl Lexicon {
    #[new]
    fn new(units: Vec<Vec<u8>>, max_length: usize) -> Self {
        let mut lexicon = lexicon::Lexicon::new(max_length);
        let mut symbols = Vec::new();
        for unit in &units {
            lexicon::symbols(unit, &mut symbols);
            lexicon.append(&symbols);
        }
        Self { lexicon }
    }

    fn __len__(&self) -> usize {
        self.lexicon.len()
    }

    /// Ends of the pieces of a text in bytes, and their ranks (2^32 - 1 for a symbol that is no unit).
    fn segment<'py>(
        &self,
        py: Python<'py>,
        text: &[u8],
    ) -> (Bound<'py, PyArray1<usize>>, Bound<'py, PyArray1<u32>>) {
        let (ends, ranks): (Vec<usize>, Vec<u32>) = py
            .detach(|| lexicon::segment(&self.lexicon, text))
            .into_iter()
            .unzip();
        (ends.into_pyarray(py), ranks.into_pyarray(py))
    }
}

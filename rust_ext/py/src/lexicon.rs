//! The Python side of Less is Better: lines in, units out; a lexicon cuts text.

use std::borrow::Cow;

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

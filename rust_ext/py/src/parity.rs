//! The Python class of the parity rule, which lives as long as its run.

use pyo3::prelude::*;
use tokbench_core::engine;

use crate::door::raise;

/// Which language each step serves, and what must be remembered for that.
#[pyclass(module = "tokbench._rust")]
pub struct Parity {
    pub(crate) rule: engine::Parity,
}

#[pymethods]
impl Parity {
    /// Measures weighted lengths of the columns from `first_column` on, or (`ratio`) rates of the training text.
    #[new]
    #[pyo3(signature = (*, first_column, weights, ratio, global_merges, window, stop))]
    fn new(
        py: Python<'_>,
        first_column: usize,
        weights: Vec<u64>,
        ratio: Option<Vec<f64>>,
        global_merges: u64,
        window: Option<(usize, f64)>,
        stop: bool,
    ) -> PyResult<Self> {
        let measure = match ratio {
            Some(targets) => engine::Measure::Ratio { targets },
            None => engine::Measure::Lengths {
                first: first_column,
                weights,
            },
        };
        engine::Parity::new(measure, global_merges, window, stop)
            .map(|rule| Self { rule })
            .map_err(|error| raise(py, &error))
    }

    /// How many first merges are chosen over all languages together.
    #[getter]
    fn global_merges(&self) -> u64 {
        self.rule.global_merges()
    }

    /// The languages that have no pair left, each with the number of steps before that.
    fn exhausted(&self) -> Vec<(u32, u64)> {
        self.rule.exhausted()
    }
}

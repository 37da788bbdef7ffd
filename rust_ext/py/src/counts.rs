//! The Python class of a count table: arrays in, arrays out.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::door::{raise, run};

/// A sparse table pretoken × group → count, owned by Rust.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct PretokenCounts {
    /// The table itself; other classes of this crate read it.
    pub table: tokbench_core::PretokenCounts,
}

type Arrays<'py> = (
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u64>>,
);

#[pymethods]
impl PretokenCounts {
    /// Takes copies of the five arrays and checks the invariants.
    #[new]
    fn new(
        py: Python<'_>,
        groups: Vec<String>,
        arena: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, u64>,
        row_starts: PyReadonlyArray1<'_, u64>,
        group_ids: PyReadonlyArray1<'_, u32>,
        counts: PyReadonlyArray1<'_, u64>,
    ) -> PyResult<Self> {
        let table = tokbench_core::PretokenCounts::new(
            groups,
            arena.to_vec()?,
            offsets.to_vec()?,
            row_starts.to_vec()?,
            group_ids.to_vec()?,
            counts.to_vec()?,
        )
        .map_err(|error| raise(py, &error))?;
        Ok(Self { table })
    }

    /// Group names by group id.
    #[getter]
    fn groups(&self) -> Vec<String> {
        self.table.groups.clone()
    }

    fn __len__(&self) -> usize {
        self.table.len()
    }

    /// Copies of arena, offsets, row_starts, group_ids, counts.
    fn arrays<'py>(&self, py: Python<'py>) -> Arrays<'py> {
        (
            self.table.arena.clone().into_pyarray(py),
            self.table.offsets.clone().into_pyarray(py),
            self.table.row_starts.clone().into_pyarray(py),
            self.table.group_ids.clone().into_pyarray(py),
            self.table.counts.clone().into_pyarray(py),
        )
    }

    /// Rows `start` to `stop` (exclusive, at most the last) as a table of their own.
    fn rows(&self, py: Python<'_>, start: usize, stop: usize) -> Self {
        Self {
            table: py.detach(|| self.table.rows(start..stop)),
        }
    }

    /// Count and bytes of each group.
    fn totals(&self, py: Python<'_>) -> (Vec<u64>, Vec<u64>) {
        py.detach(|| self.table.totals())
    }

    /// The pretokens that occur at least `min_count` times over all groups.
    fn at_least(&self, py: Python<'_>, min_count: u64) -> Self {
        Self {
            table: py.detach(|| self.table.at_least(min_count)),
        }
    }

    /// The sum of tables, their groups matched by name.
    #[staticmethod]
    fn merge(py: Python<'_>, groups: Vec<String>, tables: Vec<Bound<'_, Self>>) -> PyResult<Self> {
        let tables: Vec<&tokbench_core::PretokenCounts> =
            tables.iter().map(|table| &table.get().table).collect();
        let table = run(py, None, |control| {
            tokbench_core::count::add(groups, &tables, control)
        })?;
        Ok(Self { table })
    }
}

//! The Python class of a byte-sorted vocabulary: rows in, sums by next byte out.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;
use tokbench_core::bytelm::Trie;

use crate::door::{misuse, raise};

/// A byte-sorted vocabulary, owned by Rust.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct ByteTrie {
    /// The trie itself; other classes of this crate read it.
    pub trie: Trie,
}

/// A row of natural logarithms.
#[derive(FromPyObject)]
enum Row<'py> {
    Single(PyReadonlyArray1<'py, f32>),
    Double(PyReadonlyArray1<'py, f64>),
}

/// Token offsets as Rust counts them.
pub fn unsigned(offsets: &[i64]) -> PyResult<Vec<u64>> {
    let offsets = offsets.iter().map(|&offset| u64::try_from(offset));
    let offsets: Result<_, _> = offsets.collect();
    offsets.map_err(|_| misuse("negative token offset"))
}

impl ByteTrie {
    fn checked(&self, node: u32, sorted: &[f64]) -> PyResult<()> {
        if (node as usize) < self.trie.n_nodes() && sorted.len() == self.trie.order().len() {
            return Ok(());
        }
        Err(misuse("a node or row of another vocabulary"))
    }
}

#[pymethods]
impl ByteTrie {
    /// Sorts the tokens `ids` of a vocabulary by their bytes.
    #[new]
    fn new(
        py: Python<'_>,
        arena: PyReadonlyArray1<'_, u8>,
        offsets: PyReadonlyArray1<'_, i64>,
        ids: PyReadonlyArray1<'_, u32>,
    ) -> PyResult<Self> {
        let (arena, ids) = (arena.as_slice()?, ids.as_slice()?);
        let offsets = unsigned(offsets.as_slice()?)?;
        py.detach(|| Trie::new(arena, &offsets, ids))
            .map(|trie| Self { trie })
            .map_err(|error| raise(py, &error))
    }

    /// The ids in the order of their bytes.
    #[getter]
    fn order<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        self.trie.order().to_vec().into_pyarray(py)
    }

    /// The node after one more byte, or None.
    fn child(&self, node: u32, byte: u8) -> PyResult<Option<u32>> {
        if node as usize >= self.trie.n_nodes() {
            return Err(misuse("a node of another vocabulary"));
        }
        let child = self.trie.child(node, byte);
        Ok((child != u32::MAX).then_some(child))
    }

    /// The node of some bytes, or None.
    fn find(&self, data: &[u8]) -> Option<u32> {
        let node = self.trie.find(data);
        (node != u32::MAX).then_some(node)
    }

    /// Start, end of the tokens that end at a node, and end of all that begin with its bytes.
    fn places(&self, node: u32) -> PyResult<(usize, usize, usize)> {
        if node as usize >= self.trie.n_nodes() {
            return Err(misuse("a node of another vocabulary"));
        }
        let ending = self.trie.ending(node);
        Ok((ending.start, ending.end, self.trie.range(node).end))
    }

    /// Probabilities in sorted order of a row of natural logarithms by id, zero where the mask is.
    #[pyo3(signature = (row, mask=None))]
    fn sorted<'py>(
        &self,
        py: Python<'py>,
        row: Row<'py>,
        mask: Option<PyReadonlyArray1<'py, u8>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let mask = mask.as_ref().map(|mask| mask.as_slice()).transpose()?;
        if mask.is_some_and(|mask| mask.len() != self.trie.order().len()) {
            return Err(misuse("a mask of another vocabulary"));
        }
        let short = || misuse("a row must have one entry per id");
        let sorted = match &row {
            Row::Single(row) => {
                let row = row.as_slice()?;
                (row.len() >= self.trie.n_ids()).then(|| self.trie.sorted(row, mask))
            }
            Row::Double(row) => {
                let row = row.as_slice()?;
                (row.len() >= self.trie.n_ids()).then(|| self.trie.sorted(row, mask))
            }
        };
        Ok(sorted.ok_or_else(short)?.into_pyarray(py))
    }

    /// Adds, for every (node, sorted row, weight), the weighted probability of every next byte to `out`.
    fn spread<'py>(
        &self,
        nodes: Vec<u32>,
        rows: Vec<PyReadonlyArray1<'py, f64>>,
        weights: Vec<f64>,
        mut out: PyReadwriteArray1<'py, f64>,
    ) -> PyResult<()> {
        let out: &mut [f64; 256] = out
            .as_slice_mut()?
            .try_into()
            .map_err(|_| misuse("256 sums are needed"))?;
        if nodes.len() != rows.len() || nodes.len() != weights.len() {
            return Err(misuse("nodes, rows and weights differ in length"));
        }
        for ((&node, row), &weight) in nodes.iter().zip(&rows).zip(&weights) {
            let row = row.as_slice()?;
            self.checked(node, row)?;
            self.trie.spread(node, row, weight, out);
        }
        Ok(())
    }

    /// The sum over all tokens that begin with the bytes of a node.
    fn mass(&self, node: u32, row: PyReadonlyArray1<'_, f64>) -> PyResult<f64> {
        let row = row.as_slice()?;
        self.checked(node, row)?;
        Ok(self.trie.mass(node, row))
    }
}

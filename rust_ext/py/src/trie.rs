//! The Python class of a byte-sorted vocabulary: rows in, sums by next byte out.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;
use tokbench_core::bytelm::{Number, Trie};

use crate::door::{misuse, raise};

/// A byte-sorted vocabulary, owned by Rust.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct ByteTrie {
    /// The trie itself; other classes of this crate read it.
    pub trie: Trie,
}

/// Branch, node, mass, and whether tokens go on below the node.
type Step = (usize, u32, f64, bool);
/// Branch, token, and its probability.
type Birth = (usize, u32, f64);

/// Token offsets as Rust counts them.
pub fn unsigned(offsets: &[i64]) -> PyResult<Vec<u64>> {
    let offsets = offsets.iter().map(|&offset| u64::try_from(offset));
    let offsets: Result<_, _> = offsets.collect();
    offsets.map_err(|_| misuse("negative token offset"))
}

/// A row of probabilities in single or double precision.
#[derive(FromPyObject)]
enum Row<'py> {
    Single(PyReadonlyArray1<'py, f32>),
    Double(PyReadonlyArray1<'py, f64>),
}

/// Calls the same code for either kind of row.
macro_rules! either {
    ($row:expr, $values:ident => $body:expr) => {
        match $row {
            Row::Single(row) => {
                let $values = row.as_slice()?;
                $body
            }
            Row::Double(row) => {
                let $values = row.as_slice()?;
                $body
            }
        }
    };
}

impl ByteTrie {
    fn checked(&self, node: u32, n_sorted: usize) -> PyResult<()> {
        if (node as usize) < self.trie.n_nodes() && n_sorted == self.trie.order().len() {
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

    /// A row of probabilities by id in sorted order, zero where the mask is, and the probability of every first byte.
    #[pyo3(signature = (row, mask=None))]
    fn sorted<'py>(
        &self,
        py: Python<'py>,
        row: Row<'py>,
        mask: Option<PyReadonlyArray1<'py, u8>>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray1<f64>>)> {
        let mask = mask.as_ref().map(|mask| mask.as_slice()).transpose()?;
        if mask.is_some_and(|mask| mask.len() != self.trie.order().len()) {
            return Err(misuse("a mask of another vocabulary"));
        }
        either!(&row, values => {
            if values.len() < self.trie.n_ids() {
                return Err(misuse("a row must have one entry per id"));
            }
            let (sorted, first) = self.trie.sorted(values, mask);
            Ok((sorted.into_pyarray(py).into_any(), first.to_vec().into_pyarray(py)))
        })
    }

    /// Moves branches by one byte. Returns, for those that a token follows, (branch, node, probability of the tokens
    /// through it, whether some go on below), and the tokens that end there and may stand: (branch, token,
    /// probability).
    fn advance<'py>(
        &self,
        nodes: Vec<u32>,
        rows: Vec<Row<'py>>,
        masks: Vec<Option<PyReadonlyArray1<'py, u8>>>,
        byte: u8,
    ) -> PyResult<(Vec<Step>, Vec<Birth>)> {
        if nodes.len() != rows.len() || nodes.len() != masks.len() {
            return Err(misuse("nodes, rows and masks differ in length"));
        }
        let (mut steps, mut births) = (Vec::new(), Vec::new());
        for (at, ((&node, row), mask)) in nodes.iter().zip(&rows).zip(&masks).enumerate() {
            let mask = mask.as_ref().map(|mask| mask.as_slice()).transpose()?;
            either!(row, values => {
                self.checked(node, values.len())?;
                let child = self.trie.child(node, byte);
                if child == u32::MAX {
                    continue;
                }
                let ending = self.trie.ending(child);
                steps.push((at, child, self.trie.mass(child, values), ending.end < self.trie.range(child).end));
                let stands = |place: &usize| {
                    values[*place] > 0.0 && mask.is_none_or(|mask| mask.get(*place).is_some_and(|&on| on == 1))
                };
                let stand = ending.filter(stands);
                births.extend(stand.map(|place| (at, self.trie.order()[place], values[place].double())));
            });
        }
        Ok((steps, births))
    }

    /// Adds, for every (node, sorted row, weight), the weighted probability of every next byte to `out`.
    fn spread<'py>(
        &self,
        nodes: Vec<u32>,
        rows: Vec<Row<'py>>,
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
            either!(row, values => {
                self.checked(node, values.len())?;
                self.trie.spread(node, values, weight, out);
            });
        }
        Ok(())
    }

    /// The sum over all tokens that begin with the bytes of a node.
    fn mass(&self, node: u32, row: Row<'_>) -> PyResult<f64> {
        either!(&row, values => {
            self.checked(node, values.len())?;
            Ok(self.trie.mass(node, values))
        })
    }
}

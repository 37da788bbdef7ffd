//! The Python class around matching pursuit: matrices in, chosen anchors and coefficients out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use tokbench_core::Control;
use tokbench_core::omp::{Anchors, Call, Gram, Rules, Target, advance};

use crate::door::{misuse, raise, run};

/// Anchors, and the pursuit of one batch of targets after another.
#[pyclass(frozen, module = "tokbench._rust")]
pub struct MatchingPursuit {
    anchors: Py<PyArray2<f32>>,
    norms: Arc<[f64]>,
    rules: Rules,
    threads: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    gram: Option<Gram>,
    /// The rows of the batch.
    rows: Vec<f32>,
    targets: Vec<Target>,
    /// Products of the batch with all anchors, as the Gram matrix wants them.
    products: Vec<f32>,
}

type Found<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
);

#[pymethods]
impl MatchingPursuit {
    /// Measures the anchors, `[n, width]`; the array must not change while this lives.
    #[new]
    #[pyo3(signature = (anchors, *, k, tolerance, rank_tolerance, ridge, threads))]
    fn new(
        anchors: PyReadonlyArray2<'_, f32>,
        k: usize,
        tolerance: f64,
        rank_tolerance: f64,
        ridge: f64,
        threads: usize,
    ) -> PyResult<Self> {
        let width = anchors.shape()[1];
        if width == 0 {
            return Err(misuse("anchors of width 0"));
        }
        let norms = Anchors::new(anchors.as_slice()?, width).norms;
        Ok(Self {
            anchors: (*anchors).clone().unbind(),
            norms,
            rules: Rules {
                k,
                tolerance,
                rank_tolerance,
                ridge,
            },
            threads,
            state: Mutex::default(),
        })
    }

    /// Makes room for the Gram matrix.
    fn reserve_gram(&self, py: Python<'_>) -> PyResult<()> {
        let rows = self.anchors.bind(py).readonly();
        let anchors = self.measured(&rows)?;
        let gram = py
            .detach(|| Gram::new(&anchors))
            .map_err(|error| raise(py, &error))?;
        self.lock().gram = Some(gram);
        Ok(())
    }

    /// Stores products of anchors: `block` is `[height, n - first]`, of those from `first` on.
    fn put_gram(&self, py: Python<'_>, first: usize, block: PyReadonlyArray2<'_, f32>) -> PyResult<()> {
        let n = self.norms.len();
        if first > n || block.shape()[1] != n - first || first + block.shape()[0] > n {
            return Err(misuse(format!(
                "a block of {:?} at {first} of {n} anchors",
                block.shape()
            )));
        }
        let block = block.as_slice()?;
        py.detach(|| match &mut self.lock().gram {
            Some(gram) => gram.put(first, block, self.threads),
            None => Ok(()),
        })
        .map_err(|error| raise(py, &error))
    }

    /// Begins with other targets, `[count, width]`.
    fn begin(&self, py: Python<'_>, targets: PyReadonlyArray2<'_, f32>) -> PyResult<()> {
        let width = self.anchors.bind(py).shape()[1];
        if targets.shape()[1] != width {
            return Err(misuse(format!(
                "targets of width {}, anchors of {width}",
                targets.shape()[1]
            )));
        }
        let rows = targets.as_slice()?.to_vec();
        py.detach(|| {
            let mut state = self.lock();
            state.targets = rows.chunks_exact(width).map(Target::new).collect();
            state.rows = rows;
            let places = state
                .gram
                .as_ref()
                .map_or(0, |gram| gram.places(state.targets.len()));
            state.products.clear();
            state.products.resize(places, 0.0);
        });
        Ok(())
    }

    /// Stores products `[count, n]` of the targets from `first` on with all anchors.
    fn put_products(
        &self,
        py: Python<'_>,
        first: usize,
        products: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<()> {
        let block = products.as_slice()?;
        let mut state = self.lock();
        let state = &mut *state;
        let Some(gram) = &state.gram else {
            return Err(misuse("no Gram matrix"));
        };
        let n_targets = state.targets.len();
        if products.shape()[1] != self.norms.len() || first + products.shape()[0] > n_targets {
            return Err(misuse(format!("products of {:?} at {first}", products.shape())));
        }
        py.detach(|| gram.arrange(block, first, n_targets, &mut state.products));
        Ok(())
    }

    /// Pursues the batch to its end from the Gram matrix.
    #[pyo3(signature = (*, progress = None))]
    fn pursue(&self, py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let rows = self.anchors.bind(py).readonly();
        let anchors = self.measured(&rows)?;
        run(py, progress, |control| {
            let mut state = self.lock();
            let State {
                gram,
                rows,
                targets,
                products,
            } = &mut *state;
            match gram {
                Some(gram) => gram.pursue(targets, rows, products, &self.call(&anchors, control)),
                None => Ok(()),
            }
        })
    }

    /// The residuals of the unfinished targets, `[active, width]`, rounded to float32.
    fn residuals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let width = self.anchors.bind(py).shape()[1];
        let state = self.lock();
        let flat: Vec<f32> = state
            .targets
            .iter()
            .filter(|target| !target.finished)
            .flat_map(|target| target.residual.iter().map(|&value| value as f32))
            .collect();
        let active = flat.len() / width;
        flat.into_pyarray(py).reshape([active, width])
    }

    /// Takes the unfinished targets one step further, from their products `[active, n]` with all anchors.
    fn advance(&self, py: Python<'_>, products: PyReadonlyArray2<'_, f32>) -> PyResult<()> {
        let rows = self.anchors.bind(py).readonly();
        let anchors = self.measured(&rows)?;
        let shape = [products.shape()[0], products.shape()[1]];
        let products = products.as_slice()?;
        run(py, None, |control| {
            let mut state = self.lock();
            let State { rows, targets, .. } = &mut *state;
            let active = targets.iter().filter(|target| !target.finished).count();
            if shape != [active, anchors.len()] {
                return Err(tokbench_core::Error::Parameter {
                    name: "products",
                    message: format!("{shape:?} instead of {:?}", [active, anchors.len()]),
                });
            }
            advance(targets, rows, products, &self.call(&anchors, control))
        })
    }

    #[expect(clippy::cast_possible_wrap, reason = "entries in memory are fewer than 2^63")]
    /// Offsets of the targets, chosen anchors in order, coefficients, and relative residuals.
    fn results<'py>(&self, py: Python<'py>) -> Found<'py> {
        let state = self.lock();
        let mut ends = vec![0];
        let (mut chosen, mut coefficients) = (Vec::new(), Vec::new());
        for target in &state.targets {
            chosen.extend(target.chosen.iter().map(|&index| i64::from(index)));
            coefficients.extend_from_slice(&target.coefficients);
            ends.push(chosen.len() as i64);
        }
        let relative: Vec<f64> = state.targets.iter().map(|target| target.relative).collect();
        (
            ends.into_pyarray(py),
            chosen.into_pyarray(py),
            coefficients.into_pyarray(py),
            relative.into_pyarray(py),
        )
    }
}

impl MatchingPursuit {
    fn measured<'a>(&self, rows: &'a PyReadonlyArray2<'_, f32>) -> PyResult<Anchors<'a>> {
        Ok(Anchors::measured(
            rows.as_slice()?,
            rows.shape()[1],
            Arc::clone(&self.norms),
        ))
    }

    fn call<'a>(&'a self, anchors: &'a Anchors<'a>, control: &'a Control) -> Call<'a> {
        Call {
            anchors,
            rules: &self.rules,
            threads: self.threads,
            control,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

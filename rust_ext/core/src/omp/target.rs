//! One target: what has been chosen for it, and the step that adds an anchor.

use std::sync::Arc;

use super::dot::{dot, dot_mixed, subtract};

/// The rows to choose from.
#[derive(Debug, Clone)]
pub struct Anchors<'a> {
    /// `[n, width]`, row by row.
    pub rows: &'a [f32],
    /// Numbers in a row.
    pub width: usize,
    /// Euclidean norm of each row.
    pub norms: Arc<[f64]>,
    /// The largest of them.
    pub largest: f64,
}

impl<'a> Anchors<'a> {
    /// Measures the rows.
    ///
    /// # Panics
    /// If `rows` is no whole number of rows.
    pub fn new(rows: &'a [f32], width: usize) -> Self {
        assert!(
            width > 0 && rows.len().is_multiple_of(width),
            "rows of {width} numbers"
        );
        let norms: Arc<[f64]> = rows.chunks_exact(width).map(|row| dot(row, row).sqrt()).collect();
        Self::measured(rows, width, norms)
    }

    /// Takes the norms as they were measured before.
    pub fn measured(rows: &'a [f32], width: usize, norms: Arc<[f64]>) -> Self {
        let largest = norms.iter().copied().fold(0.0, f64::max);
        Self {
            rows,
            width,
            norms,
            largest,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.norms.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.norms.is_empty()
    }

    /// One row.
    #[inline]
    pub fn row(&self, index: u32) -> &[f32] {
        let start = index as usize * self.width;
        &self.rows[start..start + self.width]
    }
}

/// When a pursuit ends, and how coefficients are fitted.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The most anchors for a target.
    pub k: usize,
    /// A relative residual below this is good enough.
    pub tolerance: f64,
    /// An anchor whose part orthogonal to the chosen ones is below this share of it ends the pursuit.
    pub rank_tolerance: f64,
    /// Added to the squared norm of every chosen anchor in the least-squares problem.
    pub ridge: f64,
}

/// The pursuit of one target.
#[derive(Debug, Clone)]
pub struct Target {
    /// Anchors in the order of their choice.
    pub chosen: Vec<u32>,
    /// Their coefficients.
    pub coefficients: Vec<f64>,
    /// What they leave.
    pub residual: Vec<f64>,
    /// ‖target‖.
    pub norm: f64,
    /// ‖residual‖ / ‖target‖; 0 for a target of zeros.
    pub relative: f64,
    /// Nothing is to be added any more.
    pub finished: bool,
    /// Lower triangle, row by row, of the Cholesky factor of the chosen anchors' Gram matrix.
    factor: Vec<f64>,
    /// The factor's solution for the products of the chosen anchors with the target.
    halfway: Vec<f64>,
}

impl Target {
    /// Nothing chosen yet.
    pub fn new(row: &[f32]) -> Self {
        let norm = dot(row, row).sqrt();
        Self {
            chosen: Vec::new(),
            coefficients: Vec::new(),
            residual: row.iter().map(|&value| f64::from(value)).collect(),
            norm,
            relative: if norm > 0.0 { 1.0 } else { 0.0 },
            finished: norm == 0.0,
            factor: Vec::new(),
            halfway: Vec::new(),
        }
    }

    /// Takes the candidate with the largest product with the residual, the smallest index among equals; `candidates`
    /// ascend and hold nothing chosen.
    pub fn step(&mut self, row: &[f32], anchors: &Anchors<'_>, candidates: &[u32], rules: &Rules) {
        let mut best = (0.0, None);
        for &candidate in candidates {
            let product = dot_mixed(&self.residual, anchors.row(candidate)).abs();
            if product > best.0 {
                best = (product, Some(candidate));
            }
        }
        let Some(anchor) = best.1 else {
            self.finished = true;
            return;
        };
        if self.append(row, anchors, anchor, rules) {
            self.fit(row, anchors);
        } else {
            self.finished = true;
        }
        self.finished |= self.chosen.len() == rules.k || self.relative <= rules.tolerance;
    }

    /// Adds a row to the factor, unless the anchor is a combination of those chosen.
    fn append(&mut self, row: &[f32], anchors: &Anchors<'_>, anchor: u32, rules: &Rules) -> bool {
        let added = anchors.row(anchor);
        let n = self.chosen.len();
        let mut line = Vec::with_capacity(n + 1);
        for (s, &other) in self.chosen.iter().enumerate() {
            let known = &self.factor[s * (s + 1) / 2..];
            let sum: f64 = (0..s).map(|j| known[j] * line[j]).sum();
            line.push((dot(added, anchors.row(other)) - sum) / known[s]);
        }
        let squared = anchors.norms[anchor as usize] * anchors.norms[anchor as usize];
        let left = squared + rules.ridge - line.iter().map(|value| value * value).sum::<f64>();
        if left <= squared * rules.rank_tolerance * rules.rank_tolerance {
            return false;
        }
        let diagonal = left.sqrt();
        let sum: f64 = line.iter().zip(&self.halfway).map(|(l, h)| l * h).sum();
        self.halfway.push((dot(added, row) - sum) / diagonal);
        line.push(diagonal);
        self.factor.extend_from_slice(&line);
        self.chosen.push(anchor);
        true
    }

    /// Solves for the coefficients, and computes the residual afresh.
    fn fit(&mut self, row: &[f32], anchors: &Anchors<'_>) {
        let n = self.chosen.len();
        let mut solved = self.halfway.clone();
        for s in (0..n).rev() {
            let start = s * (s + 1) / 2;
            solved[s] /= self.factor[start + s];
            let value = solved[s];
            for (j, entry) in solved[..s].iter_mut().enumerate() {
                *entry -= self.factor[start + j] * value;
            }
        }
        for (left, &value) in self.residual.iter_mut().zip(row) {
            *left = f64::from(value);
        }
        for (&index, &coefficient) in self.chosen.iter().zip(&solved) {
            subtract(&mut self.residual, coefficient, anchors.row(index));
        }
        self.coefficients = solved;
        let squares: f64 = self.residual.iter().map(|value| value * value).sum();
        self.relative = squares.sqrt() / self.norm;
    }
}

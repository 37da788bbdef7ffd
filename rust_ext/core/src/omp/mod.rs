//! Orthogonal matching pursuit: many targets, each a sparse combination of the same anchors.
//!
//! A step takes, for every target, the anchor with the largest `|⟨r, a⟩|` (ties to the smaller index), r being what the
//! anchors chosen so far leave of the target, and fits all coefficients anew by least squares.
//!
//! The products of all anchors with all residuals decide the cost. They are only *screened*, with numbers whose error has
//! a bound: `gram` takes them from a Gram matrix of 16-bit integers, `direct` from a product of matrices that the caller
//! makes. Every anchor that the bound leaves in the running is then compared by products in double precision
//! (`target`). So what is chosen depends neither on the precision of the screen nor on threads or blocks.
//!
//! Sources: Pati, Rezaiifar, Krishnaprasad 1993 (the pursuit); Rubinstein, Zibulevsky, Elad 2008 (products from a Gram
//! matrix, growing Cholesky factor).

mod direct;
mod dot;
mod gram;
mod target;

pub use direct::advance;
pub use gram::Gram;
pub use target::{Anchors, Rules, Target};

/// What a call works with.
pub struct Call<'a> {
    /// The rows to choose from.
    pub anchors: &'a Anchors<'a>,
    /// When a pursuit ends.
    pub rules: &'a Rules,
    /// How many threads; the result does not depend on it.
    pub threads: usize,
    /// Who waits.
    pub control: &'a crate::Control,
}

/// Half the distance between 1 and the next float32: the relative error of one rounding.
const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;

/// How far a screened product of an anchor with the residual of `target` may be from the exact one.
///
/// The products of a row of `width` numbers with another, summed in float32 in any order, are off by at most
/// `width · ROUNDING` of the product of the two norms; so is a sum of the chosen anchors' contributions. `grain` is the
/// additional error of a contribution, relative to the norms.
fn slack(anchors: &Anchors<'_>, target: &Target, grain: f64) -> f64 {
    let terms = anchors.width as f64 + target.chosen.len() as f64 + 8.0;
    let contributed: f64 = target
        .chosen
        .iter()
        .zip(&target.coefficients)
        .map(|(&index, coefficient)| coefficient.abs() * anchors.norms[index as usize])
        .sum();
    let rounded = terms * ROUNDING * (target.norm + 2.0 * contributed);
    1.01 * anchors.largest * (rounded + grain * contributed)
}

/// The pool of a call.
fn pool(threads: usize) -> crate::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build()
        .map_err(|error| crate::Error::TooLarge {
            message: format!("the system refuses {threads} threads ({error}); raise its limits"),
        })
}

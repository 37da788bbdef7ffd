//! One step from products that the caller has made: no Gram matrix, for few targets or little memory.

use rayon::prelude::*;

use super::{Call, Target, pool, slack};
use crate::Result;

/// Takes every unfinished target one step further.
///
/// `products` are `[active, n]`: of the residuals of the unfinished targets, in their order, with all anchors, in
/// float32 from residuals rounded to float32.
///
/// # Errors
/// [`crate::Error::Interrupted`], or no threads.
///
/// # Panics
/// If the shapes do not fit.
pub fn advance(targets: &mut [Target], rows: &[f32], products: &[f32], call: &Call<'_>) -> Result<()> {
    let Call { anchors, rules, .. } = call;
    let n = anchors.len();
    let active = targets.iter().filter(|target| !target.finished).count();
    assert_eq!(
        products.len(),
        active * n,
        "a row of products for each active target"
    );
    pool(call.threads)?.install(|| {
        targets
            .iter_mut()
            .zip(rows.chunks_exact(anchors.width))
            .filter(|(target, _)| !target.finished)
            .zip(products.chunks_exact(n))
            .collect::<Vec<_>>()
            .into_par_iter()
            .try_for_each(|((target, row), line)| {
                call.control.check()?;
                let mut taken = target.chosen.clone();
                taken.sort_unstable();
                let free = |index: u32| taken.binary_search(&index).is_err();
                let best = line
                    .iter()
                    .enumerate()
                    .filter(|&(index, _)| free(index as u32))
                    .fold(0.0f32, |most, (_, product)| most.max(product.abs()));
                let floor = f64::from(best) - 2.0 * slack(anchors, target, 0.0);
                let candidates: Vec<u32> = (0u32..)
                    .zip(line)
                    .filter(|&(index, product)| f64::from(product.abs()) >= floor && free(index))
                    .map(|(index, _)| index)
                    .collect();
                target.step(row, anchors, &candidates, rules);
                Ok(())
            })
    })
}

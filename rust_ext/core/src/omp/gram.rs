//! Screening from the Gram matrix of the anchors, held as 16-bit integers.
//!
//! `⟨r, a_n⟩ = ⟨y, a_n⟩ - Σ_s γ_s ⟨a_s, a_n⟩`: a target needs the rows of the matrix that belong to its chosen anchors.
//! The matrix is cut into stripes of [`WIDE`] columns, one cache line of each row. All targets advance together, stripe by
//! stripe, so that the stripe is read from memory once for a step and from a near cache for each target, and the
//! sums of a stripe stay in registers.
//!
//! Row s is held in units of `‖a_s‖ · max ‖a‖ / 32767`, which bounds every entry (Cauchy-Schwarz) and makes the rounding
//! error at most half a unit.

use rayon::prelude::*;

use super::dot::dispatch;
use super::{Anchors, Call, Target, pool, slack};
use crate::{Error, Result};

/// Columns of a stripe: 64 bytes of each row.
const WIDE: usize = 32;
/// Units that the largest possible entry has.
const UNITS: f64 = 32767.0;
/// Half a unit, relative to the norms of the two anchors: the error of an entry.
const GRAIN: f64 = 0.5 / UNITS;
/// Targets of one piece of work when all stripes have been screened.
const TARGETS: usize = 8;

/// Gram matrix of anchors, and the products of a batch of targets with all anchors.
pub struct Gram {
    n: usize,
    /// `[stripes][n][WIDE]`.
    entries: Vec<i16>,
    /// What one unit of each row is.
    units: Vec<f64>,
}

impl Gram {
    /// An empty matrix for these anchors.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when there is no memory for it.
    pub fn new(anchors: &Anchors<'_>) -> Result<Self> {
        let n = anchors.len();
        let size = n.div_ceil(WIDE) * n * WIDE;
        let mut entries = Vec::new();
        entries.try_reserve_exact(size).map_err(|_| Error::TooLarge {
            message: format!(
                "the products of {n} anchors need {} bytes of memory; choose design=direct",
                2 * size
            ),
        })?;
        entries.resize(size, 0);
        let units = anchors
            .norms
            .iter()
            .map(|norm| norm * anchors.largest / UNITS)
            .collect();
        Ok(Self { n, entries, units })
    }

    /// Stores the products of the anchors `first..first + height` with the anchors from `first` on, and their mirror
    /// images; `block` is `[height, n - first]`.
    ///
    /// # Errors
    /// No threads.
    ///
    /// # Panics
    /// If the block has another shape.
    pub fn put(&mut self, first: usize, block: &[f32], threads: usize) -> Result<()> {
        let width = self.n - first;
        let height = block.len() / width;
        assert_eq!(block.len(), height * width, "rows of the width {width}");
        let (n, units) = (self.n, &self.units);
        let inverse: Vec<f32> = units
            .iter()
            .map(|&unit| if unit > 0.0 { (1.0 / unit) as f32 } else { 0.0 })
            .collect();
        pool(threads)?.install(|| {
            self.entries
                .par_chunks_exact_mut(n * WIDE)
                .enumerate()
                .for_each(|(stripe, entries)| {
                    let columns = stripe * WIDE..((stripe + 1) * WIDE).min(n);
                    let own = columns.start.max(first)..columns.end;
                    for row in first..first + height {
                        let line = &block[(row - first) * width..][..width];
                        for column in own.clone() {
                            entries[row * WIDE + column - columns.start] =
                                quantise(line[column - first], inverse[row]);
                        }
                    }
                    // The mirror image: rows behind the block, columns inside of it.
                    let inside = columns.start.max(first)..columns.end.min(first + height);
                    for column in inside {
                        let line = &block[(column - first) * width..][..width];
                        for row in first + height..n {
                            entries[row * WIDE + column - columns.start] =
                                quantise(line[row - first], inverse[row]);
                        }
                    }
                });
        });
        Ok(())
    }

    /// Pursues all targets to their end.
    ///
    /// `products` are `[stripes][targets][32]`, see [`Gram::arrange`].
    ///
    /// # Errors
    /// [`Error::Interrupted`], or no threads.
    pub fn pursue(
        &self,
        targets: &mut [Target],
        rows: &[f32],
        products: &[f32],
        call: &Call<'_>,
    ) -> Result<()> {
        let Call {
            anchors,
            rules,
            control,
            ..
        } = call;
        let pool = pool(call.threads)?;
        let n_targets = targets.len();
        let n_stripes = self.n.div_ceil(WIDE);
        let mut largest = vec![0.0f32; n_stripes * n_targets];
        control.start("pursuing", rules.k as u64);
        for _ in 0..rules.k {
            let wanted: Vec<Wanted> = targets.iter().map(|target| self.wanted(target)).collect();
            pool.install(|| {
                largest
                    .par_chunks_exact_mut(n_targets)
                    .enumerate()
                    .try_for_each(|(stripe, maxima)| {
                        control.check()?;
                        let begun = &products[stripe * n_targets * WIDE..][..n_targets * WIDE];
                        screen(self.stripe(stripe), stripe, begun, &wanted, maxima);
                        Ok(())
                    })
            })?;
            pool.install(|| {
                targets
                    .par_chunks_mut(TARGETS)
                    .enumerate()
                    .try_for_each(|(chunk, part)| {
                        control.check()?;
                        for (i, target) in part.iter_mut().enumerate().filter(|(_, one)| !one.finished) {
                            let at = chunk * TARGETS + i;
                            let maxima = || (0..n_stripes).map(|stripe| largest[stripe * n_targets + at]);
                            let best = maxima().fold(0.0, f32::max);
                            let floor = f64::from(best) - 2.0 * slack(anchors, target, GRAIN);
                            let mut candidates = Vec::new();
                            for (stripe, most) in maxima().enumerate() {
                                if f64::from(most) >= floor {
                                    let begun = &products[(stripe * n_targets + at) * WIDE..][..WIDE];
                                    let sums = sums_of(self.stripe(stripe), stripe, begun, &wanted[at]);
                                    let found = (0..WIDE)
                                        .filter(|&j| {
                                            f64::from(sums[j].abs()) >= floor && stripe * WIDE + j < self.n
                                        })
                                        .map(|j| (stripe * WIDE + j) as u32)
                                        .filter(|index| !target.chosen.contains(index));
                                    candidates.extend(found);
                                }
                            }
                            let row = &rows[at * anchors.width..][..anchors.width];
                            target.step(row, anchors, &candidates, rules);
                        }
                        Ok(())
                    })
            })?;
            control.advance(1);
            if targets.iter().all(|target| target.finished) {
                break;
            }
        }
        Ok(())
    }

    /// Copies products `[count, n]` of the targets from `first` on into `[stripes][n_targets][32]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn arrange(&self, products: &[f32], first: usize, n_targets: usize, into: &mut [f32]) {
        assert_eq!(
            into.len(),
            self.n.div_ceil(WIDE) * n_targets * WIDE,
            "places for all targets"
        );
        for (i, line) in products.chunks_exact(self.n).enumerate() {
            for (stripe, part) in line.chunks(WIDE).enumerate() {
                into[(stripe * n_targets + first + i) * WIDE..][..part.len()].copy_from_slice(part);
            }
        }
    }

    /// Numbers that the products of so many targets take.
    pub fn places(&self, n_targets: usize) -> usize {
        self.n.div_ceil(WIDE) * n_targets * WIDE
    }

    fn stripe(&self, stripe: usize) -> &[i16] {
        &self.entries[stripe * self.n * WIDE..][..self.n * WIDE]
    }

    fn wanted(&self, target: &Target) -> Wanted {
        Wanted {
            finished: target.finished,
            rows: target
                .chosen
                .iter()
                .zip(&target.coefficients)
                .map(|(&index, coefficient)| (index, (coefficient * self.units[index as usize]) as f32))
                .collect(),
        }
    }
}

/// Rows that a target takes away from its products, and how much of each.
pub(super) struct Wanted {
    finished: bool,
    rows: Vec<(u32, f32)>,
}

#[inline(always)]
fn quantise(value: f32, inverse: f32) -> i16 {
    // A product cannot exceed its bound but by rounding; the cast saturates.
    (value * inverse).round_ties_even() as i16
}

/// The products of one target with the anchors of a stripe; 0 for those that it has chosen.
#[inline(always)]
fn sums_of(entries: &[i16], stripe: usize, begun: &[f32], wanted: &Wanted) -> [f32; WIDE] {
    let mut sums = [0.0f32; WIDE];
    sums.copy_from_slice(begun);
    for &(row, weight) in &wanted.rows {
        let line = &entries[row as usize * WIDE..][..WIDE];
        for j in 0..WIDE {
            sums[j] -= weight * f32::from(line[j]);
        }
    }
    for &(row, _) in &wanted.rows {
        let at = (row as usize).wrapping_sub(stripe * WIDE);
        if at < WIDE {
            sums[at] = 0.0;
        }
    }
    sums
}

/// The largest product of every target in a stripe.
#[inline(always)]
fn screen_inner(entries: &[i16], stripe: usize, begun: &[f32], wanted: &[Wanted], maxima: &mut [f32]) {
    for ((own, most), from) in wanted
        .iter()
        .zip(maxima)
        .zip(begun.chunks_exact(WIDE))
        .filter(|((own, _), _)| !own.finished)
    {
        let sums = sums_of(entries, stripe, from, own);
        // Without its sign a float32 that is a number orders like its bits.
        let bits = sums.iter().fold(0, |largest: u32, sum| {
            largest.max(sum.to_bits() & (u32::MAX >> 1))
        });
        *most = f32::from_bits(bits);
    }
}

dispatch! {
    /// The largest product of every target in a stripe.
    screen, screen_wide, screen_inner,
    (entries: &[i16], stripe: usize, begun: &[f32], wanted: &[Wanted], maxima: &mut [f32])
}

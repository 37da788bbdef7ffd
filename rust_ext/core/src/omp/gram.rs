//! Screening from the Gram matrix of the anchors, held as 16-bit integers in two planes of bytes.
//!
//! `⟨r, a_n⟩ = ⟨y, a_n⟩ - Σ_s γ_s ⟨a_s, a_n⟩`: a target needs the rows of the matrix that belong to its chosen anchors.
//! The matrix is cut into stripes of [`WIDE`] columns. All targets advance together, stripe by stripe, so that a stripe
//! is read from memory once for a step and from a near cache for each target.
//!
//! An entry is `unit · (256 · upper + lower)`. The upper bytes alone screen all anchors (`screen`); only stripes that
//! the error of that leaves in the running are computed from both bytes, and only anchors that this leaves are compared
//! exactly. The unit of a row is what its largest entry outside of the diagonal needs: anchors of many dimensions are
//! nearly orthogonal, and a byte then says much more than a byte of `‖a_s‖ · max ‖a‖`, which bounds every entry.

use rayon::prelude::*;

use super::dot::dispatch;
use super::screen::{BYTE, Terms, WIDE, screen};
use super::{Anchors, Call, Target, pool, rounding};
use crate::{Error, Result};

/// Units that the largest possible entry has: its upper byte is 127.
const UNITS: f64 = 127.0 * 256.0;
/// Rows of a stripe's upper plane that a near cache holds.
const HEIGHT: usize = 16384;
/// The most rows that are not cut into blocks.
const WHOLE: usize = 24576;
/// Targets of one piece of work when all stripes have been screened: a cache line of their largest products.
const TARGETS: usize = 16;

type Row = [u8; WIDE];

/// Gram matrix of anchors, and the products of a batch of targets with all anchors.
pub struct Gram {
    n: usize,
    /// `[stripes][n][WIDE]` entries of two bytes while the matrix is being filled; then each stripe holds the upper
    /// bytes `[n][WIDE]` and after them the lower ones.
    entries: Vec<Row>,
    /// What one unit of each row is.
    units: Vec<f64>,
    /// How far an entry of each row may be off.
    off: Vec<f64>,
    settled: bool,
}

impl Gram {
    /// An empty matrix for these anchors.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when there is no memory for it.
    pub fn new(anchors: &Anchors<'_>) -> Result<Self> {
        let n = anchors.len();
        let size = n.div_ceil(WIDE) * n * 2;
        let mut entries = Vec::new();
        entries.try_reserve_exact(size).map_err(|_| Error::TooLarge {
            message: format!(
                "the products of {n} anchors need {} bytes of memory; choose design=direct",
                size * WIDE
            ),
        })?;
        crate::engine::pages::advise(&entries);
        entries.resize(size, [0; WIDE]);
        let units: Vec<f64> = anchors
            .norms
            .iter()
            .map(|norm| norm * anchors.largest / UNITS)
            .collect();
        Ok(Self {
            n,
            entries,
            off: units.iter().map(|unit| 0.5 * unit).collect(),
            units,
            settled: false,
        })
    }

    /// Stores the products of the anchors `first..first + height` with the anchors from `first` on, and their mirror
    /// images; `block` is `[height, n - first]`.
    ///
    /// # Errors
    /// No threads.
    ///
    /// # Panics
    /// If the block has another shape, or the matrix has been used already.
    pub fn put(&mut self, first: usize, block: &[f32], threads: usize) -> Result<()> {
        let width = self.n - first;
        let height = block.len() / width;
        assert_eq!(block.len(), height * width, "rows of the width {width}");
        assert!(!self.settled, "all blocks come before the first pursuit");
        let (n, units) = (self.n, &self.units);
        let inverse: Vec<f32> = units
            .iter()
            .map(|&unit| if unit > 0.0 { (1.0 / unit) as f32 } else { 0.0 })
            .collect();
        pool(threads)?.install(|| {
            self.entries
                .par_chunks_exact_mut(2 * n)
                .enumerate()
                .for_each(|(stripe, entries)| put(entries, stripe * WIDE, block, first, &inverse));
        });
        Ok(())
    }

    /// Gives every row the unit that it needs, and parts upper and lower bytes.
    ///
    /// # Errors
    /// No threads.
    fn settle(&mut self, threads: usize) -> Result<()> {
        if self.settled {
            return Ok(());
        }
        let n = self.n;
        let pool = pool(threads)?;
        let largest = pool.install(|| {
            self.entries
                .par_chunks_exact(2 * n)
                .enumerate()
                .fold(
                    || vec![0i16; n],
                    |mut most, (stripe, entries)| {
                        widest(entries, stripe * WIDE, &mut most);
                        most
                    },
                )
                .reduce(
                    || vec![0i16; n],
                    |mut one, other| {
                        for (mine, theirs) in one.iter_mut().zip(other) {
                            *mine = theirs.max(*mine);
                        }
                        one
                    },
                )
        });
        let factors: Vec<f32> = largest
            .iter()
            .map(|&most| {
                if most > 0 {
                    (UNITS / f64::from(most)) as f32
                } else {
                    1.0
                }
            })
            .collect();
        for ((unit, off), &factor) in self.units.iter_mut().zip(&mut self.off).zip(&factors) {
            *unit /= f64::from(factor);
            *off += 0.5 * *unit;
        }
        pool.install(|| {
            self.entries
                .par_chunks_exact_mut(2 * n)
                .for_each_with(Vec::new(), |lower, entries| part(entries, &factors, lower));
        });
        self.settled = true;
        Ok(())
    }

    /// Pursues all targets to their end.
    ///
    /// `products` are `[stripes][targets][WIDE]`, see [`Gram::arrange`].
    ///
    /// # Errors
    /// [`Error::Interrupted`], or no threads.
    pub fn pursue(
        &mut self,
        targets: &mut [Target],
        rows: &[f32],
        products: &[f32],
        call: &Call<'_>,
    ) -> Result<()> {
        self.settle(call.threads)?;
        let this = &*self;
        let control = call.control;
        let pool = pool(call.threads)?;
        let n_targets = targets.len();
        let (height, blocks) = if this.n <= WHOLE {
            (this.n, 1)
        } else {
            (HEIGHT, this.n.div_ceil(HEIGHT))
        };
        let products = products.as_chunks::<WIDE>().0;
        let mut largest = vec![0.0f32; this.n.div_ceil(WIDE) * n_targets];
        let mut taken: Vec<Vec<(u32, u16)>> = vec![Vec::new(); this.n.div_ceil(WIDE)];
        control.start("pursuing", call.rules.k as u64);
        for _ in 0..call.rules.k {
            let terms: Vec<Terms> = pool.install(|| {
                targets
                    .par_iter()
                    .map(|target| this.terms(target, height, blocks))
                    .collect()
            });
            pool.install(|| {
                largest
                    .par_chunks_exact_mut(n_targets)
                    .enumerate()
                    .try_for_each_init(
                        || vec![[0i32; WIDE]; n_targets],
                        |sums, (stripe, maxima)| {
                            control.check()?;
                            let begun = &products[stripe * n_targets..][..n_targets];
                            let upper = this.planes(stripe).0;
                            screen(upper, height, begun, &terms, &taken[stripe], sums, maxima);
                            Ok(())
                        },
                    )
            })?;
            pool.install(|| {
                targets
                    .par_chunks_mut(TARGETS)
                    .enumerate()
                    .try_for_each(|(chunk, part)| {
                        control.check()?;
                        let first = chunk * TARGETS;
                        let near = this.in_the_running(part, first, &terms[first..], &largest, call.anchors);
                        for ((i, target), stripes) in part.iter_mut().enumerate().zip(near) {
                            if !target.finished {
                                let at = first + i;
                                let begun = |stripe: usize| products[stripe * n_targets + at];
                                let candidates =
                                    this.candidates(target, &terms[at], &stripes, begun, call.anchors);
                                let row = &rows[at * call.anchors.width..][..call.anchors.width];
                                target.step(row, call.anchors, &candidates, call.rules);
                            }
                        }
                        Ok(())
                    })
            })?;
            control.advance(1);
            for ((at, target), terms) in (0u32..).zip(&*targets).zip(&terms) {
                if terms.count < target.chosen.len() {
                    let anchor = target.chosen[terms.count];
                    let (list, bit) = (&mut taken[anchor as usize / WIDE], 1 << (anchor as usize % WIDE));
                    match list.iter_mut().find(|each| each.0 == at) {
                        Some((_, bits)) => *bits |= bit,
                        None => list.push((at, bit)),
                    }
                }
            }
            if targets.iter().all(|target| target.finished) {
                break;
            }
        }
        Ok(())
    }

    /// Copies products `[count, n]` of the targets from `first` on into `[stripes][n_targets][WIDE]`.
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

    /// Upper and lower bytes of a stripe.
    fn planes(&self, stripe: usize) -> (&[Row], &[Row]) {
        self.entries[stripe * 2 * self.n..][..2 * self.n].split_at(self.n)
    }

    /// What is taken away from the products of a target, in upper bytes.
    fn terms(&self, target: &Target, height: usize, blocks: usize) -> Terms {
        let rows: Vec<(u32, f64)> = if target.finished {
            Vec::new()
        } else {
            self.weights(target, 256.0).collect()
        };
        Terms::new(&rows, height, blocks, target.finished)
    }

    fn weights<'a>(&'a self, target: &'a Target, factor: f64) -> impl Iterator<Item = (u32, f64)> + 'a {
        target
            .chosen
            .iter()
            .zip(&target.coefficients)
            .map(move |(&index, coefficient)| (index, coefficient * self.units[index as usize] * factor))
    }

    /// How far a product computed from both bytes may be off, and one from the upper bytes alone.
    fn slacks(&self, anchors: &Anchors<'_>, target: &Target, terms: &Terms) -> (f64, f64) {
        let both: f64 = target
            .chosen
            .iter()
            .zip(&target.coefficients)
            .map(|(&index, coefficient)| coefficient.abs() * self.off[index as usize])
            .sum();
        let rest: f64 = self
            .weights(target, 0.5 * 256.0)
            .map(|(_, weight)| weight.abs())
            .sum();
        let rounded = rounding(anchors, target);
        (
            1.01 * (rounded + both),
            1.01 * (rounded + both + rest + terms.off),
        )
    }

    /// For each of a few targets the stripes that may hold its best anchor with their largest products, which fall.
    fn in_the_running(
        &self,
        targets: &[Target],
        first: usize,
        terms: &[Terms],
        largest: &[f32],
        anchors: &Anchors<'_>,
    ) -> Vec<Vec<(u32, f32)>> {
        let n_stripes = self.n.div_ceil(WIDE);
        let n_targets = largest.len() / n_stripes;
        let line = |stripe: usize| &largest[stripe * n_targets + first..][..targets.len()];
        let mut best = vec![0.0f32; targets.len()];
        for stripe in 0..n_stripes {
            for (best, &most) in best.iter_mut().zip(line(stripe)) {
                *best = best.max(most);
            }
        }
        let floors: Vec<f64> = targets
            .iter()
            .zip(terms)
            .zip(&best)
            .map(|((target, terms), &best)| f64::from(best) - 2.0 * self.slacks(anchors, target, terms).1)
            .collect();
        let mut found = vec![Vec::new(); targets.len()];
        for stripe in 0..n_stripes {
            for ((found, &floor), &most) in found.iter_mut().zip(&floors).zip(line(stripe)) {
                if f64::from(most) >= floor {
                    found.push((stripe as u32, most));
                }
            }
        }
        for found in &mut found {
            found.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        }
        found
    }

    /// The anchors of some stripes that may be the best, by both bytes, ascending.
    ///
    /// What both bytes say of the first stripes is nearer to the truth than the screen: it ends the search early.
    fn candidates(
        &self,
        target: &Target,
        terms: &Terms,
        stripes: &[(u32, f32)],
        begun: impl Fn(usize) -> [f32; WIDE],
        anchors: &Anchors<'_>,
    ) -> Vec<u32> {
        let rows: Vec<(u32, f32)> = self
            .weights(target, 1.0)
            .map(|(index, weight)| (index, weight as f32))
            .collect();
        let (near, far) = self.slacks(anchors, target, terms);
        let mut values = Vec::new();
        let mut best = 0.0f32;
        for &(stripe, most) in stripes {
            if f64::from(most) < f64::from(best) - near - far {
                break;
            }
            let stripe = stripe as usize;
            let (upper, lower) = self.planes(stripe);
            let sums = both_bytes(upper, lower, &begun(stripe), &rows);
            for (index, value) in self.free(stripe, &sums, target) {
                best = best.max(value);
                values.push((index, value));
            }
        }
        let floor = f64::from(best) - 2.0 * near;
        values.retain(|&(_, value)| f64::from(value) >= floor);
        let mut found: Vec<u32> = values.into_iter().map(|(index, _)| index).collect();
        found.sort_unstable();
        found
    }

    /// The anchors of a stripe that the target has not chosen, with the sizes of their products.
    fn free<'a>(
        &self,
        stripe: usize,
        sums: &'a [f32; WIDE],
        target: &'a Target,
    ) -> impl Iterator<Item = (u32, f32)> + 'a {
        let count = WIDE.min(self.n - stripe * WIDE);
        sums[..count]
            .iter()
            .enumerate()
            .map(move |(j, sum)| ((stripe * WIDE + j) as u32, sum.abs()))
            .filter(|(index, _)| !target.chosen.contains(index))
    }
}

#[inline(always)]
fn quantise(value: f32, inverse: f32) -> [u8; 2] {
    // A product cannot exceed its bound but by rounding.
    let most = UNITS as f32;
    ((value * inverse).round_ties_even().clamp(-most, most) as i16).to_le_bytes()
}

/// Writes what a block holds of one stripe; `entries` are two rows of bytes for each anchor.
#[inline(always)]
fn put_inner(entries: &mut [Row], start: usize, block: &[f32], first: usize, inverse: &[f32]) {
    let n = inverse.len();
    let width = n - first;
    let height = block.len() / width;
    let end = (start + WIDE).min(n);
    let bytes = entries.as_flattened_mut();
    let (pairs, _) = bytes.as_chunks_mut::<2>();
    let (rows, _) = pairs.as_chunks_mut::<WIDE>();
    if start >= first && end == start + WIDE {
        for (i, line) in block.chunks_exact(width).enumerate() {
            let unit = inverse[first + i];
            let (own, _) = line[start - first..].as_chunks::<WIDE>();
            for (pair, &value) in rows[first + i].iter_mut().zip(&own[0]) {
                *pair = quantise(value, unit);
            }
        }
    } else {
        for (i, line) in block.chunks_exact(width).enumerate() {
            for column in start.max(first)..end {
                rows[first + i][column - start] = quantise(line[column - first], inverse[first + i]);
            }
        }
    }
    // The mirror image: rows behind the block, columns inside of it.
    let inside = start.max(first)..end.min(first + height);
    let lines: Vec<&[f32]> = inside
        .clone()
        .map(|column| &block[(column - first) * width + height..][..width - height])
        .collect();
    let Some(offset) = inside.start.checked_sub(start).filter(|_| !lines.is_empty()) else {
        return;
    };
    let behind = first + height;
    let mut tile = [[0f32; WIDE]; WIDE];
    for from in (0..width - height).step_by(WIDE) {
        let count = WIDE.min(width - height - from);
        for (j, line) in lines.iter().enumerate() {
            for (i, &value) in line[from..from + count].iter().enumerate() {
                tile[i][offset + j] = value;
            }
        }
        for (i, values) in tile[..count].iter().enumerate() {
            let row = behind + from + i;
            if lines.len() == WIDE {
                for (pair, &value) in rows[row].iter_mut().zip(values) {
                    *pair = quantise(value, inverse[row]);
                }
            } else {
                for (pair, &value) in rows[row][offset..offset + lines.len()]
                    .iter_mut()
                    .zip(&values[offset..])
                {
                    *pair = quantise(value, inverse[row]);
                }
            }
        }
    }
}

/// Keeps the largest entry of each row outside of the diagonal.
#[inline(always)]
fn widest_inner(entries: &[Row], start: usize, most: &mut [i16]) {
    let (pairs, _) = entries.as_flattened().as_chunks::<2>();
    let (rows, _) = pairs.as_chunks::<WIDE>();
    for (row, (line, most)) in rows.iter().zip(most).enumerate() {
        let mut values = [0; WIDE];
        for (value, &pair) in values.iter_mut().zip(line) {
            *value = i16::from_le_bytes(pair).abs();
        }
        if let Some(own) = row.checked_sub(start).filter(|&own| own < WIDE) {
            values[own] = 0;
        }
        for value in values {
            *most = value.max(*most);
        }
    }
}

/// Multiplies every row by its factor, and puts the upper bytes first.
#[inline(always)]
fn part_inner(entries: &mut [Row], factors: &[f32], lower: &mut Vec<Row>) {
    let n = factors.len();
    lower.resize(n, [0; WIDE]);
    for row in 0..n {
        let (pairs, _) = entries[2 * row..2 * row + 2].as_flattened().as_chunks::<2>();
        let mut upper = [0; WIDE];
        let most = UNITS as f32;
        for (j, &pair) in pairs.iter().enumerate() {
            let scaled = f32::from(i16::from_le_bytes(pair)) * factors[row];
            let value = scaled.round_ties_even().clamp(-most, most) as i32;
            let above = (value + 128) >> 8;
            upper[j] = above as u8;
            lower[row][j] = (value - (above << 8)) as u8;
        }
        // The row's own place lies at or behind this one.
        entries[row] = upper;
    }
    entries[n..].copy_from_slice(lower);
}

/// The products of one target with the anchors of a stripe, by both bytes.
#[inline(always)]
fn both_inner(upper: &[Row], lower: &[Row], begun: &[f32; WIDE], rows: &[(u32, f32)]) -> [f32; WIDE] {
    let mut sums = *begun;
    for &(row, weight) in rows {
        let (above, below) = (&upper[row as usize], &lower[row as usize]);
        for j in 0..WIDE {
            let whole = 256.0 * f32::from(above[j].cast_signed()) + f32::from(below[j].cast_signed());
            sums[j] -= weight * whole;
        }
    }
    sums
}

dispatch! {
    /// Writes what a block holds of one stripe.
    put, put_wide, put_inner, (entries: &mut [Row], start: usize, block: &[f32], first: usize, inverse: &[f32])
}
dispatch! {
    /// Keeps the largest entry of each row outside of the diagonal.
    widest, widest_wide, widest_inner, (entries: &[Row], start: usize, most: &mut [i16])
}
dispatch! {
    /// Multiplies every row by its factor, and puts the upper bytes first.
    part, part_wide, part_inner, (entries: &mut [Row], factors: &[f32], lower: &mut Vec<Row>)
}
dispatch! {
    /// The products of one target with the anchors of a stripe, by both bytes.
    both_bytes, both_wide, both_inner,
    (upper: &[Row], lower: &[Row], begun: &[f32; WIDE], rows: &[(u32, f32)]) -> [f32; WIDE]
}

/// The largest upper byte is one of [`BYTE`].
const _: () = assert!(UNITS == BYTE * 256.0);

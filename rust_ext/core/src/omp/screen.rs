//! Sums of rows of bytes, each with a weight: what screens the products of one target with the anchors of a stripe.
//!
//! A row is [`WIDE`] bytes with a sign, a weight 16 bits with a sign; all sums are whole numbers of 32 bits that cannot
//! overflow (see [`Terms::new`]), so that every processor finds the same. Rows go through the processor in pairs: the
//! bytes of two rows side by side times their two weights, added, is one instruction of AVX2.

/// Columns of a stripe.
pub(super) const WIDE: usize = 16;
/// The largest weight.
const WEIGHTS: f64 = 32767.0;
/// The largest byte.
pub(super) const BYTE: f64 = 127.0;
/// What a sum may reach.
const SUMS: f64 = 2e9;

/// Two rows and their weights.
#[derive(Clone, Copy)]
struct Pair {
    rows: [u32; 2],
    /// The first weight in the lower 16 bits, the second one in the upper.
    weights: i32,
}

impl Pair {
    fn new(first: (u32, i16), second: (u32, i16)) -> Self {
        let [low, high] = [first.1.cast_unsigned(), second.1.cast_unsigned()];
        Self {
            rows: [first.0, second.0],
            weights: (u32::from(low) | (u32::from(high) << 16)).cast_signed(),
        }
    }

    fn parts(self) -> [(u32, i32); 2] {
        let weights = [i32::from(self.weights as i16), self.weights >> 16];
        [(self.rows[0], weights[0]), (self.rows[1], weights[1])]
    }
}

/// The rows that are taken away from a target's products, by blocks of rows.
pub(super) struct Terms {
    pairs: Vec<Pair>,
    /// Where the pairs of each block end.
    ends: Vec<u32>,
    /// What one unit of a sum stands for.
    pub(super) unit: f64,
    /// How far a sum may be off because weights were rounded.
    pub(super) off: f64,
    /// How many rows there are.
    pub(super) count: usize,
    /// There is nothing to screen.
    pub(super) finished: bool,
}

impl Terms {
    /// Rounds the weights of `rows` (index, weight); `blocks` of `height` rows each.
    pub(super) fn new(rows: &[(u32, f64)], height: usize, blocks: usize, finished: bool) -> Self {
        let most = rows
            .iter()
            .fold(0.0, |most: f64, (_, weight)| most.max(weight.abs()));
        let total: f64 = rows.iter().map(|(_, weight)| weight.abs()).sum();
        // No weight above 16 bits, and no sum of products above 32.
        let unit = (most / WEIGHTS).max(total * BYTE / SUMS);
        let rounded = |weight: f64| {
            if unit > 0.0 {
                (weight / unit).round_ties_even() as i16
            } else {
                0
            }
        };
        let mut sorted = rows.to_vec();
        sorted.sort_unstable_by_key(|&(row, _)| row);
        let mut pairs = Vec::with_capacity(rows.len().div_ceil(2) + blocks);
        let mut ends = Vec::with_capacity(blocks);
        let mut left = &sorted[..];
        for block in 0..blocks {
            let count = left.partition_point(|&(row, _)| (row as usize) < (block + 1) * height);
            let (here, rest) = left.split_at(count);
            pairs.extend(here.chunks(2).map(|two| {
                let (first, weight) = two[0];
                let (second, other) = two
                    .get(1)
                    .map_or((first, 0), |&(row, weight)| (row, rounded(weight)));
                Pair::new((first, rounded(weight)), (second, other))
            }));
            ends.push(pairs.len() as u32);
            left = rest;
        }
        Self {
            pairs,
            ends,
            unit,
            off: 0.5 * unit * BYTE * rows.len() as f64,
            count: rows.len(),
            finished,
        }
    }

    #[inline(always)]
    fn block(&self, block: usize) -> &[Pair] {
        let start = if block == 0 {
            0
        } else {
            self.ends[block - 1] as usize
        };
        &self.pairs[start..self.ends[block] as usize]
    }

    /// The sums over all rows.
    #[cfg(test)]
    fn sums(&self, plane: &[[u8; WIDE]]) -> [i32; WIDE] {
        let mut sums = [0; WIDE];
        add_plain(plane, &self.pairs, &mut sums);
        sums
    }
}

/// A sum in the units of products.
#[inline(always)]
fn value(begun: f32, sum: i32, unit: f32) -> f32 {
    begun - sum as f32 * unit
}

/// Adds the weighted rows to the sums, as it reads.
#[inline(always)]
fn add_plain(plane: &[[u8; WIDE]], pairs: &[Pair], sums: &mut [i32; WIDE]) {
    for pair in pairs {
        for (row, weight) in pair.parts() {
            for (sum, &byte) in sums.iter_mut().zip(&plane[row as usize]) {
                *sum += weight * i32::from(byte.cast_signed());
            }
        }
    }
}

/// Finds the largest product of every target with the anchors of a stripe.
///
/// `plane` holds the upper bytes of the stripe, a row for each anchor; `begun` the products of the targets themselves,
/// `taken` the targets that have chosen anchors of the stripe, with a bit for each of these, `sums` is room for one entry
/// for each target.
pub(super) fn screen(
    plane: &[[u8; WIDE]],
    height: usize,
    begun: &[[f32; WIDE]],
    terms: &[Terms],
    taken: &[(u32, u16)],
    sums: &mut [[i32; WIDE]],
    maxima: &mut [f32],
) {
    sums.fill([0; WIDE]);
    let blocks = plane.len().div_ceil(height);
    for block in 0..blocks {
        let end = ((block + 1) * height).min(plane.len());
        fetch(&plane[block * height..end]);
        add(plane, block, terms, sums);
    }
    largest(begun, terms, sums, maxima);
    for &(target, bits) in taken {
        let target = target as usize;
        let unit = terms[target].unit as f32;
        maxima[target] = (0..WIDE)
            .filter(|j| bits >> j & 1 == 0)
            .map(|j| value(begun[target][j], sums[target][j], unit).abs())
            .fold(0.0, f32::max);
    }
}

#[inline(always)]
fn add_inner(plane: &[[u8; WIDE]], block: usize, terms: &[Terms], sums: &mut [[i32; WIDE]]) {
    for (own, sum) in terms.iter().zip(sums).filter(|(own, _)| !own.finished) {
        add_plain(plane, own.block(block), sum);
    }
}

#[inline(always)]
fn largest_inner(begun: &[[f32; WIDE]], terms: &[Terms], sums: &[[i32; WIDE]], maxima: &mut [f32]) {
    for (((own, sum), from), most) in terms.iter().zip(sums).zip(begun).zip(maxima) {
        if !own.finished {
            let unit = own.unit as f32;
            // Without its sign a float32 that is a number orders like its bits.
            let bits = (0..WIDE).fold(0, |most: u32, j| {
                most.max(value(from[j], sum[j], unit).to_bits() & (u32::MAX >> 1))
            });
            *most = f32::from_bits(bits);
        }
    }
}

super::dot::dispatch! {
    /// The largest value of each target.
    largest, largest_wide, largest_inner,
    (begun: &[[f32; WIDE]], terms: &[Terms], sums: &[[i32; WIDE]], maxima: &mut [f32])
}

/// Adds the rows of one block to the sums of all targets.
fn add(plane: &[[u8; WIDE]], block: usize, terms: &[Terms], sums: &mut [[i32; WIDE]]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { x86::add(plane, block, terms, sums) };
    }
    add_inner(plane, block, terms, sums);
}

/// Brings rows into a near cache, in the order of memory: targets read them in any order, which would wait for each.
///
/// They are read, because hints about so much memory are dropped.
fn fetch(rows: &[[u8; WIDE]]) {
    let lines = rows.iter().step_by(64 / WIDE);
    std::hint::black_box(lines.fold(0u8, |all, line| all ^ line[0]));
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_loadu_si128, _mm_unpackhi_epi8, _mm_unpacklo_epi8, _mm256_add_epi32,
        _mm256_cvtepi8_epi16, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_storeu_si256,
    };

    use super::{Terms, WIDE};

    #[target_feature(enable = "avx2")]
    pub(super) fn add(plane: &[[u8; WIDE]], block: usize, terms: &[Terms], sums: &mut [[i32; WIDE]]) {
        for (own, sum) in terms.iter().zip(sums).filter(|(own, _)| !own.finished) {
            let place = sum.as_mut_ptr().cast::<__m256i>();
            // SAFETY: an entry is two of these, and they need no alignment.
            let (mut left, mut right) =
                unsafe { (_mm256_loadu_si256(place), _mm256_loadu_si256(place.add(1))) };
            for pair in own.block(block) {
                let first = plane[pair.rows[0] as usize].as_ptr().cast::<__m128i>();
                let second = plane[pair.rows[1] as usize].as_ptr().cast::<__m128i>();
                // SAFETY: a row is one of these, and they need no alignment.
                let (first, second) = unsafe { (_mm_loadu_si128(first), _mm_loadu_si128(second)) };
                let weights = _mm256_set1_epi32(pair.weights);
                let one = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(first, second));
                let other = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(first, second));
                left = _mm256_add_epi32(left, _mm256_madd_epi16(one, weights));
                right = _mm256_add_epi32(right, _mm256_madd_epi16(other, weights));
            }
            // SAFETY: as above.
            unsafe {
                _mm256_storeu_si256(place, left);
                _mm256_storeu_si256(place.add(1), right);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look drawn, the same everywhere.
    fn drawn(count: usize) -> impl Iterator<Item = u64> {
        (0..count as u64).scan(9u64, |state, _| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Some(*state >> 33)
        })
    }

    #[test]
    fn sums_are_the_same_whatever_the_processor_and_the_blocks() {
        let mut plane: Vec<[u8; WIDE]> = drawn(70).map(|seed| [(seed % 251) as u8; WIDE]).collect();
        for (row, seed) in plane.iter_mut().zip(drawn(70)) {
            for (j, byte) in row.iter_mut().enumerate() {
                *byte = byte.wrapping_mul(7).wrapping_add((seed >> j) as u8);
            }
        }
        for count in [0, 1, 2, 7, 40] {
            let rows: Vec<(u32, f64)> = (0..count).map(|i| (i * 13 % 70, f64::from(i) - 11.3)).collect();
            let wanted = Terms::new(&rows, 70, 1, false).sums(&plane);
            for height in [70, 32, 9, 1] {
                let blocks = 70usize.div_ceil(height);
                let terms = [
                    Terms::new(&rows, height, blocks, false),
                    Terms::new(&rows, height, blocks, true),
                ];
                let mut sums = [[1; WIDE]; 2];
                let mut maxima = [0.0; 2];
                screen(
                    &plane,
                    height,
                    &[[0.5; WIDE]; 2],
                    &terms,
                    &[],
                    &mut sums,
                    &mut maxima,
                );
                assert_eq!(sums[0], wanted, "{count} rows in blocks of {height}");
                assert_eq!(sums[1], [0; WIDE], "a finished target is left alone");
                let unit = terms[0].unit as f32;
                let most = wanted
                    .iter()
                    .map(|&sum| value(0.5, sum, unit).abs())
                    .fold(0.0, f32::max);
                assert_eq!(maxima[0].to_bits(), most.to_bits());
                let bits = u16::MAX ^ 4;
                screen(
                    &plane,
                    height,
                    &[[0.5; WIDE]; 2],
                    &terms,
                    &[(0, bits)],
                    &mut sums,
                    &mut maxima,
                );
                assert_eq!(maxima[0].to_bits(), value(0.5, wanted[2], unit).abs().to_bits());
            }
        }
    }

    #[test]
    fn rounded_weights_are_within_their_bound_and_sums_do_not_overflow() {
        let many: Vec<(u32, f64)> = (0..5000)
            .map(|i| (i, if i % 3 == 0 { -1e-3 } else { 2e-3 }))
            .collect();
        let plane = vec![[127; WIDE]; 5000];
        let terms = Terms::new(&many, 5000, 1, false);
        let sums = terms.sums(&plane);
        let exact: f64 = many.iter().map(|(_, weight)| weight * 127.0).sum();
        assert!((f64::from(sums[3]) * terms.unit - exact).abs() <= terms.off);
        let total: f64 = many.iter().map(|(_, weight)| weight.abs()).sum();
        assert!(total * 127.0 / terms.unit <= f64::from(i32::MAX));
    }
}

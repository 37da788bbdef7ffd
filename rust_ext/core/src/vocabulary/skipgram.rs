//! Skip-gram with negative sampling: vectors of tokens from the tokens beside them.
//!
//! For every token of a line, as often as `epochs`: each neighbour within a window of random width predicts it
//! against `negative` tokens drawn from the unigram distribution to the power of 3/4. Frequent tokens are left out at
//! random (`sample`); the learning rate falls linearly. That is word2vec's algorithm, step by step.
//!
//! One thread, one stream of random numbers, sums in a fixed order and no fused multiply-add: the result is the same
//! on every machine with the same mathematics library.
//!
//! Source: Mikolov et al. 2013, arXiv 1310.4546; parameters as in gensim's `Word2Vec`.

#![expect(
    clippy::cast_sign_loss,
    reason = "shares and table lengths are not negative; a place below the table saturates at 0, as it should"
)]

use super::random::{Random, mix};
use crate::{Control, Error, Result};

/// The rate at which learning ends.
const LAST_RATE: f64 = 1e-4;
/// Numbers that are handled at a time.
const LANES: usize = 8;
/// The logistic function is tabulated between minus and plus this.
const RANGE: f32 = 8.0;
/// Steps of the table for each unit of its argument.
const PER_UNIT: f32 = 256.0;

/// What decides the vectors besides the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// Length of the vectors.
    pub dimensions: usize,
    /// Draws for each token.
    pub negative: usize,
    /// The learning rate at the beginning.
    pub rate: f64,
    /// The widest reach to either side.
    pub window: usize,
    /// Tokens that occur less often keep their first, random vector.
    pub min_count: u64,
    /// Share of the text above which a token is left out at random; 0 for never.
    pub sample: f64,
    /// Passes through the text.
    pub epochs: usize,
    /// Where the random numbers start.
    pub seed: u64,
}

/// Vectors of `n_tokens` tokens, row by row, of lines of token ids: line `i` is `ids[ends[i]..ends[i + 1]]`.
///
/// # Errors
/// [`Error::Parameter`] for more than 512 dimensions, [`Error::Interrupted`].
pub fn train(
    ids: &[u32],
    ends: &[usize],
    n_tokens: usize,
    p: &Parameters,
    control: &Control,
) -> Result<Vec<f32>> {
    // A vector is an array of a length known to the compiler, so that it stays in registers.
    match p.dimensions.div_ceil(LANES) {
        0..=2 => chosen::<2>(ids, ends, n_tokens, p, control),
        3..=4 => chosen::<4>(ids, ends, n_tokens, p, control),
        5..=7 => chosen::<7>(ids, ends, n_tokens, p, control),
        8..=13 => chosen::<13>(ids, ends, n_tokens, p, control),
        14..=25 => chosen::<25>(ids, ends, n_tokens, p, control),
        26..=38 => chosen::<38>(ids, ends, n_tokens, p, control),
        39..=64 => chosen::<64>(ids, ends, n_tokens, p, control),
        _ => Err(Error::Parameter {
            name: "dimensions",
            message: format!("{} is more than 512", p.dimensions),
        }),
    }
}

type Row<const N: usize> = [Lanes; N];

fn chosen<const N: usize>(
    ids: &[u32],
    ends: &[usize],
    n_tokens: usize,
    p: &Parameters,
    control: &Control,
) -> Result<Vec<f32>> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions that the function was compiled for.
        return unsafe { wide::<N>(ids, ends, n_tokens, p, control) };
    }
    run::<N>(ids, ends, n_tokens, p, control)
}

/// # Safety
/// The processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn wide<const N: usize>(
    ids: &[u32],
    ends: &[usize],
    n_tokens: usize,
    p: &Parameters,
    control: &Control,
) -> Result<Vec<f32>> {
    run::<N>(ids, ends, n_tokens, p, control)
}

#[inline(always)]
fn run<const N: usize>(
    ids: &[u32],
    ends: &[usize],
    n_tokens: usize,
    p: &Parameters,
    control: &Control,
) -> Result<Vec<f32>> {
    let mut counts = vec![0u64; n_tokens];
    for &id in ids {
        counts[id as usize] += 1;
    }
    for count in &mut counts {
        if *count < p.min_count {
            *count = 0;
        }
    }
    let mut inner = first_vectors::<N>(n_tokens, p);
    let mut outer: Vec<Row<N>> = vec![[[0.0; LANES]; N]; n_tokens];
    let n_words: u64 = counts.iter().sum();
    let all_words = n_words * p.epochs as u64;
    control.start("learning", all_words);
    if n_words > 0 {
        let logistic = Logistic::new();
        let draws = Draws::new(&counts);
        let keep = kept_shares(&counts, n_words, p.sample);
        let mut random = Random::new(mix(p.seed));
        let (mut line, mut outputs) = (Vec::new(), Vec::with_capacity(p.negative + 1));
        let mut gradients = Gradients::new(p.negative + 1);
        let mut done = 0u64;
        for bounds in (0..p.epochs).flat_map(|_| ends.windows(2)) {
            let before = done;
            line.clear();
            for &id in &ids[bounds[0]..bounds[1]] {
                if counts[id as usize] > 0 {
                    done += 1;
                    if keep[id as usize] >= 1.0 || random.unit() < keep[id as usize] {
                        line.push(id);
                    }
                }
            }
            let progress = before as f64 / all_words as f64;
            let rate = (p.rate - (p.rate - LAST_RATE) * progress) as f32;
            for at in 0..line.len() {
                let reach = p.window - random.below(p.window as u64) as usize;
                for beside in at.saturating_sub(reach)..(at + reach + 1).min(line.len()) {
                    if beside == at {
                        continue;
                    }
                    outputs.clear();
                    outputs.push(line[at]);
                    for _ in 0..p.negative {
                        let drawn = draws.draw(&mut random);
                        if drawn != line[at] {
                            outputs.push(drawn);
                        }
                    }
                    learn(
                        &mut inner[line[beside] as usize],
                        &outputs,
                        &mut outer,
                        rate,
                        &logistic,
                        &mut gradients,
                    );
                }
                if at % 1024 == 1023 {
                    control.check()?;
                }
            }
            control.advance(done - before);
            control.check()?;
        }
    }
    Ok(inner
        .iter()
        .flat_map(|row| row.as_flattened()[..p.dimensions].iter().copied())
        .collect())
}

/// One neighbour predicts one token, the first of `outputs`, against the others: all products are taken first.
#[inline(always)]
fn learn<const N: usize>(
    inner: &mut Row<N>,
    outputs: &[u32],
    outer: &mut [Row<N>],
    rate: f32,
    logistic: &Logistic,
    gradients: &mut Gradients,
) {
    let vector = *inner;
    for (sums, &id) in gradients.sums.iter_mut().zip(outputs) {
        *sums = products(&vector, &outer[id as usize]);
    }
    gradients.reduce(outputs.len(), rate, logistic);
    let mut change = [[0f32; LANES]; N];
    for (&gradient, &id) in gradients.values.iter().zip(outputs) {
        let output = &mut outer[id as usize];
        for part in 0..N {
            let before = output[part];
            change[part] = plus(change[part], before, gradient);
            output[part] = plus(before, vector[part], gradient);
        }
    }
    for part in 0..N {
        inner[part] = plus(inner[part], change[part], 1.0);
    }
}

type Lanes = [f32; LANES];

/// `a + b · times`, lane by lane; whole arrays in and out, which the compiler keeps in one register each.
#[inline(always)]
fn plus(a: Lanes, b: Lanes, times: f32) -> Lanes {
    let mut sum = a;
    for lane in 0..LANES {
        sum[lane] += b[lane] * times;
    }
    sum
}

#[inline(always)]
fn products<const N: usize>(a: &Row<N>, b: &Row<N>) -> [f32; LANES] {
    let mut sums = [0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums
}

/// The gradients of one neighbour's outputs.
struct Gradients {
    /// Products by lane.
    sums: Vec<[f32; LANES]>,
    values: Vec<f32>,
}

impl Gradients {
    fn new(n: usize) -> Self {
        Self {
            sums: vec![[0.0; LANES]; n],
            values: vec![0.0; n],
        }
    }

    /// Kept apart from the loop over vectors: together, the compiler spreads the sum of lanes over that loop.
    #[inline(never)]
    fn reduce(&mut self, n: usize, rate: f32, logistic: &Logistic) {
        let mut label = 1.0;
        for (value, s) in self.values[..n].iter_mut().zip(&self.sums) {
            let product = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
            *value = (label - logistic.of(product)) * rate;
            label = 0.0;
        }
    }
}

/// Uniform between minus and plus half of one over the length; the same for a token whatever the others are.
fn first_vectors<const N: usize>(n_tokens: usize, p: &Parameters) -> Vec<Row<N>> {
    let first = |id: u64| {
        let mut random = Random::new(mix(p.seed ^ mix(id + 1)));
        let mut row = [[0f32; LANES]; N];
        for value in &mut row.as_flattened_mut()[..p.dimensions] {
            *value = ((random.unit() - 0.5) / p.dimensions as f64) as f32;
        }
        row
    };
    (0..n_tokens as u64).map(first).collect()
}

/// The share of its occurrences that each token keeps: `(√(v / t) + 1) · t / v` with `t = sample · words`.
fn kept_shares(counts: &[u64], n_words: u64, sample: f64) -> Vec<f64> {
    let threshold = sample * n_words as f64;
    let share = |&count: &u64| {
        if sample <= 0.0 || count == 0 {
            return 1.0;
        }
        let over = count as f64 / threshold;
        (over.sqrt() + 1.0) / over
    };
    counts.iter().map(share).collect()
}

/// Draws tokens in proportion to their count to the power of 3/4, by Vose's alias table.
struct Draws {
    /// For each slot: below this share (of 2^32) itself, else the alias.
    slots: Vec<(u32, u32, u32)>,
}

impl Draws {
    fn new(counts: &[u64]) -> Self {
        let present: Vec<u32> = (0..counts.len() as u32)
            .filter(|&id| counts[id as usize] > 0)
            .collect();
        let weight = |&id: &u32| {
            let root = (counts[id as usize] as f64).sqrt().sqrt();
            root * root * root
        };
        let weights: Vec<f64> = present.iter().map(weight).collect();
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..shares.len()).partition(|&i| shares[i] < 1.0);
        let mut slots: Vec<(u32, u32, u32)> = present.iter().map(|&id| (u32::MAX, id, id)).collect();
        while let (Some(&few), Some(&many)) = (small.last(), large.last()) {
            small.pop();
            slots[few] = (
                (shares[few] * 4_294_967_296.0) as u32,
                present[few],
                present[many],
            );
            shares[many] -= 1.0 - shares[few];
            if shares[many] < 1.0 {
                large.pop();
                small.push(many);
            }
        }
        Self { slots }
    }

    #[inline(always)]
    fn draw(&self, random: &mut Random) -> u32 {
        let number = random.next();
        let slot = ((number >> 32) * self.slots.len() as u64) >> 32;
        let (share, own, alias) = self.slots[slot as usize];
        if (number as u32) < share { own } else { alias }
    }
}

/// `1 / (1 + e^-x)` in steps, 0 at the low end and 1 at the high end.
struct Logistic {
    table: Vec<f32>,
}

impl Logistic {
    fn new() -> Self {
        let n = (2.0 * RANGE * PER_UNIT) as usize;
        let middle = |i: usize| (i as f64 + 0.5) / f64::from(PER_UNIT) - f64::from(RANGE);
        let mut table: Vec<f32> = (0..n)
            .map(|i| (1.0 / (1.0 + (-middle(i)).exp())) as f32)
            .collect();
        (table[0], table[n - 1]) = (0.0, 1.0);
        Self { table }
    }

    #[inline(always)]
    fn of(&self, x: f32) -> f32 {
        // Below the table the conversion stops at 0, above at its end.
        let place = ((x + RANGE) * PER_UNIT) as usize;
        self.table[place.min(self.table.len() - 1)]
    }
}

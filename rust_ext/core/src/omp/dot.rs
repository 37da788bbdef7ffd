//! Sums in double precision, in a fixed order: the same on every processor.

const LANES: usize = 16;

/// `Σ left · right` of two rows of float32.
#[inline(always)]
fn product(left: &[f32], right: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (lefts, rights) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f64 = lefts
        .remainder()
        .iter()
        .zip(rights.remainder())
        .map(|(&l, &r)| f64::from(l) * f64::from(r))
        .sum();
    for (l, r) in lefts.zip(rights) {
        for i in 0..LANES {
            sums[i] += f64::from(l[i]) * f64::from(r[i]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `Σ left · right` of a row of float64 and one of float32.
#[inline(always)]
fn mixed(left: &[f64], right: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (lefts, rights) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f64 = lefts
        .remainder()
        .iter()
        .zip(rights.remainder())
        .map(|(&l, &r)| l * f64::from(r))
        .sum();
    for (l, r) in lefts.zip(rights) {
        for i in 0..LANES {
            sums[i] += l[i] * f64::from(r[i]);
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `sum -= factor · row`.
#[inline(always)]
fn take_away(sum: &mut [f64], factor: f64, row: &[f32]) {
    for (s, &r) in sum.iter_mut().zip(row) {
        *s -= factor * f64::from(r);
    }
}

/// Compiles a function twice, for any processor and for those with AVX2, and calls what fits.
macro_rules! dispatch {
    ($(#[$doc:meta])* $name:ident, $wide:ident, $inner:ident, ($($arg:ident: $kind:ty),*) $(-> $out:ty)?) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $wide($($arg: $kind),*) $(-> $out)? {
            $inner($($arg),*)
        }

        $(#[$doc])*
        #[inline]
        pub(super) fn $name($($arg: $kind),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has what the function is compiled for.
                return unsafe { $wide($($arg),*) };
            }
            $inner($($arg),*)
        }
    };
}
pub(super) use dispatch;

dispatch! {
    /// `Σ left · right` of two rows of float32.
    dot, dot_wide, product, (left: &[f32], right: &[f32]) -> f64
}
dispatch! {
    /// `Σ left · right` of a row of float64 and one of float32.
    dot_mixed, dot_mixed_wide, mixed, (left: &[f64], right: &[f32]) -> f64
}
dispatch! {
    /// `sum -= factor · row`.
    subtract, subtract_wide, take_away, (sum: &mut [f64], factor: f64, row: &[f32])
}

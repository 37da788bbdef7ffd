//! How often a document counts: an exact decimal, held as a whole number of ten-thousandths.

/// A weight of at least 0 with at most four decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// The weight times [`Weight::FINEST`].
    pub parts: u64,
}

impl Weight {
    /// Weights are multiples of one over this.
    pub const FINEST: u64 = 10_000;

    /// What a weight must be, for messages.
    pub const EXPECTED: &'static str = "a number of at least 0 with at most four decimals";

    /// The weight of so many repetitions.
    ///
    /// # Errors
    /// What is wrong with the number.
    pub fn of_integer(number: u64) -> Result<Self, &'static str> {
        let parts = number.checked_mul(Self::FINEST).ok_or("is too large")?;
        Ok(Self { parts })
    }

    /// The weight that a float stands for by its shortest decimal form: 0.1 is one tenth.
    ///
    /// # Errors
    /// What is wrong with the number.
    pub fn of_float(number: f64) -> Result<Self, &'static str> {
        if !number.is_finite() {
            return Err("is no finite number");
        }
        if number < 0.0 {
            return Err("is negative");
        }
        let digits = number.abs().to_string();
        let (whole, decimals) = digits.split_once('.').unwrap_or((&digits, ""));
        if decimals.len() > 4 {
            return Err("has more than four decimals");
        }
        let parts = format!("{whole}{decimals:0<4}")
            .parse()
            .map_err(|_| "is too large")?;
        Ok(Self { parts })
    }
}

#[cfg(test)]
mod tests {
    use super::Weight;

    #[test]
    fn decimals_are_exact() {
        for (number, parts) in [
            (0.1, 1_000),
            (0.0, 0),
            (-0.0, 0),
            (2.5, 25_000),
            (0.0001, 1),
            (1e-4, 1),
            (3.0, 30_000),
            (1e15, 10_000_000_000_000_000_000),
        ] {
            assert_eq!(Weight::of_float(number), Ok(Weight { parts }), "{number}");
        }
        for number in [0.00001, 0.1 + 0.2, 1e-300] {
            assert_eq!(
                Weight::of_float(number),
                Err("has more than four decimals"),
                "{number}"
            );
        }
        assert_eq!(Weight::of_float(-0.5), Err("is negative"));
        assert_eq!(Weight::of_float(1e16), Err("is too large"));
        assert_eq!(Weight::of_float(f64::NAN), Err("is no finite number"));
        assert_eq!(Weight::of_float(f64::INFINITY), Err("is no finite number"));
        assert_eq!(Weight::of_integer(7), Ok(Weight { parts: 70_000 }));
        assert_eq!(Weight::of_integer(u64::MAX), Err("is too large"));
    }
}

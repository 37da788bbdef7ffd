//! Asking whether memory will be granted before taking it: a refused allocation would end the process.

use crate::{Error, Result};

/// Whether the system grants so many bytes now. Another thread may take them first: what is foreseen is a limit on
/// the address space or on overcommitment, not the last byte.
pub fn can_allocate(n_bytes: usize) -> bool {
    let mut probe: Vec<u8> = Vec::new();
    let granted = probe.try_reserve_exact(n_bytes).is_ok();
    // Looked at, so that the pair of allocation and release is not optimised away.
    std::hint::black_box(&mut probe);
    granted
}

/// The error for memory that counting is not granted.
pub fn out_of_memory(n_bytes: usize) -> Error {
    Error::TooLarge {
        message: format!(
            "out of memory: the system refuses another {} MB for counting; give a memory budget (memory, --memory), \
             fewer threads, or a higher limit",
            n_bytes.div_ceil(1_000_000)
        ),
    }
}

/// Makes a refusal an error, for what counting takes.
///
/// # Errors
/// [`Error::TooLarge`] for memory that is not granted.
pub fn require(n_bytes: usize) -> Result<()> {
    if can_allocate(n_bytes) {
        Ok(())
    } else {
        Err(out_of_memory(n_bytes))
    }
}

/// Makes a refusal an error, for what training takes.
///
/// # Errors
/// [`Error::TooLarge`] for memory that is not granted.
pub fn require_for_training(n_bytes: usize, what: &str) -> Result<()> {
    if can_allocate(n_bytes) {
        return Ok(());
    }
    Err(Error::TooLarge {
        message: format!(
            "out of memory: the system refuses another {} MB for {what}; leave rare pretokens out \
             (min_pretoken_count, --min-pretoken-count), or raise the limit",
            n_bytes.div_ceil(1_000_000)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::can_allocate;

    #[test]
    fn no_machine_grants_everything() {
        assert!(can_allocate(0));
        assert!(can_allocate(1 << 20));
        assert!(!can_allocate(isize::MAX as usize - 4096));
        assert!(!can_allocate(usize::MAX));
    }
}

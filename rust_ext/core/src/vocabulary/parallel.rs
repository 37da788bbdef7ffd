//! Blocks of a range on several threads, their results in order.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Control, Result};

/// Cuts `0..n` into blocks of `size` and returns `work` of each, in order; `make` makes what one thread keeps.
///
/// # Errors
/// The first error in the order of the blocks, or [`crate::Error::Interrupted`].
pub fn blocks<S, T: Send>(
    n: usize,
    size: usize,
    threads: usize,
    control: &Control,
    make: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, Range<usize>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let n_blocks = n.div_ceil(size);
    let block = |i: usize| i * size..((i + 1) * size).min(n);
    if threads <= 1 || n_blocks <= 1 {
        let mut kept = make();
        return (0..n_blocks)
            .map(|i| {
                control.check()?;
                work(&mut kept, block(i))
            })
            .collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Result<T>>>> = Mutex::new((0..n_blocks).map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..threads.min(n_blocks) {
            scope.spawn(|| {
                let mut kept = make();
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n_blocks {
                        break;
                    }
                    let result = control.check().and_then(|()| work(&mut kept, block(i)));
                    let failed = result.is_err();
                    done.lock().unwrap_or_else(PoisonError::into_inner)[i] = Some(result);
                    if failed {
                        next.store(n_blocks, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    // Blocks are handed out in order: one that was never begun lies behind the one that failed.
    done.into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_iter()
        .flatten()
        .collect()
}

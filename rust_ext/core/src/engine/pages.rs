//! What large arrays need from the machine: 2 MB pages (fewer faults and address translations) and prefetching.

/// Below this size the ordinary pages are as good.
const LARGE: usize = 4 << 20;

/// An empty vector with room for `capacity` values, on large pages where the system grants them.
pub(crate) fn vec_with_capacity<T>(capacity: usize) -> Vec<T> {
    let values = Vec::with_capacity(capacity);
    advise(&values);
    values
}

/// Asks for large pages under a vector's memory. To be called before the memory is first used.
pub(crate) fn advise<T>(values: &Vec<T>) {
    let bytes = values.capacity() * size_of::<T>();
    if bytes < LARGE {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let start = (values.as_ptr() as usize).next_multiple_of(PAGE);
        let end = (values.as_ptr() as usize + bytes) & !(PAGE - 1);
        // SAFETY: the range lies inside an allocation that `values` owns, and the advice changes no content.
        // Its outcome only decides about speed, so a refusal needs no answer.
        let _ = unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
    }
}

/// Asks for the cache line of `values[at]`, which may lie outside.
#[inline]
pub(crate) fn prefetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching has no effect on memory, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(at).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

//! The memory of a hash table: zeroed, and on huge pages once it is large.
//!
//! A table beyond the reach of the address-translation cache costs a page walk per lookup on 4 KiB pages.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use memmap2::MmapMut;

use super::table::Short;

/// Size and alignment of a huge page.
const HUGE: usize = 2 << 20;

/// An array of slots.
#[derive(Debug)]
pub struct Slots {
    /// The first slot, inside of `memory`.
    first: NonNull<Short>,
    length: usize,
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    Heap(Vec<Short>),
    Map(MmapMut),
}

// SAFETY: `first` points into `memory`, which this value alone owns and which may be sent and shared.
unsafe impl Send for Slots {}
// SAFETY: as above; a shared reference gives read access only.
unsafe impl Sync for Slots {}

impl Slots {
    /// `length` free slots.
    pub fn new(length: usize) -> Self {
        let size = length * size_of::<Short>();
        if size >= HUGE {
            // One huge page more than needed, so that an aligned start lies inside.
            if let Ok(mut map) = MmapMut::map_anon(size + HUGE) {
                let start = map.as_ptr().align_offset(HUGE);
                #[cfg(target_os = "linux")]
                {
                    let advised = map.advise_range(memmap2::Advice::HugePage, start, size);
                    // Advice only: without huge pages the table is slower, not wrong.
                    drop(advised);
                }
                if let Some(first) = map
                    .get_mut(start..)
                    .and_then(|rest| NonNull::new(rest.as_mut_ptr()))
                {
                    return Self {
                        first: first.cast(),
                        length,
                        memory: Memory::Map(map),
                    };
                }
            }
        }
        let mut slots = vec![Short::default(); length];
        Self {
            first: NonNull::from(&mut slots[..]).cast(),
            length,
            memory: Memory::Heap(slots),
        }
    }

    /// Moves the used slots to the front and forgets the others.
    pub fn compact(&mut self) {
        let mut used = 0;
        for at in 0..self.length {
            if self[at].is_used() {
                self.swap(at, used);
                used += 1;
            }
        }
        self.length = used;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        match &self.memory {
            Memory::Heap(slots) => slots.capacity() * size_of::<Short>(),
            Memory::Map(map) => map.len() - HUGE,
        }
    }
}

impl Deref for Slots {
    type Target = [Short];

    #[inline]
    fn deref(&self) -> &[Short] {
        // SAFETY: `memory` holds at least `length` slots from `first` on, aligned, and owned by this value;
        // every bit pattern, the zeros of fresh memory included, is a slot.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.length) }
    }
}

impl DerefMut for Slots {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Short] {
        // SAFETY: as in `deref`, and the exclusive reference to this value is one to its memory.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.length) }
    }
}

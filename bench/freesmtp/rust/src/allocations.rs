//! Carries out the work of the command line, or on port 0 only composes it, and prints how often, and how much, it asked
//! the allocator for.
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; this one only counts and passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    error::Error,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use freesmtp_bench::Work;

struct Counting {
    calls: AtomicU64,
    bytes: AtomicU64,
}

#[global_allocator]
static ALLOCATOR: Counting = Counting { calls: AtomicU64::new(0), bytes: AtomicU64::new(0) };

impl Counting {
    fn count(&self, bytes: usize) {
        self.calls.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: the caller's promise for `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: the caller's promise for `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(size.saturating_sub(layout.size()));
        // SAFETY: `block` came from `System` with this `layout`, for every block of this allocator does.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as for `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::from_args()?;
    let before = (ALLOCATOR.calls.load(Relaxed), ALLOCATOR.bytes.load(Relaxed));
    if work.port == 0 {
        work.compose()?;
    } else {
        work.carry_out()?;
    }
    let (calls, bytes) = (ALLOCATOR.calls.load(Relaxed) - before.0, ALLOCATOR.bytes.load(Relaxed) - before.1);
    println!("sent={} allocations={calls} bytes={bytes}", work.count);
    Ok(())
}

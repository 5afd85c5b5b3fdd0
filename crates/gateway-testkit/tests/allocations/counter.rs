//! An allocator that counts what one thread allocates while it is asked to. Owns the counts, and where the allocations
//! were made; forbids nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Frames of a place: the innermost ones that are the core's.
const FRAMES: usize = 4;

thread_local! {
    static COUNT: Cell<Option<u64>> = const { Cell::new(None) };
    static PLACES: RefCell<Option<BTreeMap<String, u64>>> = const { RefCell::new(None) };
}

/// The system's allocator, counted.
pub struct Counter;

#[expect(
    unsafe_code,
    reason = "allocators are unsafe by definition; this one only counts"
)]
// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Counts one allocation, or one growth. A thread that ends has no counts any more.
fn note() {
    let Ok(Some(count)) = COUNT.try_with(Cell::get) else {
        return;
    };
    // What the counting itself allocates is not counted.
    COUNT.set(None);
    PLACES.with_borrow_mut(|places| {
        if let Some(places) = places {
            *places.entry(place()).or_default() += 1;
        }
    });
    COUNT.set(Some(count + 1));
}

/// The innermost functions of the core that are being called.
fn place() -> String {
    let trace = Backtrace::force_capture().to_string();
    let mut lines = trace.lines().map(str::trim).peekable();
    let mut frames = Vec::new();
    while lines.next().is_some() {
        let file = lines.peek().and_then(|next| next.strip_prefix("at "));
        if let Some((_, file)) = file.and_then(|file| file.split_once("gateway-core/src/")) {
            frames.push(
                file.rsplit_once(':')
                    .map_or(file, |(file, _)| file)
                    .to_owned(),
            );
            if frames.len() == FRAMES {
                break;
            }
        }
    }
    frames.join(" < ")
}

/// Allocations of `work`, on this thread. With the variable `ALLOCATION_PLACES` it also prints where they were made.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let has_places = std::env::var_os("ALLOCATION_PLACES").is_some();
    PLACES.set(has_places.then(BTreeMap::new));
    COUNT.set(Some(0));
    let outcome = work();
    let count = COUNT.take().unwrap_or_default();
    if let Some(places) = PLACES.take() {
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (place, count) in places {
            println!("{count:5}  {place}");
        }
    }
    (outcome, count)
}

/// Does `work` that is the test's own, uncounted.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    let count = COUNT.take();
    let outcome = work();
    COUNT.set(count);
    outcome
}

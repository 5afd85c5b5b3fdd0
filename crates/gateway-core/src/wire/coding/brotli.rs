//! Brotli (RFC 7932). Owns the calls of its decoder.

use std::cell::Cell;
use std::rc::Rc;

use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper as _, StandardAlloc,
};

use super::{Damaged, DecodeStep, Stage};

pub const NAME: &str = "br";
/// The default allocator with a count of its use: a window has up to 16 MiB, as the stream declares.
#[derive(Clone, Default)]
struct CountingAllocator {
    allocator: StandardAlloc,
    bytes: Rc<Cell<usize>>,
}

impl<T: Clone + Default> Allocator<T> for CountingAllocator {
    type AllocatedMemory = <StandardAlloc as Allocator<T>>::AllocatedMemory;

    fn alloc_cell(&mut self, length: usize) -> Self::AllocatedMemory {
        let more = length.saturating_mul(size_of::<T>());
        self.bytes.set(self.bytes.get().saturating_add(more));
        self.allocator.alloc_cell(length)
    }

    fn free_cell(&mut self, memory: Self::AllocatedMemory) {
        let less = memory.slice().len().saturating_mul(size_of::<T>());
        self.bytes.set(self.bytes.get().saturating_sub(less));
        self.allocator.free_cell(memory);
    }
}

type DecoderState = BrotliState<CountingAllocator, CountingAllocator, CountingAllocator>;

/// A brotli stream.
pub struct Brotli {
    state: DecoderState,
    bytes: Rc<Cell<usize>>,
    total: usize,
    is_whole: bool,
}

impl Brotli {
    /// At the beginning of a stream.
    pub fn new() -> Self {
        let allocator = CountingAllocator::default();
        Self {
            bytes: Rc::clone(&allocator.bytes),
            state: BrotliState::new_strict(allocator.clone(), allocator.clone(), allocator),
            total: 0,
            is_whole: false,
        }
    }
}

impl Stage for Brotli {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<DecodeStep, Damaged> {
        if self.is_whole {
            return Ok(DecodeStep {
                read: input.len(),
                written: 0,
            });
        }
        let (mut unread, mut room) = (input.len(), output.len());
        let mut step = DecodeStep::default();
        let result = BrotliDecompressStream(
            &mut unread,
            &mut step.read,
            input,
            &mut room,
            &mut step.written,
            output,
            &mut self.total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => Err(Damaged),
            BrotliResult::ResultSuccess => {
                self.is_whole = true;
                Ok(step)
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(step),
        }
    }

    fn memory(&self) -> usize {
        self.bytes.get()
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }
}

//! The memory that bodies may take together in one instance. Owns the count and which requests may take more: an
//! instance that runs out of memory is ended by its host with all its requests, and WebAssembly memory never shrinks.
//!
//! What is counted is what is held, not what was announced. Requests and answers share one budget, of which requests
//! leave a part free: answers are what releases memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::units::MIB;

/// The default for all bodies together: hosts commonly give an instance 256 MiB, of which code, configuration, small
/// bodies, buffers and fragmentation take the rest.
pub const DEFAULT_BYTES: usize = 176 * MIB;
/// This much of each body or answer is not counted; nearly all are smaller, and many of them are no load.
pub const FREE_BYTES: usize = 64 * 1024;
/// The part of the budget that requests leave to answers: one byte in this many.
const ANSWERS_PART: usize = 6;
/// The largest part of a body that is copied when it is handed to the host.
const UPLOAD_BYTES: usize = 256 * 1024;

/// The budget of one instance.
#[derive(Debug)]
pub struct Memory {
    limit: usize,
    state: Mutex<MemoryState>,
}

#[derive(Debug, Default)]
struct MemoryState {
    taken: usize,
    /// Requests whose bodies are being read, the oldest first, with what each may still need.
    uploads: VecDeque<(u64, usize)>,
    tickets: u64,
}

/// There is no room now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There will be room when others have been answered.
    Now,
    /// There never will be room: it is more than the whole budget.
    Ever,
}

/// A part of the budget, released when dropped.
#[derive(Debug)]
pub struct Share {
    memory: Arc<Memory>,
    bytes: usize,
}

/// The share of a request whose body is being read. The oldest of them can always be read to its end, regardless of the
/// others, so that requests waiting for each other cannot deadlock.
#[derive(Debug)]
pub struct Upload {
    share: Share,
    ticket: Option<u64>,
    /// What the whole body may cost.
    most: usize,
    /// What it costs by its announced length.
    expected: usize,
}

/// The budget that a body of `bytes` takes while its request is served: the body, once more while its pieces are joined
/// or as it is edited for an upstream, some slack, and what is on its way to the host.
pub const fn cost_of_request(bytes: usize) -> usize {
    if bytes <= FREE_BYTES {
        return 0;
    }
    let upload = if bytes < UPLOAD_BYTES {
        bytes
    } else {
        UPLOAD_BYTES
    };
    bytes
        .saturating_mul(2)
        .saturating_add(bytes / 8)
        .saturating_add(upload)
}

/// The budget that `bytes` of an answer take in a buffer that grows by doubling.
pub const fn cost_of_answer(bytes: usize) -> usize {
    if bytes <= FREE_BYTES {
        return 0;
    }
    bytes.saturating_mul(2)
}

impl Memory {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::default(),
        })
    }

    /// An empty share, for an answer.
    pub fn share(self: &Arc<Self>) -> Share {
        Share {
            memory: Arc::clone(self),
            bytes: 0,
        }
    }

    /// An empty share for a request whose body has at most `most` bytes, and an announced length. The announced length
    /// makes it wait at its beginning, when it holds nothing yet, and is not reserved.
    pub fn upload(self: &Arc<Self>, most: usize, announced: Option<usize>) -> Upload {
        Upload {
            share: self.share(),
            ticket: None,
            most: cost_of_request(announced.unwrap_or(most)),
            expected: cost_of_request(announced.unwrap_or_default()),
        }
    }

    /// The budget as a whole.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// What is in use now.
    pub fn taken(&self) -> usize {
        self.state().taken
    }

    const fn limit_of_requests(&self) -> usize {
        self.limit - self.limit / ANSWERS_PART
    }

    fn state(&self) -> MutexGuard<'_, MemoryState> {
        // One thread uses it; and the sums are consistent after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Resizes it to `bytes`. Only growing can fail, and then changes nothing.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Full> {
        if bytes > self.memory.limit {
            return Err(Full::Ever);
        }
        let mut state = self.memory.state();
        let taken = state.taken - self.bytes + bytes;
        if bytes > self.bytes && taken > self.memory.limit {
            return Err(Full::Now);
        }
        state.taken = taken;
        drop(state);
        self.bytes = bytes;
        Ok(())
    }

    /// Whether it holds nothing.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// `bytes`, which keep the share for as long as any part of them lives.
    pub fn keep(self, bytes: Bytes) -> Bytes {
        Arc::new(self).keep_too(bytes)
    }

    /// The same where several bodies have one share.
    pub fn keep_too(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        struct Kept(
            Bytes,
            #[expect(dead_code, reason = "given back when dropped")] Arc<Share>,
        );
        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        if self.bytes == 0 {
            return bytes;
        }
        Bytes::from_owner(Kept(bytes, Arc::clone(self)))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.state().taken -= self.bytes;
    }
}

impl Upload {
    /// Takes what a body of `bytes` needs, of which less has been read so far.
    pub fn cover(&mut self, bytes: usize) -> Result<(), Full> {
        let cost = cost_of_request(bytes);
        if cost <= self.share.bytes {
            return Ok(());
        }
        let memory = &self.share.memory;
        let limit = memory.limit_of_requests();
        if cost > limit {
            return Err(Full::Ever);
        }
        let mut state = memory.state();
        let ticket = *self.ticket.get_or_insert_with(|| {
            let ticket = state.tickets;
            state.tickets += 1;
            state.uploads.push_back((ticket, self.most));
            ticket
        });
        // All others leave what the oldest may still need.
        let reserved = match state.uploads.front() {
            Some((oldest, rest)) if *oldest != ticket => *rest,
            _ => 0,
        };
        let expected = if self.share.bytes == 0 {
            cost.max(self.expected)
        } else {
            cost
        };
        let taken = state.taken - self.share.bytes + cost;
        if (taken - cost + expected).saturating_add(reserved) > limit {
            return Err(Full::Now);
        }
        state.taken = taken;
        if let Some((_, rest)) = state.uploads.iter_mut().find(|(known, _)| *known == ticket) {
            *rest = self.most.saturating_sub(cost);
        }
        drop(state);
        self.share.bytes = cost;
        Ok(())
    }

    /// The body has been read, and has `bytes`.
    pub fn finish(mut self, bytes: usize) -> Share {
        self.leave();
        let empty = self.share.memory.share();
        let mut share = std::mem::replace(&mut self.share, empty);
        let cost = cost_of_request(bytes).min(share.bytes);
        // It cannot fail, as it does not grow.
        let _ = share.resize(cost);
        share
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let mut state = self.share.memory.state();
            state.uploads.retain(|(known, _)| *known != ticket);
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests;

//! The outgoing body of a request: recorded until the response's head arrives, so that it can be sent again. Owns how
//! much is recorded; when it is sent again is decided in `super`.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Larger bodies are sent once.
const MAX_BYTES: usize = 4 << 20;
/// Empty pieces that are skipped before yielding to other work.
const EMPTY_AT_ONCE: usize = 64;

/// A body that can be sent more than once, as long as it is small.
pub struct Replay(Arc<Mutex<Recording>>);

struct Recording {
    source: WasiBody,
    /// The length as it was announced at first.
    hint: SizeHint,
    pieces: Vec<Bytes>,
    bytes: usize,
    /// Whether pieces are still added.
    is_on: bool,
    /// Whether `pieces` is all that came from the source.
    is_whole: bool,
    /// Whether the source has come to its end.
    is_over: bool,
}

impl Replay {
    /// Nothing was sent yet.
    pub fn new(source: WasiBody) -> Self {
        Self(Arc::new(Mutex::new(Recording {
            hint: source.size_hint(),
            is_over: source.is_end_stream(),
            source,
            pieces: Vec::new(),
            bytes: 0,
            is_on: true,
            is_whole: true,
        })))
    }

    /// The body from its beginning.
    pub fn body(&self) -> Sending {
        Sending {
            recording: Arc::clone(&self.0),
            next: 0,
        }
    }

    /// Whether another [`Self::body`] would be the same.
    pub fn is_whole(&self) -> bool {
        lock(&self.0).is_whole
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // The call in progress continues; it will not be replayed.
        lock(&self.0).is_on = false;
    }
}

fn lock(recording: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    fn take_in(&mut self, piece: &Bytes) {
        if !self.is_on || self.bytes + piece.len() > MAX_BYTES {
            self.give_up();
            return;
        }
        self.bytes += piece.len();
        self.pieces.push(piece.clone());
    }

    fn give_up(&mut self) {
        self.is_on = false;
        self.is_whole = false;
        self.pieces = Vec::new();
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        for _ in 0..EMPTY_AT_ONCE {
            let frame = ready!(Pin::new(&mut self.source).poll_frame(cx));
            match &frame {
                Some(Ok(frame)) => match frame.data_ref() {
                    // HTTP/2 would queue a frame for each, without any flow control.
                    Some(data) if data.is_empty() => continue,
                    Some(data) => self.take_in(data),
                    None => self.give_up(),
                },
                Some(Err(_)) => self.give_up(),
                None => self.is_over = true,
            }
            return Poll::Ready(frame);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// One sending of the body.
pub struct Sending {
    recording: Arc<Mutex<Recording>>,
    /// The next recorded piece.
    next: usize,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let shared = Arc::clone(&self.recording);
        let mut recording = lock(&shared);
        if let Some(piece) = recording.pieces.get(self.next) {
            self.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(piece.clone()))));
        }
        if recording.is_over {
            return Poll::Ready(None);
        }
        let frame = recording.poll_source(cx);
        self.next = recording.pieces.len();
        frame
    }

    fn is_end_stream(&self) -> bool {
        let recording = lock(&self.recording);
        recording.is_over && self.next >= recording.pieces.len()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.recording).hint
    }
}

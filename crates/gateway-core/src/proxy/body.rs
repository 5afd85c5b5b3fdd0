//! Reads a request's body: decoded, bounded, and within the memory that the instance has for bodies. Owns the waiting
//! for that memory, and which requests are rejected; how much there is and which request comes first is `memory`'s.

use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use http_body_util::BodyExt as _;

use crate::error::{ErrorCode, GatewayError};
use crate::memory::{Full, Memory, Share, Upload, cost_of_request};
use crate::ports::{Clock, SendError, SendErrorKind};
use crate::segmented_buffer::SegmentedBuffer;
use crate::wire::coding::{CodingError, Decoder};

/// Time between two checks for memory: a request cannot be woken by another one of its instance.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Checks until a request is rejected: 20 s in all.
const MOST_LOOKS: u32 = 1_000;
/// Checks until an attempt does without another copy of its request: 2 s.
const MOST_LOOKS_OF_COPY: u32 = 100;
/// When a rejected client may retry, in seconds.
const RETRY_AFTER_S: u64 = 5;

/// A body that was read, and its share of the instance's memory.
#[derive(Debug)]
pub struct Received {
    /// The body as the client meant it, without compression.
    pub bytes: Bytes,
    memory: Arc<Memory>,
    share: Arc<Share>,
}

/// Waits until there is memory for `bytes`.
pub async fn room(
    clock: &impl Clock,
    memory: &Arc<Memory>,
    bytes: usize,
) -> Result<Share, GatewayError> {
    let mut share = memory.share();
    for _ in 0..MOST_LOOKS_OF_COPY {
        match share.resize(bytes) {
            Ok(()) => return Ok(share),
            Err(Full::Ever) => return Err(too_large_for_instance()),
            Err(Full::Now) => clock.sleep(LOOK_INTERVAL).await,
        }
    }
    Err(busy())
}

/// References to a share beside those of copies: the one of the body, and of its bytes.
const OWN_REFERENCES: usize = 2;

impl Received {
    /// A body that was made here, with memory for at least as much.
    pub fn made(bytes: Bytes, memory: &Arc<Memory>, mut share: Share) -> Self {
        // It cannot fail, as it does not grow.
        let _ = share.resize(cost_of_request(bytes.len()));
        Self::counted(bytes, memory, share)
    }

    fn counted(bytes: Bytes, memory: &Arc<Memory>, share: Share) -> Self {
        let share = Arc::new(share);
        Self {
            bytes: share.keep_too(bytes),
            memory: Arc::clone(memory),
            share,
        }
    }

    /// Waits until there is memory for one more copy of the body than is counted already: the copies of parallel
    /// attempts, or of those still being sent. Returns the copy's own share, where it needs one.
    pub async fn room_for_copy(&self, clock: &impl Clock) -> Result<Option<Share>, SendError> {
        if self.share.is_empty() || Arc::strong_count(&self.share) <= OWN_REFERENCES {
            return Ok(None);
        }
        let mut share = self.memory.share();
        for _ in 0..MOST_LOOKS_OF_COPY {
            if share.resize(self.bytes.len()).is_ok() {
                return Ok(Some(share));
            }
            clock.sleep(LOOK_INTERVAL).await;
        }
        Err(SendError {
            kind: SendErrorKind::Denied,
            detail: "there is no memory for one more copy of the request".to_owned(),
        })
    }

    /// An upstream's body, which keeps the memory that is counted for it.
    pub fn keep(&self, body: Bytes, own: Option<Share>) -> Bytes {
        if body.as_ptr() == self.bytes.as_ptr() {
            return body;
        }
        let body = match own {
            Some(own) => own.keep(body),
            None => body,
        };
        self.share.keep_too(body)
    }
}

/// The whole body, at most `limit` bytes when decoded. An announced length above the limit is rejected unread; a body
/// in one piece is not copied.
pub async fn read<B>(
    clock: &impl Clock,
    memory: &Arc<Memory>,
    headers: &HeaderMap,
    body: B,
    limit: usize,
) -> Result<Received, GatewayError>
where
    B: Body<Data = Bytes>,
    B::Error: Display,
{
    let announced: Option<usize> = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut decoder = Decoder::of(headers).map_err(|error| not_decoded(&error))?;
    // A compressed body's length says little.
    let announced = announced.filter(|_| decoder.is_none());
    let mut reader = Reader {
        clock,
        upload: memory.upload(limit, announced),
        window: memory.share(),
        gathered: SegmentedBuffer::new(announced.unwrap_or(0)),
        limit,
        looks: MOST_LOOKS,
    };
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ErrorCode::InvalidJson.error(format!("The request's body broke off: {error}."))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        match &mut decoder {
            Some(decoder) => reader.decode(decoder, data).await?,
            None => reader.take(data).await?,
        }
    }
    if let Some(decoder) = decoder {
        decoder.finish().map_err(|error| not_decoded(&error))?;
    }
    Ok(reader.finish(memory))
}

/// A body as far as it has been read.
struct Reader<'a, C: Clock> {
    clock: &'a C,
    upload: Upload,
    /// The decoder's memory.
    window: Share,
    gathered: SegmentedBuffer,
    limit: usize,
    /// Checks for memory that are left.
    looks: u32,
}

impl<C: Clock> Reader<'_, C> {
    async fn decode(&mut self, decoder: &mut Decoder, data: Bytes) -> Result<(), GatewayError> {
        decoder.push(data);
        while let Some(piece) = decoder.pull().map_err(|error| not_decoded(&error))? {
            let needed = decoder.memory();
            while let Err(full) = self.window.resize(needed) {
                self.wait(full).await?;
            }
            self.take(piece).await?;
        }
        Ok(())
    }

    async fn take(&mut self, piece: Bytes) -> Result<(), GatewayError> {
        let length = self.gathered.length().saturating_add(piece.len());
        if length > self.limit {
            return Err(too_large(self.limit));
        }
        while let Err(full) = self.upload.cover(length) {
            self.wait(full).await?;
        }
        self.gathered.push(piece);
        Ok(())
    }

    async fn wait(&mut self, full: Full) -> Result<(), GatewayError> {
        if full == Full::Ever {
            return Err(too_large_for_instance());
        }
        let Some(left) = self.looks.checked_sub(1) else {
            return Err(busy());
        };
        self.looks = left;
        self.clock.sleep(LOOK_INTERVAL).await;
        Ok(())
    }

    fn finish(self, memory: &Arc<Memory>) -> Received {
        let bytes = self.gathered.finish();
        let share = self.upload.finish(bytes.len());
        Received::counted(bytes, memory, share)
    }
}

fn too_large(limit: usize) -> GatewayError {
    ErrorCode::RequestTooLarge.error(format!(
        "The request's body is over the limit of {limit} bytes."
    ))
}

fn too_large_for_instance() -> GatewayError {
    ErrorCode::RequestTooLarge
        .error("The request's body is larger than this instance has memory for.")
}

fn busy() -> GatewayError {
    ErrorCode::InstanceBusy
        .error("Too many large requests at once; try again shortly.")
        .with_retry_after_s(RETRY_AFTER_S)
}

fn not_decoded(error: &CodingError) -> GatewayError {
    match error {
        CodingError::Unknown(_) => ErrorCode::UnsupportedMediaType.error(format!(
            "The body cannot be decoded: {error}. Use gzip, deflate, br or zstd."
        )),
        CodingError::Broken(_) | CodingError::Bomb => {
            ErrorCode::InvalidValue.error(format!("The body cannot be decoded: {error}."))
        }
    }
}

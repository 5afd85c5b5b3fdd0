//! The core's reply, handed to the host. Owns the writing of bodies and the detection of disconnected clients.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_core::reply::{BrokenBody, Pieces, Reply, ReplyBody, take_ready};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, StatusCode};
use spin_sdk::wasip3;
use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::http::types::{ErrorCode, Response};
use spin_sdk::wasip3::wit_bindgen::{
    FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter,
};
use spin_sdk::wasip3::{wit_future, wit_stream};

use crate::body::TrailersResult;
use crate::failure::header_error;
use crate::serve::fields;
use crate::turn::in_turns;

/// How often a silent relayed body checks whether the client is still connected. The host reports a disconnected client
/// to a component only when it writes; the contract allows a second.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// Pieces that are ready together go out in one write up to this size.
const WRITE_BYTES: usize = 64 * 1024;
/// One write of a whole body; most are smaller.
const WHOLE_BYTES: usize = 256 * 1024;

/// Hands `reply` to the host. With the length the host writes head and body in one packet and needs no chunks.
pub fn respond(reply: Reply) -> Result<Response, ErrorCode> {
    let (mut parts, body) = reply.into_parts();
    let status = parts.status;
    // The host owns the headers of the connection, and rejects a response that sets them.
    parts.headers.remove(CONNECTION);
    parts.headers.remove(UPGRADE);
    match body {
        ReplyBody::Whole(bytes) => {
            if bytes.is_empty() {
                let (trailers_writer, trailers) = wit_future::new(|| Ok(None));
                let response = head(status, &parts.headers, None, trailers);
                drop(trailers_writer);
                return response;
            }
            let (body, response) = Outgoing::new(status, &parts.headers)?;
            wasip3::spawn(body.write_whole(bytes));
            Ok(response)
        }
        ReplyBody::Pieces(pieces) => {
            let (body, response) = Outgoing::new(status, &parts.headers)?;
            wasip3::spawn(in_turns(body.relay(pieces)));
            Ok(response)
        }
    }
}

fn head(
    status: StatusCode,
    headers: &HeaderMap,
    contents: Option<StreamReader<u8>>,
    trailers: FutureReader<TrailersResult>,
) -> Result<Response, ErrorCode> {
    let headers = fields(headers)
        .map_err(|error| ErrorCode::InternalError(Some(header_error(&error).to_owned())))?;
    let (response, _sent) = Response::new(headers, contents, trailers);
    if status != StatusCode::OK {
        response.set_status_code(status.as_u16()).map_err(|()| {
            ErrorCode::InternalError(Some("the host refused the status".to_owned()))
        })?;
    }
    Ok(response)
}

/// The writing ends of a response's body.
struct Outgoing {
    bytes: StreamWriter<u8>,
    trailers: FutureWriter<TrailersResult>,
}

/// What a relayed body waits for.
enum Event {
    Piece(Option<Result<Bytes, BrokenBody>>),
    TimeToProbe,
}

impl Outgoing {
    fn new(status: StatusCode, headers: &HeaderMap) -> Result<(Self, Response), ErrorCode> {
        let (bytes, contents) = wit_stream::new();
        // A writer that is dropped without a result (the task was ended from outside) must not look like a complete
        // body.
        let (trailers, trailers_reader) =
            wit_future::new(|| Err(ErrorCode::HttpResponseIncomplete));
        let response = head(status, headers, Some(contents), trailers_reader)?;
        Ok((Self { bytes, trailers }, response))
    }

    async fn write_whole(mut self, mut bytes: Bytes) {
        // In parts, since a part is copied when the bytes are shared.
        while !bytes.is_empty() {
            let part = bytes.split_to(bytes.len().min(WHOLE_BYTES));
            if !self.bytes.write_all(part.into()).await.is_empty() {
                break;
            }
        }
        self.end(Ok(None)).await;
    }

    /// Sends pieces as they come. Drops them, and with them the upstream's connection, as soon as the client
    /// disconnects.
    async fn relay(mut self, mut pieces: Pieces) {
        let mut timer = None;
        loop {
            let mut piece =
                match poll_fn(|context| next_event(&mut pieces, &mut timer, context)).await {
                    Event::TimeToProbe if self.reader_is_there().await => continue,
                    Event::Piece(Some(Ok(bytes))) => Vec::from(bytes),
                    Event::Piece(None) => return self.end(Ok(None)).await,
                    Event::Piece(Some(Err(BrokenBody))) => {
                        return self.end(Err(ErrorCode::HttpResponseIncomplete)).await;
                    }
                    Event::TimeToProbe => break,
                };
            let ending = poll_fn(|context| {
                Poll::Ready(take_ready(&mut pieces, &mut piece, WRITE_BYTES, context))
            })
            .await;
            if !self.bytes.write_all(piece).await.is_empty() {
                break;
            }
            if let Some(result) = ending {
                let whole = result.map(|()| None);
                return self
                    .end(whole.map_err(|BrokenBody| ErrorCode::HttpResponseIncomplete))
                    .await;
            }
        }
        // The pieces go before the response's end is reported, so that the upstream is not kept waiting.
        drop(pieces);
        self.end(Ok(None)).await;
    }

    /// An empty write is answered once the host takes bytes again, or at once when the reader is gone.
    async fn reader_is_there(&mut self) -> bool {
        let (result, _) = self.bytes.write(Vec::new()).await;
        result != StreamResult::Dropped
    }

    async fn end(self, result: TrailersResult) {
        // The host reads the end of the bytes first, then whether the body is complete.
        drop(self.bytes);
        let _unheard = self.trailers.write(result).await;
    }
}

fn next_event(
    pieces: &mut Pieces,
    timer: &mut Option<Pin<Box<dyn Future<Output = ()>>>>,
    context: &mut Context<'_>,
) -> Poll<Event> {
    if let Poll::Ready(piece) = pieces.as_mut().poll_next(context) {
        return Poll::Ready(Event::Piece(piece));
    }
    // The timer is not reset by each piece: a busy stream sets it twice a second.
    let running = timer.get_or_insert_with(|| {
        let nanoseconds = u64::try_from(PROBE_INTERVAL.as_nanos()).unwrap_or(u64::MAX);
        Box::pin(monotonic_clock::wait_for(nanoseconds))
    });
    if running.as_mut().poll(context).is_pending() {
        return Poll::Pending;
    }
    *timer = None;
    Poll::Ready(Event::TimeToProbe)
}

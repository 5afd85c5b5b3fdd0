//! The core's reply, handed to the host. Owns the writing of bodies and the detection of disconnected clients.

use std::future::poll_fn;
use std::task::{Context, Poll};

use admin_ui::files::PAGE;
use admin_ui::serve;
use bytes::Bytes;
use futures_util::future::{self, Either};
use gateway_core::reply::{self, BrokenBody, Pieces, Reply, ReplyBody};
use http::Response;
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;

use crate::instance::spawn;
use crate::io::{self, Streamed};
use crate::serve::lines;

/// Pieces that are ready together go out in one write up to this size.
const WRITE_BYTES: usize = 64 * 1024;

/// How a body ends.
type Ending = Result<(), BrokenBody>;

/// Hands `reply` to the host.
pub fn respond(reply: Reply) -> web_sys::Response {
    let (mut parts, body) = reply.into_parts();
    // Headers of the connection are the host's.
    parts.headers.remove(CONNECTION);
    parts.headers.remove(UPGRADE);
    match body {
        ReplyBody::Whole(bytes) => {
            let body = (!bytes.is_empty()).then(|| Uint8Array::from(&bytes[..]));
            io::whole(parts.status.as_u16(), &lines(&parts.headers), body)
                .unwrap_or_else(|_| bad_request())
        }
        ReplyBody::Pieces(pieces) => {
            match io::streamed(parts.status.as_u16(), &lines(&parts.headers)) {
                Ok(streamed) => {
                    let response = streamed.response();
                    spawn(relay(streamed, pieces));
                    response
                }
                Err(_) => bad_request(),
            }
        }
    }
}

/// A file of the panel that is no static asset: its page, or the error for a path that has none.
pub fn panel(head: &Parts) -> Response<Bytes> {
    serve::respond(&[PAGE], &head.method, head.uri.path(), &head.headers)
}

/// The answer to a request that is not valid HTTP, and to a client that has disconnected.
pub fn bad_request() -> web_sys::Response {
    io::whole(400, "", None).unwrap_or_else(|_| web_sys::Response::error())
}

/// Sends pieces as they come. Drops them, and with them the upstream's connection, as soon as the client disconnects.
async fn relay(client: Streamed, mut pieces: Pieces) {
    let mut closed = JsFuture::from(client.closed());
    loop {
        let next = poll_fn(|context| next(&mut pieces, context));
        let (piece, ending) = match future::select(next, &mut closed).await {
            Either::Left((next, _)) => next,
            Either::Right(_) => return,
        };
        if !piece.is_empty() {
            let taken = JsFuture::from(client.write(Uint8Array::from(&piece[..]))).await;
            if !taken.is_ok_and(|taken| taken.is_truthy()) {
                return;
            }
        }
        let ended = match ending {
            None => continue,
            Some(Ok(())) => client.close(),
            Some(Err(BrokenBody)) => client.cut(),
        };
        // The pieces go before the response's end is reported, so that the upstream is not kept waiting.
        drop(pieces);
        // It ends in any case.
        let _ = JsFuture::from(ended).await;
        return;
    }
}

/// What is ready to be written, and how the body ends when its end was reached.
fn next(pieces: &mut Pieces, context: &mut Context<'_>) -> Poll<(Vec<u8>, Option<Ending>)> {
    match pieces.as_mut().poll_next(context) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(None) => Poll::Ready((Vec::new(), Some(Ok(())))),
        Poll::Ready(Some(Err(broken))) => Poll::Ready((Vec::new(), Some(Err(broken)))),
        Poll::Ready(Some(Ok(piece))) => {
            let mut piece = Vec::from(piece);
            let ending = reply::take_ready(pieces, &mut piece, WRITE_BYTES, context);
            Poll::Ready((piece, ending))
        }
    }
}

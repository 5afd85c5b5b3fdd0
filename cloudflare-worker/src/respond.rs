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

use crate::io::Job;
use crate::serve::lines;
use crate::ticket::{Outcome, Ticket};

/// Pieces that are ready together go out in one write up to this size.
const WRITE_BYTES: usize = 64 * 1024;

/// How a body ends.
type Ending = Result<(), BrokenBody>;

/// Hands `reply` to the host, and returns when the client has all of it or has left.
pub async fn respond(job: &Job, reply: Reply, left: &mut Ticket) {
    let (mut parts, body) = reply.into_parts();
    // Headers of the connection are the host's.
    parts.headers.remove(CONNECTION);
    parts.headers.remove(UPGRADE);
    let (status, headers) = (parts.status.as_u16(), lines(&parts.headers));
    match body {
        ReplyBody::Whole(bytes) => job.whole(status, &headers, &bytes),
        ReplyBody::Pieces(pieces) => {
            if job.begin(status, &headers) {
                relay(job, pieces, left).await;
            }
        }
    }
}

/// A file of the panel that is no static asset: its page, or the error for a path that has none.
pub fn panel(head: &Parts) -> Response<Bytes> {
    serve::respond(&[PAGE], &head.method, head.uri.path(), &head.headers)
}

/// Sends pieces as they come. Drops them, and with them the upstream's connection, as soon as the client disconnects.
async fn relay(job: &Job, mut pieces: Pieces, left: &mut Ticket) {
    loop {
        let next = poll_fn(|context| next(&mut pieces, context));
        let (piece, ending) = match future::select(next, &mut *left).await {
            Either::Left((next, _)) => next,
            Either::Right(_) => return,
        };
        if !piece.is_empty() {
            let taken = Ticket::new();
            job.write(taken.number(), &piece);
            if matches!(taken.await, Outcome::Failed(_)) {
                return;
            }
        }
        let ended = Ticket::new();
        match ending {
            None => continue,
            Some(Ok(())) => job.close(ended.number()),
            Some(Err(BrokenBody)) => job.cut(ended.number()),
        }
        // The pieces go before the response's end is reported, so that the upstream is not kept waiting.
        drop(pieces);
        // It ends in any case.
        let _ = ended.await;
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

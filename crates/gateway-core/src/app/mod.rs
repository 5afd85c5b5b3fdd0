//! The host kit: everything between a host's listener and the two entry points of the core, so that a host brings
//! [`ports`](crate::ports) and nothing else. Owns the start of an instance, which part of the gateway a path belongs to, and
//! what is the same for every reply. Decides nothing about requests and calls no host by itself.
//!
//! # Writing a host
//!
//! 1. Implement the ports of [`ports`](crate::ports) for one type that is cheap to clone: `Clock`, `Random`, `Log`,
//!    `Background`, `ReadStore`, `WriteStore`, `Sql` and `Upstream`; and [`Variables`](crate::ports::Variables) for
//!    where the host keeps its settings. Each port documents its contract; the core relies on nothing else.
//! 2. Make one [`App`] per instance and keep it as long as the instance lives; it is not `Send`, so that a host with several
//!    threads has one per thread. Hosts that route paths by themselves use [`ProxyApp`] and [`AdminApp`] instead, which
//!    share nothing, so that the linker drops what is not used.
//! 3. For each request: convert its head, wrap its body as an [`http_body::Body`] that reads only when it is polled, fill in
//!    a [`Peer`] from the connection, and await `handle`. Several requests of one instance may be in flight at the same
//!    time; dropping the future ends a request.
//! 4. Send the reply. Its head is complete: the length is set where it is known, and the body of an answer to HEAD, or
//!    of a status without one, is empty. Left to the host are the headers of the connection (`connection`, `upgrade`),
//!    and to cut the connection when a body ends with [`BrokenBody`](crate::reply::BrokenBody), so that the client does
//!    not take a part for the whole. Drop the body as soon as the client disconnects: that ends the upstream's request.
//!
//! The conformance suite (`cargo xtask test --only conformance`) then shows what is missing. The smallest example is
//! `gateway_testkit::core_host`.
//!
//! # What the kit does
//!
//! - **Start.** The first request reads the variables, sets the log's policy, parses the master key and applies the
//!   configuration in the variable `config`. Temporary failures are retried with the next request.
//! - **Unread bodies.** A client that is still sending when it is rejected would see a closed connection and never read
//!   the reason, so the rest of its body is read in the background, up to [`DRAIN_BYTES`].
//! - **HEAD**, and 1xx, 204 and 304.

mod admin;
mod drain;
mod proxy;
mod start;
mod whole;

use std::fmt::Display;

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body;

use crate::ports::Background;
use crate::reply::{self, Reply};

pub use crate::peer::Peer;
pub use crate::ports::UnreadableVariable;
pub use admin::AdminApp;
pub use drain::DRAIN_BYTES;
pub use proxy::ProxyApp;
pub use whole::{App, PanelHandler};

/// The body of a request, as hosts give it.
pub trait RequestBody: Body<Data = Bytes, Error: Display> + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: Display> + Unpin + 'static> RequestBody for B {}

/// Answers a request with `answer`, then does the work common to all replies. The rest of a body that was not read is
/// drained on the ports of `draining`.
async fn answered<P: Background, B: RequestBody>(
    draining: Option<&P>,
    request: Request<B>,
    answer: impl AsyncFnOnce(Request<&mut B>) -> Reply,
) -> Reply {
    // The body is lent, so that its rest can be drained afterwards.
    let (head, mut body) = request.into_parts();
    let is_head = head.method == Method::HEAD;
    let draining = draining.filter(|_| drain::is_sending(&head));
    let reply = answer(Request::from_parts(head, &mut body)).await;
    if let Some(ports) = draining
        && drain::is_drained(&body)
    {
        ports.spawn(drain::drain(body));
    }
    reply::finish(reply, is_head)
}

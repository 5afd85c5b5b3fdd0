//! The gateway on Cloudflare Workers: the core's ports over KV, D1, Durable Objects and fetch, and the entry point.
//!
//! Owns every call to the host. Decides nothing about requests: that is the core's work.
//!
//! One isolate serves many requests, several of them at once. Its state is a cache, never the truth. Streams, timers
//! and calls belong to the request in which they began: nothing here (or in the core) may wait for work of another
//! request. Values may be dropped outside of any request, so that no drop may fail.

mod body;
mod instance;
mod io;
mod respond;
mod serve;
mod sql;
mod store;
mod upstream;
mod variables;

use futures_channel::oneshot;
use futures_util::future::{self, Either};
use wasm_bindgen_futures::JsFuture;
use worker::{Context, Env, event};

/// Answers one request.
#[event(fetch)]
async fn fetch(
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> worker::Result<web_sys::Response> {
    instance::enter(env);
    let (sender, receiver) = oneshot::channel();
    // A client that disconnects ends the event at once and everything in it. The request's usage must be recorded
    // anyway, so the work does not belong to the event but runs in `wait_until`.
    context.wait_until(async move {
        let left = JsFuture::from(io::left(&request));
        let answering = Box::pin(serve::serve(&request));
        let response = match future::select(answering, left).await {
            Either::Left((response, _)) => response,
            // The client has disconnected and will not read it.
            Either::Right(_) => respond::bad_request(),
        };
        // Fails only if the receiver is gone, when the event is already over.
        let _ = sender.send(response);
    });
    receiver
        .await
        .map_err(|_| worker::Error::RustError("the request's work was ended".to_owned()))
}

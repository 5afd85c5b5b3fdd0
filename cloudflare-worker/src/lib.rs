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
mod ticket;
mod upstream;
mod variables;

use std::panic;

use futures_util::future::{self, Either};
use wasm_bindgen::handler;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

use crate::io::Job;
use crate::ticket::{Ticket, tell_time};

/// Runs when the module is instantiated. One that crashes is replaced by the next request.
#[wasm_bindgen(start)]
fn init() {
    panic::set_hook(Box::new(|panic| {
        io::log(&format!("the gateway crashed: {panic}"));
    }));
    handler::set_on_abort(handler::schedule_reinit);
}

/// Begins to answer a request, whose head is lines: the method, the URL, then names and values of header fields in turns.
/// Returns the ticket that is settled when the client leaves.
#[wasm_bindgen]
pub fn start(job: Job, head: String, now: f64) -> u32 {
    tell_time(now);
    let mut left = Ticket::new();
    let number = left.number();
    spawn_local(async move {
        let answering = Box::pin(serve::serve(&job, &head));
        let reply = match future::select(answering, &mut left).await {
            Either::Left((reply, _)) => Some(reply),
            // The client has disconnected and will not read it.
            Either::Right(_) => None,
        };
        if let Some(reply) = reply {
            respond::respond(&job, reply, &mut left).await;
        }
        job.end();
    });
    number
}

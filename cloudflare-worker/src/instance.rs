//! The ports without a separate file: time, randomness, log lines, work after the response. Owns the isolate's random
//! generator; store, database and upstream calls have their own files.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use gateway_core::logging::LogPolicy;
use gateway_core::ports::{Background, Clock, Log, Random};
use gateway_core::units::Timestamp;
use rand::Rng as _;
use rand::rngs::SmallRng;
use wasm_bindgen_futures::spawn_local;

use crate::io;
use crate::ticket::{self, Ticket};

/// How records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// For the proxy: only what has changed is fetched, beside the requests.
    Changes,
    /// For changes: whole, from where it is written.
    Exact,
}

/// The host's ports. Holds no state of a request, only the isolate's.
#[derive(Clone, Copy, Debug)]
pub struct WorkerPorts(pub Reads);

thread_local! {
    static LOG_POLICY: Cell<LogPolicy> = Cell::new(LogPolicy::default());
    /// Seeded at the first use, which is inside a request: outside there is no randomness.
    static BALANCING: RefCell<SmallRng> = RefCell::new(rand::make_rng());
}

impl Clock for WorkerPorts {
    fn now(&self) -> Timestamp {
        ticket::now()
    }

    async fn sleep(&self, duration: Duration) {
        Sleep::new(duration).await;
    }
}

/// A timer that is cleared when it is dropped before its end.
pub struct Sleep {
    ticket: Ticket,
    timer: f64,
    is_over: bool,
}

impl Sleep {
    /// Ends after `duration`.
    pub fn new(duration: Duration) -> Self {
        let ticket = Ticket::new();
        let timer = io::timer(ticket.number(), milliseconds(duration));
        Self {
            ticket,
            timer,
            is_over: false,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.get_mut();
        let polled = Pin::new(&mut sleep.ticket).poll(context);
        sleep.is_over = polled.is_ready();
        polled.map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if !self.is_over {
            io::clear(self.timer);
        }
    }
}

/// As JavaScript counts time.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

impl Random for WorkerPorts {
    fn next_u64(&self) -> u64 {
        BALANCING.with_borrow_mut(SmallRng::next_u64)
    }

    fn fill_secure(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

impl Log for WorkerPorts {
    fn finished_line(&self, text: fmt::Arguments<'_>) {
        io::log(&text.to_string());
    }

    fn policy(&self) -> LogPolicy {
        LOG_POLICY.get()
    }

    fn set_policy(&self, policy: LogPolicy) {
        LOG_POLICY.set(policy);
    }
}

impl Background for WorkerPorts {
    /// Lets work of the current request go on after its response: up to 30 s, and as long as the client stays.
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        let held = Held::new();
        spawn_local(async move {
            work.await;
            drop(held);
        });
    }
}

/// Keeps the current request's work alive until it is dropped.
struct Held(u32);

impl Held {
    fn new() -> Self {
        let number = ticket::number();
        io::hold(number);
        Self(number)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        io::release(self.0);
    }
}

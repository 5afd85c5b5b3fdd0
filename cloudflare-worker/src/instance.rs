//! The ports without a separate file: time, randomness, log lines, work after the response. Owns the isolate's bindings
//! and its random generator; store, database and upstream calls have their own files.

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
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::Env;

use crate::io;

/// How the configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// From KV, which is near every location and up to 60 s behind.
    Near,
    /// From where it is written, for changes.
    Exact,
}

/// The host's ports. Holds no state of a request, only the isolate's.
#[derive(Clone, Copy, Debug)]
pub struct WorkerPorts(pub Reads);

thread_local! {
    /// The bindings. They belong to the isolate, unlike the calls made with them.
    static ENV: RefCell<Option<Env>> = const { RefCell::new(None) };
    static LOG_POLICY: Cell<LogPolicy> = Cell::new(LogPolicy::default());
    /// Seeded at the first use, which is inside a request: outside there is no randomness.
    static BALANCING: RefCell<SmallRng> = RefCell::new(rand::make_rng());
}

/// Notes the bindings, which come with every request.
pub fn enter(env: Env) {
    ENV.with_borrow_mut(|known| *known = Some(env));
}

/// A binding; the error says that `wrangler.toml` lacks it.
pub fn binding<T>(find: impl FnOnce(&Env) -> worker::Result<T>) -> Result<T, String> {
    ENV.with_borrow(|env| match env {
        Some(env) => find(env).map_err(|error| error.to_string()),
        None => Err("there are no bindings outside of requests".to_owned()),
    })
}

impl Clock for WorkerPorts {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole milliseconds since 1970, for a long time below 2⁵³"
    )]
    fn now(&self) -> Timestamp {
        Timestamp(js_sys::Date::now() as u64)
    }

    async fn sleep(&self, duration: Duration) {
        Sleep::new(duration).await;
    }
}

/// A timer that is cleared when it is dropped.
pub struct Sleep {
    timer: io::Timer,
    rings: JsFuture,
}

impl Sleep {
    /// Ends after `duration`.
    pub fn new(duration: Duration) -> Self {
        let timer = io::timer(duration.as_secs_f64() * 1_000.0);
        let rings = JsFuture::from(timer.promise());
        Self { timer, rings }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.get_mut().rings).poll(context).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.timer.clear();
    }
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
    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        spawn(work);
    }
}

/// Lets work of the current request go on after its response: up to 30 s, and as long as the client stays.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    io::hold(&future_to_promise(async move {
        work.await;
        Ok(JsValue::UNDEFINED)
    }));
}

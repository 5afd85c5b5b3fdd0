//! What JavaScript has been asked for and settles later. Owns the futures of that and the functions that settle them, and
//! with them the time, which JavaScript brings along; knows nothing of what was asked.
//!
//! A promise would take half a dozen crossings between the module and JavaScript; a ticket takes two.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use gateway_core::units::Timestamp;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::io;

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// It is done, or there is nothing.
    Nothing,
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// It failed; what the error says.
    Failed(String),
}

enum Slot {
    Waiting(Option<Waker>),
    Settled(Outcome),
}

thread_local! {
    static SLOTS: RefCell<HashMap<u32, Slot>> = RefCell::default();
    /// Begins where those of an instance of the module that has crashed do not reach.
    static NEXT: Cell<u32> = Cell::new(io::first_ticket());
    static NOW: Cell<Timestamp> = const { Cell::new(Timestamp(0)) };
}

/// A number that no other ticket of the isolate has.
pub fn number() -> u32 {
    NEXT.with(|next| next.replace(next.get().wrapping_add(1)))
}

/// When JavaScript last called. In production the clock stands still until the next I/O anyway.
pub fn now() -> Timestamp {
    NOW.get()
}

/// Notes the time that JavaScript brings.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole milliseconds since 1970, for a long time below 2⁵³"
)]
pub fn tell_time(now: f64) {
    NOW.set(Timestamp(now as u64));
}

/// A future of something that JavaScript settles.
#[derive(Debug)]
pub struct Ticket(u32);

impl Ticket {
    /// A new one, not settled.
    pub fn new() -> Self {
        let number = number();
        SLOTS.with_borrow_mut(|slots| slots.insert(number, Slot::Waiting(None)));
        Self(number)
    }

    /// Its number, for JavaScript.
    pub const fn number(&self) -> u32 {
        self.0
    }
}

impl Future for Ticket {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        SLOTS.with_borrow_mut(|slots| match slots.get_mut(&self.0) {
            Some(Slot::Waiting(waker)) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            Some(settled) => {
                let outcome = std::mem::replace(settled, Slot::Waiting(None));
                slots.remove(&self.0);
                match outcome {
                    Slot::Settled(outcome) => Poll::Ready(outcome),
                    Slot::Waiting(_) => Poll::Pending,
                }
            }
            // It was settled before and is polled again.
            None => Poll::Pending,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let slot = SLOTS.with_borrow_mut(|slots| slots.remove(&self.0));
        // Outside of the borrow: a waker may own anything.
        drop(slot);
    }
}

fn settle(ticket: u32, outcome: Outcome, now: f64) {
    tell_time(now);
    let slot = SLOTS.with_borrow_mut(|slots| {
        let slot = slots.get_mut(&ticket)?;
        Some(std::mem::replace(slot, Slot::Settled(outcome)))
    });
    if let Some(Slot::Waiting(Some(waker))) = slot {
        waker.wake();
    }
}

/// It is done, or there is nothing.
#[wasm_bindgen]
pub fn nothing(ticket: u32, now: f64) {
    settle(ticket, Outcome::Nothing, now);
}

/// It is a text.
#[wasm_bindgen]
pub fn text(ticket: u32, text: String, now: f64) {
    settle(ticket, Outcome::Text(text), now);
}

/// It is bytes.
#[wasm_bindgen]
pub fn bytes(ticket: u32, bytes: Vec<u8>, now: f64) {
    settle(ticket, Outcome::Bytes(bytes), now);
}

/// It failed.
#[wasm_bindgen]
pub fn failed(ticket: u32, error: String, now: f64) {
    settle(ticket, Outcome::Failed(error), now);
}

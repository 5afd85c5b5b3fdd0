//! Alerts: messages to webhooks when something needs an operator. Owns when there is an alert, that each gets one message
//! until it is over, and what messages look like; which rules are on is the configuration's.
//!
//! Pure: [`observe`] makes readings of what is known of budgets, channels and requests, [`episodes`] decides by them which
//! alerts begin, last and end, [`outbox`] when their messages are sent, and [`state`] is both together, one record for all
//! instances. [`message`] is the text, [`template`] the request that each kind of webhook takes. [`sources`] asks for what
//! is observed, [`deliver`] calls webhooks, and [`service`] runs all of it, in the instance that first finds it due.

pub mod deliver;
pub mod episodes;
pub mod message;
pub mod observe;
pub mod outbox;
pub mod reading;
pub mod service;
mod sources;
pub mod state;
pub mod template;

/// From one evaluation of the rules to the next, over all instances, in milliseconds.
pub const INTERVAL_MS: u64 = 30_000;

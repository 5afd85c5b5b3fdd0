//! How much a client key may use, and what it has used. Owns the decision whether one more request is let through, when
//! the next one will be, how that is told, and the statements that keep the count. Pure: `proxy` runs the statements.
//!
//! [`usage`] is what a key has used, [`window`] the count within a minute, [`calendar`] days and months,
//! [`statements`] the same rules in SQL, which makes a decision and the count one step for all instances together,
//! [`headers`] the messages and headers.

pub mod calendar;
pub mod headers;
pub mod statements;
pub mod usage;
pub mod window;

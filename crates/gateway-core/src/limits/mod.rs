//! How much a client key may use, and what it has used. Owns the decision whether one more request is admitted, when the
//! next one will be, how that is reported, and the counts.
//!
//! Pure: [`usage`] is what a key has used, [`window`] the count within a minute, [`calendar`] days and months, [`headers`]
//! the messages and headers, [`rejection`] what becomes of a request over a limit, [`statements`] the rules in SQL, which
//! makes decision and count one step for all instances together. [`port`] is the interface to the counts, [`sql`] the engine
//! that keeps them, and [`service`] what an instance does with both.

pub mod calendar;
pub mod headers;
pub mod port;
pub mod rejection;
pub mod service;
pub mod sql;
pub mod statements;
pub mod usage;
pub mod window;

/// The engine that keeps the counts. The service and the admin API know nothing of it but [`port::Limits`].
pub type LimitsEngine<P> = sql::SqlLimits<P>;

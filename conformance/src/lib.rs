//! The public conformance suite for AI gateways: scripted upstreams and strict clients of each dialect.
//!
//! Owns the cases and their verdicts. Must not use a crate of any gateway: what it knows comes from the vendors' documents
//! and from what their clients and servers do.
#![forbid(unsafe_code)]

pub mod case;
pub mod cases;
pub mod client;
pub mod config;
pub mod dialect;
pub mod node;
pub mod normal;
pub mod options;
pub mod peers;
pub mod play;
pub mod read;
pub mod report;
pub mod request;
pub mod route;
pub mod run;
pub mod sse;
pub mod upstream;
pub mod write;

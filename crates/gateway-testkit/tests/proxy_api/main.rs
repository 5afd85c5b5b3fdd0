//! HTTP-level tests of the client side on fake ports: what a client sees, and what an upstream was sent.

mod failover;
mod request_path;
mod setup;
mod streaming;

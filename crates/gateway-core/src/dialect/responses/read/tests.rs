//! Tests of requests of clients.

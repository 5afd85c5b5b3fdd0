//! Tests of answers to clients.

//! Tests of answers of upstreams.

//! Tests of requests to upstreams.

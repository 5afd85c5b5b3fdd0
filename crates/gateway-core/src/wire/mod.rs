//! Bytes in, bytes out: JSON edits in place, the SSE scanner, foreign error shapes.
//! Everything here is pure and takes hostile input; nothing knows a port.

pub mod coding;
pub mod content;
pub mod error_shape;
pub mod members;
pub mod multipart;
pub mod passing;
pub mod scan;
pub mod signals;
pub mod sse;
pub mod usage;

//! Bytes in, bytes out: JSON edits in place, the SSE scanner, foreign error shapes, whole answers as streams and back.
//! Everything here is pure and accepts hostile input; nothing uses a port.

pub mod acted_on;
pub mod body_params;
pub mod choices;
pub mod coding;
pub mod content;
pub mod csv;
pub mod dialect;
pub mod emptiness;
pub mod error_shape;
pub mod events_to_whole;
pub mod json;
pub mod media;
pub mod members;
pub mod model_list;
pub mod multipart;
pub mod opening;
pub mod padding;
pub mod parameters;
pub mod redaction;
pub mod response_id;
pub mod scan;
pub mod signals;
pub mod sse;
pub mod substance;
pub mod usage;
pub mod usage_scanner;
pub mod via;
pub mod walk;
pub mod whole_to_events;

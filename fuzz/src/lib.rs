//! What the fuzz programs of the translators share: the channels and clients that they translate between, and the checks
//! of what they produce. No program of its own; the properties of one program are in `targets/`.
#![forbid(unsafe_code)]

pub mod channel;
pub mod client;
pub mod contract;
pub mod history;

//! Chat Completions, on both sides of a translation. Owns how requests and answers of `/v1/chat/completions` are read and
//! written in the form between the dialects; knows no provider and does no I/O.

mod decode;
mod encode;
mod finish_reason;
mod read;
mod write;

pub use decode::{ChatDecoder, decode_whole};
pub use encode::{ChatEncoder, encode_whole};
pub use read::read;
pub use write::write;

#[cfg(test)]
mod tests;

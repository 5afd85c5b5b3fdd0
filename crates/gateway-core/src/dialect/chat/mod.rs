//! OpenAI's Chat Completions.

mod decode;
mod encode;
mod read;
mod write;

pub use decode::{ChatDecoder, decode_whole};
pub use encode::{ChatEncoder, encode_whole};
pub use read::read;
pub use write::write;

#[cfg(test)]
mod tests;

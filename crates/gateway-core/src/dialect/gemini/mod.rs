//! Gemini's `generateContent`, as spoken by clients: their requests, the answers and errors that they get. Owns nothing of
//! Gemini as an upstream.

pub mod encode;
mod error;
mod read;
mod schema;
mod signature;

pub use encode::{GeminiEncoder, encode_count, encode_whole};
pub use read::read;

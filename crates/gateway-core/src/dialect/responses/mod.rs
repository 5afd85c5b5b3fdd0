//! OpenAI's Responses. Owns both directions between it and the form between the dialects: requests of its clients and to
//! its upstreams, answers from its upstreams and to its clients. Keeps no conversations: what only the provider knows,
//! such as an earlier response, is rejected.

pub mod decode;
pub mod encode;
pub mod read;
pub mod write;

pub use decode::{ResponsesDecoder, decode_whole};
pub use encode::{ResponsesEncoder, encode_whole};
pub use read::{echo, read};
pub use write::write;

//! What clients ask: one conversation in the words of each dialect. Owns the choice of the writer.

mod chat;
mod gemini;
mod messages;
mod responses;

use serde_json::Value;

use crate::dialect::Dialect;
use crate::normal::Asked;

/// Writes a request.
pub fn request(dialect: Dialect, asked: &Asked) -> Value {
    match dialect {
        Dialect::Chat => chat::write(asked),
        Dialect::Messages => messages::write(asked),
        Dialect::Responses => responses::write(asked),
        Dialect::Gemini => gemini::write(asked),
    }
}

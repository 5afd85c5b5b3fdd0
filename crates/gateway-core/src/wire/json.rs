//! JSON that is known to be text. Owns that all of it is read by the same code as bytes are: serde makes every reader again
//! for each kind of source, and a component would hold each of them twice.

use serde::Deserialize;

/// Reads `text` as serde's own function of this name does.
pub fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    serde_json::from_slice(text.as_bytes())
}

//! Values that must never be printed. Owns the redaction, not the encryption.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A value whose `Debug` shows nothing and which has no `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`, so that no format string can show it.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; every call is a place where a secret leaves its wrapper.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A secret as it is stored, such as an upstream key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredSecret {
    /// In clear: no master key was set when it was written.
    Clear(Secret<String>),
    /// Encrypted with the master key; see [`crate::config::seal`].
    Sealed(String),
}

/// The part of a key that may be shown to distinguish it from others: its first and last four characters. Keys of fewer
/// than 16 characters show nothing but an ellipsis, since eight shown would be half of them.
pub fn hint(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    if characters.len() < 16 {
        return "…".to_owned();
    }
    let head: String = characters.iter().take(4).collect();
    let tail: String = characters.iter().skip(characters.len() - 4).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("sk-very-secret")), "Secret(…)");
    }

    #[test]
    fn hints_show_ends_of_long_keys_only() {
        assert_eq!(hint("nvapi-0123456789wxyz"), "nvap…wxyz");
        assert_eq!(hint("short-key"), "…");
    }
}

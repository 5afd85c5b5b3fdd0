//! The application's variables. Owns the reading; what a value means is for its reader.

use std::fmt;

use spin_sdk::variables::{self, Error};

/// A variable could not be read; it may be readable a moment later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    name: &'static str,
    reason: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the variable `{}` cannot be read: {}",
            self.name, self.reason
        )
    }
}

impl std::error::Error for SettingError {}

/// The variable `name`; `None` when it is not set or empty, since a manifest gives secrets the empty
/// string as their default.
pub async fn setting(name: &'static str) -> Result<Option<String>, SettingError> {
    match variables::get(name).await {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        Err(error) => Err(SettingError {
            name,
            reason: error.to_string(),
        }),
    }
}

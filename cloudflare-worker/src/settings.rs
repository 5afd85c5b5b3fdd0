//! The worker's variables and secrets. Owns the reading; what a value means is for its reader.

use crate::instance::binding;

/// The variable or secret `name`; `None` when it is not set or empty.
pub fn setting(name: &str) -> Option<String> {
    let value = binding(|env| env.var(name)).ok()?.to_string();
    (!value.is_empty()).then_some(value)
}

//! What becomes of new upstream keys that a channel has already: people paste lists that overlap. Owns the parameter
//! `duplicate_keys` and the count; the comparison with stored keys is [`super::channels`]'.

use std::collections::BTreeSet;

use http::Uri;
use serde_json::Value;

use super::query;
use crate::error::GatewayError;

/// What is done with them, and how many there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// They are errors.
    Refuse,
    /// They are left out; so many have been.
    Skip(usize),
}

impl Duplicates {
    /// Reads the parameter, and removes duplicates from `body` if that is wanted.
    pub fn read(uri: &Uri, body: &mut Value) -> Result<Self, GatewayError> {
        let [wish] = query::read(uri, ["duplicate_keys"])?;
        match wish.as_deref() {
            None | Some("refuse") => Ok(Self::Refuse),
            Some("skip") => Ok(Self::Skip(remove_repeated(body))),
            Some(_) => Err(query::invalid(
                "duplicate_keys",
                "must be `refuse` or `skip`",
            )),
        }
    }

    /// Counts one more; false if that is not wanted.
    pub const fn skip(&mut self) -> bool {
        match self {
            Self::Refuse => false,
            Self::Skip(count) => {
                *count += 1;
                true
            }
        }
    }

    /// How many were left out; `None` if none may be.
    pub const fn skipped(self) -> Option<usize> {
        match self {
            Self::Refuse => None,
            Self::Skip(count) => Some(count),
        }
    }
}

fn remove_repeated(body: &mut Value) -> usize {
    let Some(Value::Array(keys)) = body.get_mut("keys") else {
        return 0;
    };
    let (before, mut seen) = (keys.len(), BTreeSet::new());
    keys.retain(|key| {
        key.as_str()
            .is_none_or(|key| seen.insert(key.trim().to_owned()))
    });
    before - keys.len()
}

//! The last one-time code of each account that was used, so that none works twice. Owns the record in the shared store.

use std::collections::BTreeMap;

use super::super::document::{RETRIES, unavailable};
use super::stored::MAX_ACCOUNTS;
use crate::error::{ErrorCode, GatewayError};
use crate::ports::{AdminPorts, StoreKey};
use crate::store::{self, RecordEdit, UpdateError};

/// Takes the code of a step for an account. `false`: it, or a later one, was used before.
pub async fn take<P: AdminPorts>(
    ports: &P,
    account: &str,
    step: u64,
) -> Result<bool, GatewayError> {
    let update = store::update(ports, StoreKey::UsedCodes, RETRIES, |stored| {
        let mut steps = parse(stored);
        if steps.get(account).is_some_and(|used| *used >= step) {
            return Ok(RecordEdit::Keep(false));
        }
        // Steps of accounts that are gone; those of others are younger than a code can be.
        if steps.len() >= MAX_ACCOUNTS {
            steps.retain(|_, used| *used + 10 > step);
        }
        steps.insert(account.to_owned(), step);
        let bytes = serde_json::to_vec(&steps).unwrap_or_default();
        Ok::<_, std::convert::Infallible>(RecordEdit::Replace(bytes, true))
    });
    update.await.map_err(|error| match error {
        UpdateError::Store(error) | UpdateError::Uncertain(error) => unavailable(ports, &error),
        UpdateError::Conflict => {
            ErrorCode::Conflict.error("Too many log in at the same moment. Try again.")
        }
    })
}

/// A damaged record counts as empty.
fn parse(stored: Option<&[u8]>) -> BTreeMap<String, u64> {
    stored
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_default()
}

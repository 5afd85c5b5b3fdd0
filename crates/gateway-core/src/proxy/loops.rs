//! Requests that have already passed through this gateway. Owns the response to their client.

use http::HeaderMap;

use crate::config::snapshot::Snapshot;
use crate::error::{ErrorCode, GatewayError};
use crate::wire::via::{self, Way};

/// Rejects a request that this gateway sent itself, directly or through others.
pub fn check(headers: &HeaderMap, snapshot: &Snapshot) -> Result<(), GatewayError> {
    let Some(own) = &snapshot.via else {
        return Ok(());
    };
    let message = match via::way(headers, own) {
        Way::New => return Ok(()),
        Way::Returned => {
            "Loop detected: this gateway got a request that it had sent itself. The base URL of one of its channels, \
             or of a gateway behind one, leads back to it. Change that base URL to the provider's own, or disable \
             the channel."
        }
        Way::TooLong => {
            "Loop detected: the request has passed through too many gateways and proxies (header `Via`). Check the \
             base URLs of the gateways on its way for one that leads back."
        }
    };
    // A retry would loop again.
    Err(ErrorCode::LoopDetected.error(message).as_exhausted())
}

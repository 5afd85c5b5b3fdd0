//! Requests that are rejected before any operation is known: an unknown path, a wrong method, a loop. Owns their rows
//! in the ledger. Only requests with a valid key get one: without that, anyone could fill the log.

use std::borrow::Cow;
use std::rc::Rc;

use http::request::Parts;

use super::{Gateway, authenticate, operation};
use crate::error::{GatewayError, printable};
use crate::ledger::entry::{Entry, RequestStart};
use crate::ports::ProxyPorts;

/// The maximum length of a logged path, in characters.
const MAX_PATH_CHARS: usize = 100;
/// Parts of a path that are longer are cut: they could be a key.
const MAX_PART_CHARS: usize = 32;

/// Records the error in the ledger and returns it.
pub async fn noted<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    parts: &Parts,
    request_id: &str,
    model: Option<String>,
    error: GatewayError,
) -> GatewayError {
    if !authenticate::presents_key(parts) {
        return error;
    }
    let Ok(snapshot) = gateway.configuration(parts).await else {
        return error;
    };
    let now = gateway.ports.now();
    if let Ok(client) = authenticate::client(parts, &snapshot, now) {
        let endpoint = shown(parts.uri.path());
        let start = RequestStart {
            id: request_id,
            client,
            is_free: operation::is_free(&endpoint),
            endpoint: Cow::Owned(endpoint),
        };
        let entry = Entry::begin(&gateway.ledger, &gateway.limits, &snapshot, start);
        if let Some(model) = model {
            entry.asked(printable(&model), false, 0);
        }
        entry.rejected(&error);
    }
    error
}

/// A path as it is logged.
fn shown(path: &str) -> String {
    let parts: Vec<Cow<'_, str>> = path
        .split('/')
        .map(|part| match part.char_indices().nth(MAX_PART_CHARS) {
            None => Cow::Borrowed(part),
            Some(_) => Cow::Owned(part.chars().take(4).chain(['…']).collect()),
        })
        .collect();
    parts.join("/").chars().take(MAX_PATH_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_are_cut_and_so_is_what_could_be_a_key() {
        assert_eq!(shown("/v1/chat/completions/"), "/v1/chat/completions/");
        let key = "sk-0123456789012345678901234567890123456789";
        assert_eq!(shown(&format!("/v1/{key}/chat")), "/v1/sk-0…/chat");
        assert_eq!(shown(&"/v1".repeat(1_000)).len(), MAX_PATH_CHARS);
    }
}

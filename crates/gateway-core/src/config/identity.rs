//! The name by which a gateway recognises its own requests; see [`crate::wire::via`]. Owns its source: all instances of
//! one gateway have the same, and no two gateways share one.

use http::HeaderValue;
use sha2::{Digest as _, Sha256};

use super::model::Document;
use crate::ids;
use crate::ports::Random;
use crate::wire::via;

/// Assigns a name to a document that is about to be stored, if it has none.
pub fn assign(document: &mut Document, random: &impl Random) {
    if document.gateway_id.is_none() {
        document.gateway_id = Some(ids::object_id("gw", random));
    }
}

/// The name of the gateway with this document. One that was stored before gateways had names is named after its oldest
/// channel, so that all instances agree; without a channel no upstream is called.
pub fn pseudonym(document: &Document) -> Option<String> {
    let id = if let Some(id) = &document.gateway_id {
        id.clone()
    } else {
        let oldest = document
            .channels
            .iter()
            .min_by_key(|channel| (channel.created_at, &channel.id))?;
        format!("{} {}", oldest.created_at.0, oldest.id)
    };
    // The id itself is not sent: what upstreams see must reveal nothing about the configuration.
    let digest = Sha256::digest(id.as_bytes());
    Some(format!(
        "ai-gateway-{}",
        ids::hex(digest.get(..12).unwrap_or_default())
    ))
}

/// The value of `Via` that outgoing requests carry.
pub fn via(document: &Document) -> Option<HeaderValue> {
    via::value(&pseudonym(document)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_called_after_its_id_and_without_one_after_its_oldest_channel() {
        let mut document = Document::default();
        assert_eq!(pseudonym(&document), None);
        document.gateway_id = Some("gw_1".to_owned());
        let name = pseudonym(&document).unwrap();
        assert!(
            name.starts_with("ai-gateway-") && !name.contains("gw_1"),
            "{name}"
        );
        document.gateway_id = Some("gw_2".to_owned());
        assert_ne!(pseudonym(&document), Some(name));
    }
}

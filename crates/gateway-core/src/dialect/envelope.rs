//! Reasoning that travels through a client of another dialect. Owns the envelope: a text that says whose state it holds,
//! authenticated, so that a client cannot make one up, and recognisable, so that no upstream gets the state of another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::snapshot::Channel;
use crate::upstream::provider::Provider;

/// How every envelope begins.
pub const PREFIX: &str = "gwrs1-";
/// What reasoning has in place of an envelope when there is no state to hold: it comes back recognisable as the gateway's,
/// and an upstream that verifies reasoning never sees it.
pub const STATELESS: &str = PREFIX;
/// Bytes of the authentication code: 128 bits.
const CODE_BYTES: usize = 16;
/// Keeps this use of the key apart from others.
const PURPOSE: &[u8] = b"ai-gateway reasoning state v1";

/// Where a state comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The kind of the channel's provider.
    pub provider: Provider,
    /// The channel's id.
    pub channel: String,
}

impl Origin {
    /// A channel as the origin of what it answers.
    pub fn of(channel: &Channel) -> Self {
        Self {
            provider: channel.endpoint.provider(),
            channel: channel.id.clone(),
        }
    }
}

/// What an upstream needs to continue its reasoning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningState {
    /// Where it comes from.
    pub origin: Origin,
    /// The state.
    pub content: StateContent,
}

/// The state itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateContent {
    /// A thinking block of Messages. Text and signature are verified together.
    Signed {
        /// The text; often empty, since newer models do not show it.
        thinking: String,
        /// Its signature.
        signature: String,
    },
    /// A redacted thinking block of Messages.
    Redacted {
        /// Its content, encrypted.
        data: String,
    },
    /// A reasoning item of Responses. Id and content are verified together.
    Encrypted {
        /// The item's id.
        id: String,
        /// Its content, encrypted.
        content: String,
    },
}

impl ReasoningState {
    /// Whether the upstream at `target` can use it. Signatures hold for every account of their provider; encrypted
    /// content for the account alone that it was made with.
    pub fn is_for(&self, target: &Origin) -> bool {
        match self.content {
            StateContent::Signed { .. } | StateContent::Redacted { .. } => {
                self.origin.provider == target.provider
            }
            StateContent::Encrypted { .. } => self.origin == *target,
        }
    }
}

/// The key that envelopes are authenticated with.
#[derive(Clone)]
pub struct EnvelopeKey([u8; 32]);

impl std::fmt::Debug for EnvelopeKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EnvelopeKey(…)")
    }
}

impl Default for EnvelopeKey {
    fn default() -> Self {
        Self::derive(&[])
    }
}

impl EnvelopeKey {
    /// The key that belongs to a secret of the gateway.
    pub fn derive(secret: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(PURPOSE);
        hash.update(secret);
        Self(hash.finalize().into())
    }

    /// The envelope of a state.
    pub fn seal(&self, state: &ReasoningState) -> String {
        let payload = serde_json::to_vec(state).unwrap_or_default();
        let mut bytes = self.code(&payload).to_vec();
        bytes.extend(payload);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The state in an envelope; `None` for anything else, and for envelopes that are forged or damaged.
    pub fn open(&self, envelope: &str) -> Option<ReasoningState> {
        let bytes = URL_SAFE_NO_PAD
            .decode(envelope.strip_prefix(PREFIX)?)
            .ok()?;
        let (code, payload) = bytes.split_at_checked(CODE_BYTES)?;
        self.mac(payload).verify_truncated_left(code).ok()?;
        serde_json::from_slice(payload).ok()
    }

    fn code(&self, payload: &[u8]) -> [u8; CODE_BYTES] {
        let mut code = [0; CODE_BYTES];
        code.copy_from_slice(&self.mac(payload).finalize().into_bytes()[..CODE_BYTES]);
        code
    }

    fn mac(&self, payload: &[u8]) -> Hmac<Sha256> {
        // A key of a whole block needs no check of its length; HMAC pads shorter keys with zeros as well.
        let mut block = [0_u8; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(payload);
        mac
    }
}

/// Whether a text is an envelope of this gateway, valid or not.
pub fn is_envelope(text: &str) -> bool {
    text.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(provider: Provider, channel: &str) -> ReasoningState {
        ReasoningState {
            origin: Origin {
                provider,
                channel: channel.to_owned(),
            },
            content: StateContent::Encrypted {
                id: "rs_1".to_owned(),
                content: "gAAA".to_owned(),
            },
        }
    }

    #[test]
    fn only_this_gateways_own_envelopes_open() {
        let key = EnvelopeKey::derive(b"secret");
        let state = state(Provider::OpenAi, "ch_1");
        let envelope = key.seal(&state);
        assert!(is_envelope(&envelope));
        assert_eq!(key.open(&envelope), Some(state));
        assert_eq!(EnvelopeKey::derive(b"other").open(&envelope), None);
        for place in PREFIX.len()..envelope.len() {
            let mut damaged = envelope.clone().into_bytes();
            damaged[place] = if damaged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(std::str::from_utf8(&damaged).unwrap()), None);
        }
        for text in ["", PREFIX, "EqQBCgIYAhIM", "gwrs1-AAAA", "gwrs1-\u{e4}"] {
            assert_eq!(key.open(text), None, "{text}");
        }
    }

    #[test]
    fn a_state_goes_back_to_its_upstream_only() {
        let origin = |provider, channel: &str| Origin {
            provider,
            channel: channel.to_owned(),
        };
        let encrypted = state(Provider::OpenAi, "ch_1");
        assert!(encrypted.is_for(&origin(Provider::OpenAi, "ch_1")));
        assert!(!encrypted.is_for(&origin(Provider::OpenAi, "ch_2")));
        let signed = ReasoningState {
            content: StateContent::Signed {
                thinking: String::new(),
                signature: "s".to_owned(),
            },
            ..state(Provider::Anthropic, "ch_1")
        };
        assert!(signed.is_for(&origin(Provider::Anthropic, "ch_2")));
        assert!(!signed.is_for(&origin(Provider::OpenAi, "ch_1")));
    }
}

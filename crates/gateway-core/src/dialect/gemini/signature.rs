//! Reasoning state in `thoughtSignature`. The API's member holds bytes: clients with types decode and encode it again, so
//! that the gateway's envelope travels as base64 in the standard alphabet, and comes back in either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::envelope::{EnvelopeKey, ReasoningState, is_envelope};

/// The signature for the client.
pub fn of_state(state: &ReasoningState, key: &EnvelopeKey) -> String {
    STANDARD.encode(key.seal(state))
}

/// The state in a signature; `None` for those of Google's.
pub fn open(signature: &str, key: &EnvelopeKey) -> Option<ReasoningState> {
    if is_envelope(signature) {
        return key.open(signature);
    }
    let mut plain = signature.trim_end_matches('=').replace('-', "+");
    plain = plain.replace('_', "/");
    while !plain.len().is_multiple_of(4) {
        plain.push('=');
    }
    let envelope = STANDARD.decode(plain).ok()?;
    key.open(std::str::from_utf8(&envelope).ok()?)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;
    use crate::dialect::envelope::{Origin, StateContent};
    use crate::upstream::provider::Provider;

    #[test]
    fn a_state_comes_back_in_every_spelling_of_bytes() {
        let key = EnvelopeKey::derive(b"secret");
        // Every length, so that padding of each kind occurs.
        for length in 0..8 {
            let state = ReasoningState {
                origin: Origin {
                    provider: Provider::Anthropic,
                    channel: "ch_1".to_owned(),
                },
                content: StateContent::Redacted {
                    data: "?".repeat(length),
                },
            };
            let signature = of_state(&state, &key);
            let bytes = STANDARD.decode(&signature).unwrap();
            let spellings = [
                signature.clone(),
                URL_SAFE.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
                STANDARD_NO_PAD.encode(&bytes),
                key.seal(&state),
            ];
            for spelling in spellings {
                assert_eq!(open(&spelling, &key).as_ref(), Some(&state), "{spelling}");
            }
            assert_eq!(open(&signature, &EnvelopeKey::derive(b"other")), None);
        }
        for foreign in [
            "",
            "====",
            "CpYBAdHtim8=",
            "skip_thought_signature_validator",
            "ä",
        ] {
            assert_eq!(open(foreign, &key), None, "{foreign}");
        }
    }
}

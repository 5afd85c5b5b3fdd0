//! Who calls? Owns the three places where a client key may stand and the rules of its validity.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::config::model::ClientKey;
use crate::config::snapshot::Snapshot;
use crate::error::{Case, GatewayError};
use crate::ids;
use crate::units::Timestamp;

/// The valid client key of a request. The key is hashed and the hash looked up, so that no comparison
/// takes longer for a better guess.
pub fn client<'a>(
    headers: &HeaderMap,
    snapshot: &'a Snapshot,
    now: Timestamp,
) -> Result<&'a ClientKey, GatewayError> {
    let Some(presented) = presented_key(headers) else {
        return Err(refuse(
            "No API key was given. Send it as `Authorization: Bearer YOUR_KEY`; an admin makes keys in the panel.",
        ));
    };
    let Some(key) = snapshot.client_key(&ids::hash_client_key(presented)) else {
        return Err(refuse(
            "The API key is not known to this gateway. Check it, or ask an admin for a new one.",
        ));
    };
    if !key.enabled {
        return Err(refuse(
            "The API key is disabled. Ask an admin to enable it.",
        ));
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        return Err(refuse(
            "The API key has expired. Ask an admin for a new one.",
        ));
    }
    Ok(key)
}

/// Whether the key may use the model.
pub fn may_use(client: &ClientKey, model: &str) -> bool {
    client.models.is_empty() || client.models.iter().any(|allowed| allowed == model)
}

fn refuse(message: &'static str) -> GatewayError {
    Case::InvalidApiKey.error(message)
}

fn presented_key(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| bearer(value.as_bytes()));
    let plain = |name: &str| headers.get(name).map(|value| value.as_bytes().trim_ascii());
    bearer
        .or_else(|| plain("x-api-key"))
        .or_else(|| plain("api-key"))
        .filter(|key| !key.is_empty())
}

/// The token of `Bearer token`; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(6)?;
    (scheme.eq_ignore_ascii_case(b"bearer") && token.first() == Some(&b' '))
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Document, Limits};

    fn key(secret: &str, change: impl FnOnce(&mut ClientKey)) -> ClientKey {
        let mut key = ClientKey {
            id: format!("ck_{secret}"),
            name: secret.to_owned(),
            hash: ids::hex(&ids::hash_client_key(secret.as_bytes())),
            hint: String::new(),
            enabled: true,
            models: Vec::new(),
            expires_at: None,
            limits: Limits::default(),
            created_at: Timestamp(0),
        };
        change(&mut key);
        key
    }

    fn outcome(name: &'static str, value: &str) -> Result<String, (u16, String)> {
        let keys = vec![
            key("sk-good", |_| ()),
            key("sk-off", |key| key.enabled = false),
            key("sk-old", |key| key.expires_at = Some(Timestamp(1_000))),
        ];
        let snapshot = Snapshot::build(
            Document {
                keys,
                ..Document::default()
            },
            None,
            || 0,
        );
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        client(&headers, &snapshot, Timestamp(1_000))
            .map(|key| key.id.clone())
            .map_err(|error| (error.status.as_u16(), error.body.message))
    }

    #[test]
    fn keys_are_taken_from_all_three_headers() {
        for (name, value) in [
            ("authorization", "Bearer sk-good"),
            ("authorization", "bearer  sk-good "),
            ("x-api-key", "sk-good"),
            ("api-key", "sk-good"),
        ] {
            assert_eq!(
                outcome(name, value),
                Ok("ck_sk-good".to_owned()),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn refusals_are_401_and_say_why() {
        for (name, value, why) in [
            ("authorization", "Bearer sk-goo", "not known"),
            ("authorization", "Basic sk-good", "No API key"),
            ("authorization", "Bearer ", "No API key"),
            ("x-api-key", "", "No API key"),
            ("x-api-key", "sk-off", "disabled"),
            ("x-api-key", "sk-old", "expired"),
        ] {
            let (status, message) = outcome(name, value).unwrap_err();
            assert_eq!(status, 401);
            assert!(message.contains(why), "{name}: {value}: {message}");
        }
    }
}

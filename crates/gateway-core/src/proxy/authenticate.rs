//! Authenticates the caller. Owns where a client key may be sent and the rules of its validity.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use url::form_urlencoded;

use super::vendor_paths;

use crate::config::model::ClientKey;
use crate::config::snapshot::Snapshot;
use crate::error::{ErrorCode, GatewayError};
use crate::ids;
use crate::units::Timestamp;

/// Headers that hold a key and nothing else: Anthropic's, Azure's, Gemini's.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];
/// The maximum number of keys checked per request; clients send one, or two by mistake.
const MAX_PRESENTED: usize = 16;

/// Why a key is rejected; later variants are more specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AuthFailure {
    Missing,
    Unknown,
    Replaced,
    Expired,
    Disabled,
}

/// Whether a request presents any key.
pub fn presents_key(request: &Parts) -> bool {
    request.headers.contains_key(AUTHORIZATION)
        || KEY_HEADERS
            .iter()
            .any(|name| request.headers.contains_key(*name))
        || query_key(request).is_some()
}

/// The key that Gemini's clients put into the query string. No other API has it there: addresses end up in logs.
fn query_key(request: &Parts) -> Option<Cow<'_, str>> {
    if !vendor_paths::is_gemini(request.uri.path()) {
        return None;
    }
    let query = request.uri.query()?.as_bytes();
    let mut pairs = form_urlencoded::parse(query);
    pairs.find_map(|(name, value)| (name == "key").then_some(value))
}

/// The valid client key of a request: any of those presented. Each is hashed and the hash looked up, so that no
/// comparison takes longer for a better guess.
pub fn client<'a>(
    request: &Parts,
    snapshot: &'a Snapshot,
    now: Timestamp,
) -> Result<&'a ClientKey, GatewayError> {
    let mut refusal = AuthFailure::Missing;
    for hash in hashes(request) {
        match valid(&hash, snapshot, now) {
            Ok(key) => return Ok(key),
            Err(why) => refusal = refusal.max(why),
        }
    }
    Err(ErrorCode::InvalidApiKey.error(match refusal {
        AuthFailure::Missing => {
            "No API key was given. Send it as `Authorization: Bearer YOUR_KEY`; an admin makes keys in the panel."
        }
        AuthFailure::Unknown => {
            "The API key is not known to this gateway. Check it, or ask an admin for a new one."
        }
        AuthFailure::Replaced => {
            "The API key was replaced by a new one. Use the new one, or ask an admin for it."
        }
        AuthFailure::Expired => "The API key has expired. Ask an admin for a new one.",
        AuthFailure::Disabled => "The API key is disabled. Ask an admin to enable it.",
    }))
}

/// The hashes of the keys that a request presents.
pub fn hashes(request: &Parts) -> Vec<[u8; 32]> {
    let in_query = query_key(request);
    let in_query = in_query.iter().map(|key| key.as_bytes());
    let presented = presented_keys(&request.headers).chain(in_query);
    let presented = presented.take(MAX_PRESENTED);
    presented.map(ids::hash_client_key).collect()
}

fn valid<'a>(
    hash: &[u8; 32],
    snapshot: &'a Snapshot,
    now: Timestamp,
) -> Result<&'a ClientKey, AuthFailure> {
    let (key, valid_until) = snapshot.client_key(hash).ok_or(AuthFailure::Unknown)?;
    if !key.enabled {
        return Err(AuthFailure::Disabled);
    }
    if key.expires_at.is_some_and(|end| end <= now) {
        return Err(AuthFailure::Expired);
    }
    if valid_until.is_some_and(|end| end <= now) {
        return Err(AuthFailure::Replaced);
    }
    Ok(key)
}

/// Whether the key may use the model.
pub fn may_use(client: &ClientKey, model: &str) -> bool {
    client.models.is_empty() || client.models.iter().any(|allowed| allowed == model)
}

/// Every key that a request presents. Hosts may join several lines of a header with commas, which no key has.
fn presented_keys(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = |name| {
        let lines = headers.get_all(name).iter();
        lines.flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
    };
    let bearers = values(AUTHORIZATION.as_str()).filter_map(|value| bearer(value.trim_ascii()));
    let plain = KEY_HEADERS.into_iter().flat_map(values);
    bearers
        .chain(plain.map(<[u8]>::trim_ascii))
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
    use crate::config::model::{Document, KeyLimits, PreviousKey};

    fn key(secret: &str, change: impl FnOnce(&mut ClientKey)) -> ClientKey {
        let mut key = ClientKey {
            id: format!("ck_{secret}"),
            name: secret.to_owned(),
            hash: ids::hex(&ids::hash_client_key(secret.as_bytes())),
            hint: String::new(),
            previous: None,
            enabled: true,
            models: Vec::new(),
            tags: Vec::new(),
            expires_at: None,
            limits: KeyLimits::default(),
            created_at: Timestamp(0),
        };
        change(&mut key);
        key
    }

    /// A key that has replaced another one.
    fn successor(secret: &str, replaced: &str, valid_until: u64) -> ClientKey {
        key(secret, |key| {
            key.previous = Some(PreviousKey {
                hash: ids::hex(&ids::hash_client_key(replaced.as_bytes())),
                hint: String::new(),
                valid_until: Timestamp(valid_until),
            });
        })
    }

    fn outcome(lines: &[(&'static str, &str)]) -> Result<String, (u16, String)> {
        let keys = vec![
            key("sk-good", |_| ()),
            key("sk-off", |key| key.enabled = false),
            key("sk-old", |key| key.expires_at = Some(Timestamp(1_000))),
            successor("sk-new", "sk-grace", 1_001),
            successor("sk-newer", "sk-replaced", 1_000),
            // Whatever comes first in the document, a current key is one.
            successor("sk-b", "sk-a", 1_000),
            successor("sk-a", "sk-b", 1_000),
        ];
        let snapshot = Snapshot::build(
            Document {
                keys,
                ..Document::default()
            },
            None,
            || 0,
        );
        let mut request = http::Request::new(());
        for (name, value) in lines {
            if *name == "uri" {
                *request.uri_mut() = value.parse().unwrap();
            } else {
                request.headers_mut().append(*name, value.parse().unwrap());
            }
        }
        client(&request.into_parts().0, &snapshot, Timestamp(1_000))
            .map(|key| key.id.clone())
            .map_err(|error| (error.status.as_u16(), error.body.message))
    }

    #[test]
    fn keys_are_taken_from_every_header() {
        for lines in [
            &[("authorization", "Bearer sk-good")][..],
            &[("authorization", "bearer  sk-good ")],
            &[("x-api-key", "sk-good")],
            &[("api-key", "sk-good")],
            &[("x-goog-api-key", " sk-good")],
            &[(
                "uri",
                "/v1beta/models/m:generateContent?alt=sse&key=sk-good",
            )],
        ] {
            assert_eq!(outcome(lines), Ok("ck_sk-good".to_owned()), "{lines:?}");
        }
    }

    #[test]
    fn any_valid_one_of_several_lets_a_request_in() {
        let names = ["x-api-key", "api-key", "x-goog-api-key"];
        for name in names {
            for bad in [
                "Bearer sk-no",
                "Bearer sk-off",
                "Bearer sk-old",
                "Bearer ",
                "Basic x",
                "",
            ] {
                let lines = [("authorization", bad), (name, "sk-good")];
                assert!(outcome(&lines).is_ok(), "{lines:?}");
            }
            let lines = [
                (name, "sk-no"),
                (name, "sk-good"),
                ("authorization", "Bearer sk-off"),
            ];
            assert!(outcome(&lines).is_ok(), "{lines:?}");
            assert!(
                outcome(&[(name, "sk-no, sk-good")]).is_ok(),
                "joined by a host"
            );
        }
        let twice = [
            ("authorization", "Bearer dummy"),
            ("authorization", "Bearer sk-good"),
        ];
        assert!(outcome(&twice).is_ok());
        assert!(outcome(&[("authorization", "Bearer dummy, Bearer sk-good")]).is_ok());
        let many = vec![("x-api-key", "sk-no"); MAX_PRESENTED];
        let first = [&[("x-api-key", "sk-good")], many.as_slice()].concat();
        let last = [many.as_slice(), &[("x-api-key", "sk-good")]].concat();
        assert!(
            outcome(&first).is_ok() && outcome(&last).is_err(),
            "the work is bounded"
        );
    }

    #[test]
    fn a_replaced_key_is_its_successor_within_the_grace_time() {
        for (secret, id) in [
            ("sk-grace", "ck_sk-new"),
            ("sk-new", "ck_sk-new"),
            ("sk-newer", "ck_sk-newer"),
            ("sk-a", "ck_sk-a"),
            ("sk-b", "ck_sk-b"),
        ] {
            assert_eq!(outcome(&[("x-api-key", secret)]), Ok(id.to_owned()));
        }
    }

    #[test]
    fn refusals_are_401_and_say_why() {
        for (lines, why) in [
            (&[][..], "No API key"),
            (&[("authorization", "Bearer sk-goo")], "not known"),
            (&[("authorization", "Basic sk-good")], "No API key"),
            (&[("authorization", "Bearer ")], "No API key"),
            (&[("x-api-key", "")], "No API key"),
            (&[("uri", "/v1/chat/completions?key=sk-good")], "No API key"),
            (&[("uri", "/v1beta/models?key=sk-no")], "not known"),
            (&[("x-api-key", "sk-off")], "disabled"),
            (&[("x-api-key", "sk-old")], "expired"),
            (&[("x-api-key", "sk-replaced")], "replaced by a new one"),
            (
                &[("authorization", "Bearer sk-no"), ("x-api-key", "sk-old")],
                "expired",
            ),
            (
                &[("authorization", "Bearer sk-off"), ("api-key", "sk-no")],
                "disabled",
            ),
            (
                &[("authorization", "Basic x"), ("api-key", "sk-no")],
                "not known",
            ),
        ] {
            let (status, message) = outcome(lines).unwrap_err();
            assert_eq!(status, 401);
            assert!(message.contains(why), "{lines:?}: {message}");
        }
    }
}

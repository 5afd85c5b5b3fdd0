//! The ID token: its claims, and whether they are for this gateway and this sign-in (OIDC Core, 3.1.3.7). Pure.
//!
//! The signature is not checked: the token comes straight from the token endpoint, over TLS and to a client that has
//! authenticated with its secret or with PKCE, which OIDC Core 3.1.3.7 (6) allows in place of the signature. A token that
//! comes by any other way, such as through the browser, must never be given to this module.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use thiserror::Error;

use super::roles::Claims;
use crate::units::Timestamp;

/// Bytes of a token: tokens with hundreds of groups have 20 KiB.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;
/// Seconds by which the clocks of provider and gateway may differ.
const LEEWAY_S: u64 = 120;
/// Seconds since a token was issued: it was just made for this sign-in.
const MAX_AGE_S: u64 = 600;
/// Characters of a subject (OIDC Core, 2).
const MAX_SUBJECT_CHARS: usize = 255;

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The issuer, as the discovery document has it.
    pub issuer: &'a str,
    /// The gateway's name at the provider.
    pub client_id: &'a str,
    /// What was sent with the request.
    pub nonce: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// A token that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdTokenError {
    /// Not three parts of base64url, or no JSON object.
    #[error("it is not a signed JSON web token")]
    Malformed,
    /// Five parts.
    #[error("it is encrypted; set up the client without encryption of ID tokens")]
    Encrypted,
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("it has more than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// `iss`
    #[error("its issuer (`iss`) is another one")]
    Issuer,
    /// `aud`
    #[error("its audience (`aud`) is not this client")]
    Audience,
    /// `azp`
    #[error("it was issued to another client (`azp`)")]
    AuthorizedParty,
    /// `exp`
    #[error("it has expired (`exp`); is a clock wrong?")]
    Expired,
    /// `iat`, `nbf`
    #[error("it is not from now (`iat`, `nbf`); is a clock wrong?")]
    Time,
    /// `nonce`
    #[error("it belongs to another sign-in (`nonce`)")]
    Nonce,
    /// `sub`
    #[error("it has no usable subject (`sub`)")]
    Subject,
}

/// The claims of the token, if it is for this sign-in.
pub fn accept(token: &str, expected: Expected<'_>) -> Result<Claims, IdTokenError> {
    let claims = claims(token)?;
    check(&claims, expected)?;
    Ok(claims)
}

/// Whether the claims are those of a token for this sign-in.
pub fn check(claims: &Claims, expected: Expected<'_>) -> Result<(), IdTokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(IdTokenError::Issuer);
    }
    check_audience(claims, expected.client_id)?;
    check_times(claims, expected.now)?;
    if text("nonce") != Some(expected.nonce) {
        return Err(IdTokenError::Nonce);
    }
    let is_subject = |subject: &str| {
        !subject.is_empty() && subject.is_ascii() && subject.len() <= MAX_SUBJECT_CHARS
    };
    if !text("sub").is_some_and(is_subject) {
        return Err(IdTokenError::Subject);
    }
    Ok(())
}

/// The claims of a token, unchecked.
fn claims(token: &str) -> Result<Claims, IdTokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(IdTokenError::TooLong);
    }
    let parts: Vec<&str> = token.split('.').take(6).collect();
    let payload = match parts.as_slice() {
        [_, payload, _] => payload,
        [_, _, _, _, _] => return Err(IdTokenError::Encrypted),
        _ => return Err(IdTokenError::Malformed),
    };
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('='));
    let payload = payload.map_err(|_| IdTokenError::Malformed)?;
    serde_json::from_slice(&payload).map_err(|_| IdTokenError::Malformed)
}

/// The gateway is the audience, and where the token names whom it was issued to, that is the gateway too.
fn check_audience(claims: &Claims, client_id: &str) -> Result<(), IdTokenError> {
    let (is_for_us, is_for_others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client_id, false),
        Some(Value::Array(all)) => (
            all.iter().any(|one| one == client_id),
            all.iter().any(|one| one != client_id),
        ),
        _ => (false, false),
    };
    if !is_for_us {
        return Err(IdTokenError::Audience);
    }
    match claims.get("azp") {
        None if is_for_others => Err(IdTokenError::AuthorizedParty),
        Some(party) if party != client_id => Err(IdTokenError::AuthorizedParty),
        _ => Ok(()),
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), IdTokenError> {
    let now = now.0 / 1000;
    let expires = claims.get("exp").and_then(seconds);
    if expires.is_none_or(|at| at.saturating_add(LEEWAY_S) <= now) {
        return Err(IdTokenError::Expired);
    }
    let is_from_now = |at: u64| {
        at <= now.saturating_add(LEEWAY_S) && at.saturating_add(MAX_AGE_S + LEEWAY_S) >= now
    };
    let is_valid_yet = |at: u64| at <= now.saturating_add(LEEWAY_S);
    let issued = claims.get("iat").and_then(seconds);
    let not_before = claims.get("nbf").map(seconds);
    if issued.is_some_and(is_from_now) && not_before.is_none_or(|at| at.is_some_and(is_valid_yet)) {
        return Ok(());
    }
    Err(IdTokenError::Time)
}

/// Seconds since 1970; a `NumericDate` may have a fraction (RFC 7519, 2).
fn seconds(value: &Value) -> Option<u64> {
    /// Seconds up to the year 9999, which a float has exactly.
    const LAST: f64 = 253_402_300_799.0;
    if let Some(whole) = value.as_u64() {
        return Some(whole);
    }
    let seconds = value.as_f64().filter(|at| (0.0..=LAST).contains(at))?;
    format!("{:.0}", seconds.floor()).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn token(claims: &Value) -> String {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!(
            "{}.{payload}.c2ln",
            URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}")
        )
    }

    fn good() -> Value {
        json!({"iss": "https://id.example", "aud": "gateway", "sub": "u1", "nonce": "n", "exp": NOW + 300, "iat": NOW})
    }

    fn accepted(token: &str) -> Result<Claims, IdTokenError> {
        let expected = Expected {
            issuer: "https://id.example",
            client_id: "gateway",
            nonce: "n",
            now: Timestamp(NOW * 1000),
        };
        accept(token, expected)
    }

    fn with(member: &str, value: Value) -> Result<Claims, IdTokenError> {
        let mut claims = good();
        claims[member] = value;
        accepted(&token(&claims))
    }

    #[test]
    fn a_token_for_this_sign_in_is_accepted() {
        assert_eq!(accepted(&token(&good())).unwrap()["sub"], "u1");
        for (member, value) in [
            ("aud", json!(["gateway"])),
            ("azp", json!("gateway")),
            ("exp", json!(NOW - 119)),
            ("iat", json!(NOW + 119)),
            ("iat", json!(1_800_000_000.5)),
            ("nbf", json!(NOW)),
        ] {
            assert!(with(member, value.clone()).is_ok(), "{member} {value}");
        }
        let mut both = good();
        both["aud"] = json!(["other", "gateway"]);
        assert_eq!(accepted(&token(&both)), Err(IdTokenError::AuthorizedParty));
        both["azp"] = json!("gateway");
        assert!(accepted(&token(&both)).is_ok());
    }

    #[test]
    fn each_claim_is_checked() {
        for (member, value, error) in [
            ("iss", json!("https://id.example/"), IdTokenError::Issuer),
            ("iss", json!(null), IdTokenError::Issuer),
            ("aud", json!("other"), IdTokenError::Audience),
            ("aud", json!([]), IdTokenError::Audience),
            ("aud", json!(null), IdTokenError::Audience),
            ("azp", json!("other"), IdTokenError::AuthorizedParty),
            ("azp", json!(null), IdTokenError::AuthorizedParty),
            ("exp", json!(NOW - 120), IdTokenError::Expired),
            ("exp", json!("9999999999"), IdTokenError::Expired),
            ("exp", json!(-1), IdTokenError::Expired),
            ("iat", json!(NOW + 121), IdTokenError::Time),
            ("iat", json!(NOW - 721), IdTokenError::Time),
            ("iat", json!(null), IdTokenError::Time),
            ("nbf", json!(NOW + 121), IdTokenError::Time),
            ("nbf", json!("soon"), IdTokenError::Time),
            ("nonce", json!("other"), IdTokenError::Nonce),
            ("nonce", json!(null), IdTokenError::Nonce),
            ("sub", json!(""), IdTokenError::Subject),
            ("sub", json!(7), IdTokenError::Subject),
            ("sub", json!("x".repeat(256)), IdTokenError::Subject),
            ("sub", json!("ä"), IdTokenError::Subject),
        ] {
            assert_eq!(with(member, value.clone()), Err(error), "{member} {value}");
        }
    }

    #[test]
    fn what_is_no_token_is_rejected() {
        let claims = URL_SAFE_NO_PAD.encode(good().to_string());
        for (text, error) in [
            (String::new(), IdTokenError::Malformed),
            (claims.clone(), IdTokenError::Malformed),
            (format!("a.{claims}"), IdTokenError::Malformed),
            (format!("a.{claims}.b.c"), IdTokenError::Malformed),
            (format!("a.{claims}.b.c.d"), IdTokenError::Encrypted),
            (format!("a.{claims}.b.c.d.e"), IdTokenError::Malformed),
            (format!("a.{claims}!.b"), IdTokenError::Malformed),
            ("a.W10.b".to_owned(), IdTokenError::Malformed),
            ("x".repeat(MAX_TOKEN_BYTES + 1), IdTokenError::TooLong),
        ] {
            assert_eq!(accepted(&text), Err(error), "{text:.40}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_accepted_by_chance(text in "\\PC{0,200}") {
            prop_assert!(accepted(&text).is_err());
        }

        #[test]
        fn a_changed_claim_is_never_accepted(
            member in prop::sample::select(vec!["iss", "aud", "azp", "nonce"]),
            value in "[a-z:/.]{0,30}",
        ) {
            let own = ["https://id.example", "gateway", "n"].contains(&value.as_str());
            prop_assume!(!own);
            prop_assert!(with(member, json!(value)).is_err());
        }
    }
}

//! Calls of the provider: its discovery document, the exchange of a code, a user's claims. Owns their bounds of time and size,
//! and how long the document is kept.
//!
//! Which hosts are called is the operator's choice alone: `oidc_issuer`, and what its document names over TLS. Redirects are
//! not followed.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::failure::{FailureCode, SignInFailure};
use super::id_token::MAX_TOKEN_BYTES;
use super::metadata::{ClientAuthentication, ProviderMetadata};
use super::roles::Claims;
use super::settings::OidcSettings;
use crate::error::printable;
use crate::ports::{AdminPorts, Timeouts};
use crate::secret::Secret;
use crate::segmented_buffer::SegmentedBuffer;
use crate::units::Timestamp;
use crate::upstream::body;
use crate::upstream::call::CallError;
use crate::upstream::send::send;

/// All calls of one sign-in together.
pub const TIME_LIMIT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// Bytes of an answer: an ID token, an access token of the same size, and what is around them.
const MAX_ANSWER_BYTES: usize = 2 * MAX_TOKEN_BYTES + 16 * 1024;
/// How long a discovery document is valid.
const KEPT_FOR_MS: u64 = 3_600_000;
/// How long a failure is remembered, so that a flood of requests makes no flood of calls.
const FAILURE_KEPT_FOR_MS: u64 = 5_000;

/// The provider, as one instance knows it.
#[derive(Debug)]
pub struct OidcProvider {
    /// Its settings.
    pub settings: OidcSettings,
    discovered: RefCell<Option<Discovery>>,
}

#[derive(Clone, Debug)]
struct Discovery {
    at: Timestamp,
    outcome: Result<Rc<ProviderMetadata>, SignInFailure>,
}

/// What the token endpoint gave.
#[derive(Debug)]
pub struct TokenAnswer {
    /// The ID token.
    pub id_token: String,
    /// For the userinfo endpoint.
    pub access_token: Option<Secret<String>>,
}

impl OidcProvider {
    /// The provider of these settings. Nothing is called yet.
    pub const fn new(settings: OidcSettings) -> Self {
        Self {
            settings,
            discovered: RefCell::new(None),
        }
    }

    /// Its discovery document, from memory if it was read within the hour.
    pub async fn metadata<P: AdminPorts>(
        &self,
        ports: &P,
        deadline: Timestamp,
    ) -> Result<Rc<ProviderMetadata>, SignInFailure> {
        let now = ports.now();
        let kept = self.discovered.borrow().clone();
        if let Some(Discovery { at, outcome }) = kept {
            let limit = if outcome.is_ok() {
                KEPT_FOR_MS
            } else {
                FAILURE_KEPT_FOR_MS
            };
            if now.since_ms(at) < limit {
                return outcome;
            }
        }
        let outcome = self.discover(ports, deadline).await.map(Rc::new);
        self.discovered.replace(Some(Discovery {
            at: ports.now(),
            outcome: outcome.clone(),
        }));
        outcome
    }

    async fn discover<P: AdminPorts>(
        &self,
        ports: &P,
        deadline: Timestamp,
    ) -> Result<ProviderMetadata, SignInFailure> {
        const WHAT: &str = "the discovery document";
        let address = ProviderMetadata::address(&self.settings);
        let request = request(Method::GET, &address, Bytes::new());
        let (status, bytes) = call(ports, WHAT, request, deadline).await?;
        if status != StatusCode::OK {
            return Err(rejected(WHAT, status, &bytes));
        }
        ProviderMetadata::read(&bytes, &self.settings)
            .map_err(|error| SignInFailure::of_provider(format!("{WHAT}: {error}")))
    }

    /// Exchanges a code for tokens.
    pub async fn exchange<P: AdminPorts>(
        &self,
        ports: &P,
        metadata: &ProviderMetadata,
        (code, redirect_uri, verifier): (&str, &str, &Secret<String>),
        deadline: Timestamp,
    ) -> Result<TokenAnswer, SignInFailure> {
        #[derive(Deserialize)]
        struct TokenDocument {
            id_token: String,
            #[serde(default)]
            access_token: Option<String>,
        }
        const WHAT: &str = "the token endpoint";
        let settings = &self.settings;
        let secret = settings.client_secret.as_ref();
        let secret = secret.map_or("", |secret| secret.expose().as_str());
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("code_verifier", verifier.expose());
        match metadata.authentication {
            ClientAuthentication::Basic => {}
            ClientAuthentication::Post => {
                form.append_pair("client_id", &settings.client_id)
                    .append_pair("client_secret", secret);
            }
            ClientAuthentication::Public => {
                form.append_pair("client_id", &settings.client_id);
            }
        }
        let body = Bytes::from(form.finish());
        let mut request = request(Method::POST, metadata.token.as_str(), body);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        if metadata.authentication == ClientAuthentication::Basic {
            authorize(&mut request, &basic(&settings.client_id, secret));
        }
        let (status, bytes) = call(ports, WHAT, request, deadline).await?;
        if status != StatusCode::OK {
            return Err(rejected(WHAT, status, &bytes));
        }
        let tokens: TokenDocument = serde_json::from_slice(&bytes).map_err(|_| {
            SignInFailure::of_provider(format!(
                "{WHAT} gave no ID token; is `openid` among the scopes?"
            ))
        })?;
        Ok(TokenAnswer {
            id_token: tokens.id_token,
            access_token: tokens.access_token.map(Secret::new),
        })
    }

    /// The claims of the userinfo endpoint, which must be of the same user.
    pub async fn userinfo<P: AdminPorts>(
        &self,
        ports: &P,
        (address, access_token): (&str, &Secret<String>),
        subject: &str,
        deadline: Timestamp,
    ) -> Result<Claims, SignInFailure> {
        const WHAT: &str = "the userinfo endpoint";
        let mut request = request(Method::GET, address, Bytes::new());
        authorize(&mut request, &format!("Bearer {}", access_token.expose()));
        let (status, bytes) = call(ports, WHAT, request, deadline).await?;
        if status != StatusCode::OK {
            return Err(rejected(WHAT, status, &bytes));
        }
        let claims: Claims = serde_json::from_slice(&bytes)
            .map_err(|_| SignInFailure::of_provider(format!("{WHAT} gave no JSON object")))?;
        if claims.get("sub").and_then(|sub| sub.as_str()) == Some(subject) {
            return Ok(claims);
        }
        Err(SignInFailure::of_provider(format!(
            "{WHAT} gave the claims of another user"
        )))
    }
}

fn request(method: Method, address: &str, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    // The addresses were checked when the settings and the document were read; an empty one is refused by every host.
    *request.uri_mut() = address.parse().unwrap_or_default();
    let headers: &mut HeaderMap = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    request
}

fn authorize(request: &mut Request<Bytes>, value: &str) {
    if let Ok(mut value) = HeaderValue::try_from(value) {
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}

/// Both are encoded like values of a form before they are joined (RFC 6749, 2.3.1).
fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret));
    format!("Basic {}", STANDARD.encode(pair))
}

/// One call, to the end of its answer.
async fn call<P: AdminPorts>(
    ports: &P,
    what: &str,
    request: Request<Bytes>,
    deadline: Timestamp,
) -> Result<(StatusCode, Bytes), SignInFailure> {
    let failed = |error: CallError| SignInFailure::of_provider(format!("{what}: {error}"));
    let left = Duration::from_millis(deadline.since_ms(ports.now()));
    if left.is_zero() {
        return Err(failed(CallError::TooSlow(TIME_LIMIT)));
    }
    let timeouts = Timeouts {
        connect: CONNECT_LIMIT.min(left),
        first_byte: ANSWER_LIMIT.min(left),
        idle: ANSWER_LIMIT.min(left),
    };
    let once = async || ports.send(request.clone(), timeouts).await;
    let response = send(ports, deadline, once, |_| {}).await;
    let (head, mut body) = response
        .map_err(|error| failed(CallError::Send(error)))?
        .into_parts();
    let mut whole = SegmentedBuffer::new(0);
    let mut length = 0;
    loop {
        // The host's limit begins anew with each piece, and this one does not.
        let piece = body::next_before(ports, &mut body, deadline, Duration::MAX).await;
        let Some(piece) = piece.map_err(|error| {
            failed(if ports.now() >= deadline {
                CallError::TooSlow(TIME_LIMIT)
            } else {
                CallError::Send(error)
            })
        })?
        else {
            break;
        };
        length += piece.len();
        if length > MAX_ANSWER_BYTES {
            return Err(failed(CallError::TooLong(MAX_ANSWER_BYTES)));
        }
        whole.push(piece);
    }
    Ok((head.status, whole.finish()))
}

/// What a refusal says, as RFC 6749 (5.2) has it; bounded and escaped, and for the log only.
fn rejected(what: &str, status: StatusCode, bytes: &[u8]) -> SignInFailure {
    #[derive(Default, Deserialize)]
    struct Refusal {
        #[serde(default)]
        error: String,
        #[serde(default)]
        error_description: String,
    }
    let refusal: Refusal = serde_json::from_slice(bytes).unwrap_or_default();
    let detail = format!(
        "{what} answered {}, {:?} {:?}",
        status.as_u16(),
        printable(&refusal.error),
        printable(&refusal.error_description),
    );
    SignInFailure::new(FailureCode::ProviderFailed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_encoded_before_they_are_joined() {
        let expected = STANDARD.encode("my%3Aid:p%40ss+%25");
        assert_eq!(basic("my:id", "p@ss %"), format!("Basic {expected}"));
    }

    #[test]
    fn a_refusal_is_bounded_and_escaped() {
        let long = "x".repeat(5_000);
        let body = serde_json::json!({"error": "invalid_grant\n<b>", "error_description": long});
        let failure = rejected("it", StatusCode::BAD_REQUEST, body.to_string().as_bytes());
        assert!(
            failure
                .detail
                .starts_with("it answered 400, \"invalid_grant\\n<b>\" \"xxx")
        );
        assert!(failure.detail.len() < 300);
        let failure = rejected("it", StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!(failure.detail, "it answered 502, \"\" \"\"");
    }
}

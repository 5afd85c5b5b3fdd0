//! The client's query string as passed to the upstream. Owns which parts may pass: all but credentials, up to a length.

use http::Uri;
use url::form_urlencoded;

use super::vendor_paths;
use crate::error::{ErrorCode, GatewayError};

/// A longer query string is rejected.
const MAX_BYTES: usize = 2_048;

/// Parameters that carry a credential somewhere, in lower case and without `-` and `_`. The client's own is for the
/// gateway only.
const CREDENTIALS: [&str; 14] = [
    "key",
    "apikey",
    "xapikey",
    "xgoogapikey",
    "accesstoken",
    "authtoken",
    "token",
    "auth",
    "authorization",
    "bearer",
    "password",
    "secret",
    "clientsecret",
    "signature",
];

/// Parameters that the gateway reads from the body and acts on: an upstream must not read them from the query string.
const IN_BODY: [&str; 2] = ["model", "stream"];

/// Rejects a query string that is too long to be passed on.
pub fn check(client: &Uri) -> Result<(), GatewayError> {
    if client.query().is_some_and(|query| query.len() > MAX_BYTES) {
        return Err(ErrorCode::InvalidValue.error(format!(
            "The query string is longer than {MAX_BYTES} bytes."
        )));
    }
    Ok(())
}

/// Whether a client of Gemini's API takes a stream as events (`alt=sse`), not as one JSON list.
pub fn wants_events(client: &Uri) -> bool {
    let query = client.query().unwrap_or_default().as_bytes();
    form_urlencoded::parse(query).any(|(name, value)| name == "alt" && value == "sse")
}

/// An upstream's URI with the permitted part of the client's query string, unchanged.
pub fn added(upstream: Uri, client: &Uri) -> Result<Uri, http::Error> {
    let query = client.query().unwrap_or_default();
    let is_azure = vendor_paths::is_azure(client.path());
    let passed: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_kept_back(pair, is_azure))
        .collect();
    if passed.is_empty() {
        return Ok(upstream);
    }
    let path_and_query = format!("{}?{}", upstream.path(), passed.join("&"));
    let mut parts = upstream.into_parts();
    parts.path_and_query = Some(path_and_query.parse()?);
    Ok(Uri::from_parts(parts)?)
}

/// Some servers accept `;` as a separator as well.
fn is_kept_back(pair: &str, is_azure: bool) -> bool {
    pair.split(';').any(|part| {
        form_urlencoded::parse(part.as_bytes()).any(|(name, _)| {
            let plain: String = name
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|character| character.to_ascii_lowercase())
                .collect();
            let plain = plain.as_str();
            CREDENTIALS.contains(&plain)
                || IN_BODY.contains(&plain)
                // The version of Azure's API that the client was made for.
                || (is_azure && plain == "apiversion")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_credentials_passes_as_it_came() {
        for (query, expected) in [
            ("", None),
            ("beta=true", Some("beta=true")),
            ("beta=true&key=sk-1", Some("beta=true")),
            ("Model=other&stream=1&beta=true", Some("beta=true")),
            ("Key=sk-1", None),
            ("%6Bey=sk-1&a=%20b", Some("a=%20b")),
            ("a=1;api_key=sk-1", None),
            (
                "API-Key=x&access_token=y&api_version=1&&flag",
                Some("api_version=1&flag"),
            ),
            ("monkey=1&tokens=2", Some("monkey=1&tokens=2")),
        ] {
            let client = Uri::try_from(format!("/v1/messages?{query}")).unwrap();
            let upstream = Uri::from_static("https://up.example/base/v1/messages");
            let added = added(upstream, &client).unwrap();
            assert_eq!(added.query(), expected, "{query}");
            assert_eq!(added.path(), "/base/v1/messages");
            assert!(check(&client).is_ok());
        }
        let long = format!("/v1/messages?a={}", "b".repeat(MAX_BYTES));
        assert!(check(&Uri::try_from(long).unwrap()).is_err());
    }
}

//! The provider's discovery document (OIDC Discovery, 3). Owns which addresses of it may be called; pure.

use serde::Deserialize;
use thiserror::Error;
use url::Url;

use super::settings::{OidcSettings, callable};

/// How the gateway authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// The secret in the header `authorization`.
    Basic,
    /// The secret in the form.
    Post,
    /// No secret: PKCE alone.
    Public,
}

/// What the gateway needs of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// The issuer in its own words, which ID tokens repeat.
    pub issuer: String,
    /// Where the browser is sent.
    pub authorization: Url,
    /// Where the code is exchanged.
    pub token: Url,
    /// Where claims are that the ID token does not have.
    pub userinfo: Option<Url>,
    /// How the gateway authenticates.
    pub authentication: ClientAuthentication,
    /// Whether answers to the browser name their issuer (RFC 9207).
    pub names_issuer: bool,
}

/// A document that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// Not the document of an OIDC provider.
    #[error("it is not a discovery document; is `oidc_issuer` right?")]
    Malformed,
    /// Another provider's.
    #[error("its issuer is {0:?}, which is not `oidc_issuer`")]
    Issuer(String),
    /// An address without TLS, or none at all.
    #[error("its `{0}` is not an https URL")]
    Endpoint(&'static str),
    /// Keys and certificates are not supported.
    #[error("its token endpoint takes neither client_secret_basic nor client_secret_post")]
    Authentication,
}

#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl ProviderMetadata {
    /// Where the document is.
    pub fn address(settings: &OidcSettings) -> String {
        format!("{}/.well-known/openid-configuration", settings.issuer)
    }

    /// Reads the document. Its issuer must be the one that is set, but for a slash at its end.
    pub fn read(bytes: &[u8], settings: &OidcSettings) -> Result<Self, MetadataError> {
        let document: DiscoveryDocument =
            serde_json::from_slice(bytes).map_err(|_| MetadataError::Malformed)?;
        if document.issuer.trim_end_matches('/') != settings.issuer {
            let issuer = document.issuer.chars().take(200).collect();
            return Err(MetadataError::Issuer(issuer));
        }
        let endpoint = |name: &'static str, text: &str| {
            callable(text, settings.is_local).ok_or(MetadataError::Endpoint(name))
        };
        let userinfo = document.userinfo_endpoint.as_deref();
        Ok(Self {
            authorization: endpoint("authorization_endpoint", &document.authorization_endpoint)?,
            token: endpoint("token_endpoint", &document.token_endpoint)?,
            userinfo: userinfo
                .map(|text| endpoint("userinfo_endpoint", text))
                .transpose()?,
            authentication: authentication(&document, settings)?,
            names_issuer: document.authorization_response_iss_parameter_supported,
            issuer: document.issuer,
        })
    }
}

fn authentication(
    document: &DiscoveryDocument,
    settings: &OidcSettings,
) -> Result<ClientAuthentication, MetadataError> {
    if settings.client_secret.is_none() {
        return Ok(ClientAuthentication::Public);
    }
    let Some(methods) = &document.token_endpoint_auth_methods_supported else {
        return Ok(ClientAuthentication::Basic);
    };
    let takes = |method: &str| methods.iter().any(|one| one == method);
    if takes("client_secret_basic") {
        Ok(ClientAuthentication::Basic)
    } else if takes("client_secret_post") {
        Ok(ClientAuthentication::Post)
    } else {
        Err(MetadataError::Authentication)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::settings::OidcVariables;
    use super::*;
    use crate::secret::Secret;

    fn settings(issuer: &str) -> OidcSettings {
        let text = |text: &str| Some(text.to_owned());
        let given = OidcVariables {
            issuer: text(issuer),
            client_id: text("gateway"),
            client_secret: Some(Secret::new("s".to_owned())),
            viewer_values: text("*"),
            ..OidcVariables::default()
        };
        OidcSettings::read(given).unwrap().unwrap()
    }

    fn document() -> Value {
        json!({
            "issuer": "https://id.example/a/",
            "authorization_endpoint": "https://id.example/a/auth?x=1",
            "token_endpoint": "https://token.example/a",
        })
    }

    fn with(member: &str, value: Value) -> Result<ProviderMetadata, MetadataError> {
        let mut document = document();
        document[member] = value;
        let settings = settings("https://id.example/a");
        ProviderMetadata::read(document.to_string().as_bytes(), &settings)
    }

    #[test]
    fn the_issuer_is_the_one_that_is_set() {
        assert_eq!(with("x", json!(1)).unwrap().issuer, "https://id.example/a/");
        for other in [
            "https://id.example",
            "https://evil.example/a",
            "https://id.example/a/b",
        ] {
            let error = with("issuer", json!(other)).unwrap_err();
            assert_eq!(error, MetadataError::Issuer(other.to_owned()));
        }
    }

    #[test]
    fn endpoints_have_tls() {
        for member in [
            "authorization_endpoint",
            "token_endpoint",
            "userinfo_endpoint",
        ] {
            for url in [
                "http://id.example/a",
                "http://127.0.0.1/a",
                "http://169.254.169.254/latest",
                "javascript:alert(1)",
                "/token",
                "",
            ] {
                let error = with(member, json!(url)).unwrap_err();
                assert_eq!(error, MetadataError::Endpoint(member), "{url}");
            }
        }
        let local = json!({
            "issuer": "http://localhost:1/a",
            "authorization_endpoint": "http://localhost:1/a",
            "token_endpoint": "http://[::1]:1/t",
        });
        let settings = settings("http://localhost:1/a");
        assert!(ProviderMetadata::read(local.to_string().as_bytes(), &settings).is_ok());
    }

    #[test]
    fn the_gateway_authenticates_as_the_document_says() {
        let name = "token_endpoint_auth_methods_supported";
        for (methods, expected) in [
            (json!(null), Ok(ClientAuthentication::Basic)),
            (
                json!(["client_secret_post", "client_secret_basic"]),
                Ok(ClientAuthentication::Basic),
            ),
            (
                json!(["client_secret_post"]),
                Ok(ClientAuthentication::Post),
            ),
            (
                json!(["private_key_jwt"]),
                Err(MetadataError::Authentication),
            ),
        ] {
            let found = with(name, methods).map(|found| found.authentication);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_no_document_is_rejected() {
        let settings = settings("https://id.example/a");
        for text in ["", "[]", "{}", "<html>", "{\"issuer\":1}", "null"] {
            let error = ProviderMetadata::read(text.as_bytes(), &settings).unwrap_err();
            assert_eq!(error, MetadataError::Malformed, "{text}");
        }
    }
}

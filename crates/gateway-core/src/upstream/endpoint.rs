//! Where a channel is called: a base URL and the kind of provider behind it. Owns request URIs and credential headers.

use std::rc::Rc;

use http::header::HeaderName;
use http::{HeaderValue, Uri};
use url::Url;

use super::provider::{Azure, Kind, Provider};

/// A channel's endpoint, with everything that can be prepared before a request.
#[derive(Clone, Debug)]
pub struct Endpoint {
    base: BaseUrl,
    provider: Provider,
    kind: Rc<dyn Kind>,
}

/// A base URL in the parts that request URIs are built from.
#[derive(Clone, Debug)]
struct BaseUrl {
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    path: String,
}

/// A base URL cannot be called; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidBaseUrl(pub String);

impl Endpoint {
    /// Prepares an endpoint.
    pub fn new(
        provider: Provider,
        base_url: &str,
        azure: Option<&Azure>,
    ) -> Result<Self, InvalidBaseUrl> {
        let kind = provider.kind(azure);
        let mut base = BaseUrl::parse(base_url)?;
        base.path = kind.root(&base.path).to_owned();
        Ok(Self {
            base,
            provider,
            kind,
        })
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        self.base.authority.host()
    }

    /// The provider.
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// What the provider's kind answers.
    pub fn kind(&self) -> &dyn Kind {
        &*self.kind
    }

    /// The URI of `operation` (a path below `/v1/`, such as `chat/completions`) for `upstream_model`.
    pub fn uri(&self, operation: &str, upstream_model: &str) -> Result<Uri, http::Error> {
        let path = self.kind.path(operation, upstream_model);
        // Of its exact length, which becomes bytes without a further allocation.
        let path = [self.base.path.as_str(), &path].concat();
        Uri::builder()
            .scheme(self.base.scheme.clone())
            .authority(self.base.authority.clone())
            .path_and_query(path)
            .build()
    }

    /// The header that carries `key`; `None` when the key has characters that are invalid in a header.
    pub fn credential(&self, key: &str) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = self.kind.credential(key);
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

impl BaseUrl {
    fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let invalid =
            |reason: &dyn std::fmt::Display| InvalidBaseUrl(format!("base_url: {reason}"));
        let url = Url::parse(text).map_err(|error| invalid(&error))?;
        let scheme = match url.scheme() {
            "https" => http::uri::Scheme::HTTPS,
            "http" => http::uri::Scheme::HTTP,
            _ => return Err(invalid(&"it must begin with https:// or http://")),
        };
        let host = url.host_str().ok_or_else(|| invalid(&"it has no host"))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let authority = authority
            .parse()
            .map_err(|error: http::uri::InvalidUri| invalid(&error))?;
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self {
            scheme,
            authority,
            path,
        })
    }
}

#[cfg(test)]
mod tests;

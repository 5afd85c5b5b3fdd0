//! How each kind of upstream wants to be called: its URLs, its credential header, its model names.
//! Pure: turns a channel's settings into requests, sends nothing.

mod azure;

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Uri};
use url::Url;

use crate::config::model::{ChannelConfig, Provider};
use azure::AzureApi;

/// A channel's dialect with everything that can be prepared before a request comes.
#[derive(Clone, Debug)]
pub struct Dialect {
    base: Base,
    api: Api,
}

#[derive(Clone, Debug)]
enum Api {
    OpenAi,
    Azure(AzureApi),
    Anthropic,
}

/// The version of Anthropic's API for clients that name none; the only one there has been since 2023.
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("anthropic-version"),
    HeaderValue::from_static("2023-06-01"),
);

/// A base URL in the parts that request URIs are built from.
#[derive(Clone, Debug)]
struct Base {
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    path: String,
}

/// A channel's base URL cannot be called; the text says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBaseUrl(pub String);

impl Dialect {
    /// Prepares the dialect of a channel.
    pub fn of(channel: &ChannelConfig) -> Result<Self, BadBaseUrl> {
        let mut base = Base::parse(&channel.base_url)?;
        let api = match channel.provider {
            Provider::OpenAi => Api::OpenAi,
            Provider::Anthropic => Api::Anthropic,
            Provider::Azure => {
                base.path = azure::resource_root(&base.path).to_owned();
                Api::Azure(AzureApi::of(channel.azure.clone().unwrap_or_default()))
            }
        };
        Ok(Self { base, api })
    }

    /// The name that the upstream knows `model` by, after the channel's own map was applied.
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        match &self.api {
            Api::OpenAi | Api::Anthropic => model,
            Api::Azure(api) => api.deployment(model),
        }
    }

    /// Whether a request may be sent that names no model: the paths of Azure's classic API have it in them.
    pub const fn takes_no_model(&self) -> bool {
        match &self.api {
            Api::OpenAi | Api::Anthropic => true,
            Api::Azure(api) => api.is_v1(),
        }
    }

    /// The URI of `operation` (a path below `/v1/`, such as `chat/completions`) for `upstream_model`.
    pub fn uri(&self, operation: &str, upstream_model: &str) -> Result<Uri, http::Error> {
        let path = match &self.api {
            Api::OpenAi | Api::Anthropic => format!("{}/{operation}", self.base.path),
            Api::Azure(api) => format!("{}{}", self.base.path, api.path(operation, upstream_model)),
        };
        Uri::builder()
            .scheme(self.base.scheme.clone())
            .authority(self.base.authority.clone())
            .path_and_query(path)
            .build()
    }

    /// The operation that lists the upstream's models. Anthropic gives twenty unless asked for more.
    pub const fn list_operation(&self) -> &'static str {
        match self.api {
            Api::Anthropic => "models?limit=1000",
            Api::OpenAi | Api::Azure(_) => "models",
        }
    }

    /// Whether it is Azure's, whose query string has the version of its API.
    pub const fn is_azure(&self) -> bool {
        matches!(self.api, Api::Azure(_))
    }

    /// The header that the upstream insists on, for requests that don't have it.
    pub fn default_header(&self) -> Option<(HeaderName, HeaderValue)> {
        matches!(self.api, Api::Anthropic).then_some(ANTHROPIC_VERSION)
    }

    /// The header that carries `key`; `None` when the key has characters that no header can carry.
    pub fn credential(&self, key: &str) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = match &self.api {
            Api::OpenAi => (AUTHORIZATION, format!("Bearer {key}")),
            Api::Azure(_) => (HeaderName::from_static("api-key"), key.to_owned()),
            Api::Anthropic => (HeaderName::from_static("x-api-key"), key.to_owned()),
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}

impl Base {
    fn parse(text: &str) -> Result<Self, BadBaseUrl> {
        let bad = |reason: &dyn std::fmt::Display| BadBaseUrl(format!("base_url: {reason}"));
        let url = Url::parse(text).map_err(|error| bad(&error))?;
        let scheme = match url.scheme() {
            "https" => http::uri::Scheme::HTTPS,
            "http" => http::uri::Scheme::HTTP,
            _ => return Err(bad(&"it must begin with https:// or http://")),
        };
        let host = url.host_str().ok_or_else(|| bad(&"it has no host"))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let authority = authority
            .parse()
            .map_err(|error: http::uri::InvalidUri| bad(&error))?;
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

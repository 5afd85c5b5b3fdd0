//! Azure OpenAI's two APIs: classic deployments with an `api-version`, and v1.

use std::collections::BTreeMap;

use http::header::HeaderName;
use serde::{Deserialize, Serialize};

use super::Kind;
#[cfg(feature = "schema")]
use crate::config::bounds::{MAX_API_VERSION_CHARS, MAX_MODELS};
use crate::wire::dialect::Dialect;

/// The operations that classic Azure serves below a deployment; all others are beside it
/// (openai-python, `src/openai/lib/azure.py`, `_deployments_endpoints`).
const DEPLOYMENT_OPERATIONS: &[&str] = &[
    "completions",
    "chat/completions",
    "embeddings",
    "audio/transcriptions",
    "audio/translations",
    "audio/speech",
    "images/generations",
    "images/edits",
];

/// Azure's part of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Azure {
    /// Of the classic API, such as `2024-10-21`; null: the v1 API.
    #[cfg_attr(feature = "schema", schemars(length(max = MAX_API_VERSION_CHARS)))]
    pub api_version: Option<String>,
    /// The client's model to the deployment's name. The models count as served.
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = MAX_MODELS)))]
    pub deployments: BTreeMap<String, String>,
}

/// One Azure OpenAI resource.
#[derive(Debug)]
pub struct AzureOpenAi {
    settings: Azure,
}

impl AzureOpenAi {
    pub const fn new(settings: Azure) -> Self {
        Self { settings }
    }
}

impl Kind for AzureOpenAi {
    /// The root of a resource: the portal shows URLs with `/openai` or `/openai/v1` at the end.
    fn root<'p>(&self, path: &'p str) -> &'p str {
        path.strip_suffix("/openai/v1")
            .or_else(|| path.strip_suffix("/openai"))
            .unwrap_or(path)
    }

    fn path(&self, operation: &str, deployment: &str) -> String {
        let Some(version) = &self.settings.api_version else {
            return format!("/openai/v1/{operation}");
        };
        let version = encode(version);
        if DEPLOYMENT_OPERATIONS.contains(&operation) {
            format!(
                "/openai/deployments/{}/{operation}?api-version={version}",
                encode(deployment)
            )
        } else {
            format!("/openai/{operation}?api-version={version}")
        }
    }

    fn credential(&self, key: &str) -> (HeaderName, String) {
        (HeaderName::from_static("api-key"), key.to_owned())
    }

    /// The deployment of a model; a model without an entry is taken for a deployment's name.
    fn upstream_model<'m>(&'m self, model: &'m str) -> &'m str {
        self.settings
            .deployments
            .get(model)
            .map_or(model, String::as_str)
    }

    /// The paths of the classic API contain the deployment.
    fn is_model_optional(&self) -> bool {
        self.settings.api_version.is_none()
    }

    /// A resource with named deployments has these only.
    fn serves_unlisted_models(&self) -> bool {
        false
    }

    /// It has the version of the API.
    fn owns_query(&self) -> bool {
        true
    }

    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Chat, Dialect::Responses]
    }

    fn model_list(&self) -> Result<&'static str, &'static str> {
        Err(
            "Azure lists the models that exist, not those that are deployed. Enter the deployments by hand, in \
             `azure.deployments`; Azure's portal lists them.",
        )
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
fn encode(text: &str) -> percent_encoding::PercentEncode<'_> {
    const UNRESERVED: percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(text, &UNRESERVED)
}

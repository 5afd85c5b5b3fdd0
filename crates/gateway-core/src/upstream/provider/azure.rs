//! Azure OpenAI's two APIs: classic deployments with an `api-version`, and v1.
//! Owns their paths; the header is the dialect's.

use crate::config::model::Azure;

/// The operations that classic Azure serves below a deployment; all others stand beside it
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

/// Azure's part of a dialect.
#[derive(Clone, Debug)]
pub struct AzureApi {
    settings: Azure,
}

impl AzureApi {
    pub const fn of(settings: Azure) -> Self {
        Self { settings }
    }

    /// Whether it is the API whose paths name no deployment.
    pub const fn is_v1(&self) -> bool {
        self.settings.api_version.is_none()
    }

    /// The deployment of a model; a model without an entry is taken for a deployment's name.
    pub fn deployment<'a>(&'a self, model: &'a str) -> &'a str {
        self.settings
            .deployments
            .get(model)
            .map_or(model, String::as_str)
    }

    /// The path and query below the resource's root.
    pub fn path(&self, operation: &str, deployment: &str) -> String {
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
}

/// The root of a resource: people paste URLs with `/openai` or `/openai/v1` at the end.
pub fn resource_root(path: &str) -> &str {
    path.strip_suffix("/openai/v1")
        .or_else(|| path.strip_suffix("/openai"))
        .unwrap_or(path)
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

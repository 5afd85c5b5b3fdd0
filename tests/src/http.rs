//! Plain HTTP for tests. Owns the client's settings and the collected response.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A client that follows no redirect, uses no proxy and gives up after a minute.
pub fn client() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_mins(1))
        // workerd closes connections that are idle for 5 s, perhaps just when a request is sent.
        .pool_idle_timeout(Duration::from_secs(3))
        .build()?;
    Ok(client)
}

/// A whole response.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// Sends the request and collects the response.
    pub async fn of(request: reqwest::RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }

    /// The first header with this name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text, with replacements.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {}, no JSON: {:?}", self.status, self.text()))
    }

    /// The member `error` of the body, checked for its four members and nothing else but the admin API's `details`.
    pub fn error(&self) -> Result<Value> {
        let error = self.json()?["error"].clone();
        let members = error
            .as_object()
            .with_context(|| format!("no error object: {}", self.text()))?;
        let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
        names.sort_unstable();
        if members.contains_key("details") {
            names.retain(|name| *name != "details");
            let details = members["details"].as_array();
            anyhow::ensure!(
                details.is_some_and(|details| !details.is_empty()),
                "details without any: {error}"
            );
        }
        anyhow::ensure!(
            names == ["code", "message", "param", "type"],
            "error has the members {names:?}"
        );
        anyhow::ensure!(
            error["message"].is_string() && error["type"].is_string(),
            "no texts: {error}"
        );
        Ok(error)
    }

    /// Status and error code, for comparisons; an empty code for `null`.
    pub fn failure(&self) -> Result<(u16, String)> {
        let error = self.error()?;
        Ok((
            self.status,
            error["code"].as_str().unwrap_or_default().to_owned(),
        ))
    }

    /// The error's message.
    pub fn message(&self) -> Result<String> {
        Ok(self.error()?["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }
}

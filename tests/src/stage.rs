//! A stage: one gateway, one scripted upstream, one admin, one client key. Owns the usual requests.

use anyhow::{Context as _, Result};
use gateway_testkit::upstream::Upstream;
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::gateway::{Gateway, Setup};
use crate::http::{Reply, client};

/// Everything that a test of the proxy needs. Channels are best created before the first request, since a
/// change is in force only after a while.
pub struct Stage {
    /// The gateway under test.
    pub gateway: Gateway,
    /// What the channels point at unless they say otherwise.
    pub upstream: Upstream,
    /// A logged-in admin.
    pub admin: Admin,
    /// A client key for every model.
    pub key: String,
    /// The clients' connections.
    pub http: reqwest::Client,
}

impl Stage {
    /// Starts everything, without any channel.
    pub async fn start() -> Result<Self> {
        Self::start_with(&Setup::default()).await
    }

    /// The same with a custom setup, which must have the usual password.
    pub async fn start_with(setup: &Setup) -> Result<Self> {
        let upstream = Upstream::start()?;
        let gateway = Gateway::start(setup)?;
        let admin = Admin::login(&gateway).await?;
        let (_, key) = admin.client_key(&json!({"name": "stage"})).await?;
        Ok(Self {
            gateway,
            upstream,
            admin,
            key,
            http: client()?,
        })
    }

    /// Starts everything with one channel `only` for the model `m`, with the key `k`.
    pub async fn with_channel() -> Result<Self> {
        let stage = Self::start().await?;
        stage
            .channel("only", &json!({"keys": ["k"], "models": ["m"]}))
            .await?;
        Ok(stage)
    }

    /// Creates a channel to the scripted upstream; `members` are added to its name and base URL, or
    /// replace them.
    pub async fn channel(&self, name: &str, members: &Value) -> Result<Value> {
        let mut channel = json!({"name": name, "base_url": self.upstream.base_url()});
        for (member, value) in members.as_object().context("a channel is an object")? {
            channel[member] = value.clone();
        }
        self.admin.post("/channels", &channel).await
    }

    /// Changes settings of the whole gateway. Best done before the first request, as with channels.
    pub async fn settings(&self, members: &Value) -> Result<()> {
        let mut document = self.admin.get("/config").await?;
        for (member, value) in members.as_object().context("settings are an object")? {
            document["settings"][member] = value.clone();
        }
        self.admin
            .ok(Method::PUT, "/config", Some(&document))
            .await?;
        Ok(())
    }

    /// A POST to the client API with the stage's key, ready to be sent.
    pub fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.http
            .post(self.gateway.url(path))
            .bearer_auth(&self.key)
            .header("content-type", "application/json")
    }

    /// A GET from the client API with the stage's key.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        Reply::of(self.http.get(self.gateway.url(path)).bearer_auth(&self.key)).await
    }

    /// A POST of JSON with the stage's key.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        Reply::of(self.request(path).body(body.to_string())).await
    }

    /// A chat completion with a model.
    pub async fn chat(&self, model: &str) -> Result<Reply> {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]});
        self.post("/v1/chat/completions", &body).await
    }

    /// A streamed chat completion, not read yet.
    pub async fn stream(&self, model: &str) -> Result<reqwest::Response> {
        let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
        Ok(self
            .request("/v1/chat/completions")
            .body(body.to_string())
            .send()
            .await?)
    }

    /// A streamed chat completion, read to its end.
    pub async fn whole_stream(&self, model: &str) -> Result<Reply> {
        let body = json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "Hi"}]});
        self.post("/v1/chat/completions", &body).await
    }
}

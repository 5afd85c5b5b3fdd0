//! An admin with a session. Owns the calls of the admin API that most tests make.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Gateway, PASSWORD};
use crate::http::{Reply, client};

/// A logged-in admin, who sends the session token as a bearer token.
#[derive(Clone)]
pub struct Admin {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Admin {
    /// Logs in with the usual password.
    pub async fn login(gateway: &Gateway) -> Result<Self> {
        Self::login_with(gateway, PASSWORD).await
    }

    /// Logs in with a password.
    pub async fn login_with(gateway: &Gateway, password: &str) -> Result<Self> {
        let http = client()?;
        let url = gateway.url("/admin/api/login");
        let reply = Reply::of(http.post(url).json(&json!({"password": password}))).await?;
        ensure!(
            reply.status == 200,
            "login: {} {}",
            reply.status,
            reply.text()
        );
        let token = reply.json()?["token"]
            .as_str()
            .context("a token")?
            .to_owned();
        Ok(Self {
            http,
            base: gateway.url("/admin/api"),
            token,
        })
    }

    /// The session token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// One call below `/admin/api`.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Reply> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        Reply::of(request).await
    }

    /// A call that has to succeed with a JSON body.
    pub async fn ok(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let reply = self.call(method.clone(), path, body).await?;
        ensure!(
            (200..300).contains(&reply.status),
            "{method} {path}: {} {}",
            reply.status,
            reply.text()
        );
        if reply.body.is_empty() {
            Ok(Value::Null)
        } else {
            reply.json()
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ok(Method::GET, path, None).await
    }

    /// What a list has, each member as its own `GET` shows it: without `revision`, which is its `ETag` there.
    pub async fn list(&self, path: &str) -> Result<Value> {
        let mut list = self.get(path).await?;
        let mut data = list["data"].take();
        for object in data.as_array_mut().context("a list")? {
            let object = object.as_object_mut().context("an object")?;
            object.remove("revision").context("a revision")?;
        }
        Ok(data)
    }

    /// A call that holds only for one state of its object.
    pub async fn call_if_match(
        &self,
        method: Method,
        path: &str,
        tag: &str,
        body: Option<&Value>,
    ) -> Result<Reply> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .header("if-match", tag);
        if let Some(body) = body {
            request = request.json(body);
        }
        Reply::of(request).await
    }

    /// Creates.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ok(Method::POST, path, Some(body)).await
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.ok(Method::PATCH, path, Some(body)).await
    }

    /// Removes.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.ok(Method::DELETE, path, None).await
    }

    /// Creates a client key and returns its id and the key itself.
    pub async fn client_key(&self, body: &Value) -> Result<(String, String)> {
        let created = self.post("/keys", body).await?;
        let id = created["id"].as_str().context("an id")?.to_owned();
        let key = created["key"].as_str().context("the key")?.to_owned();
        Ok((id, key))
    }
}

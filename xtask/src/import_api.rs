//! Calls of a running gateway's admin API, through `curl`: it knows TLS and proxies. Owns that no secret is an argument,
//! which other users of the machine could see.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// A session with a gateway.
pub struct Api {
    url: String,
    /// A file with the header of the session, for `curl`; removed in the end.
    config: Option<PathBuf>,
}

impl Api {
    /// Logs in.
    pub fn log_in(url: &str, password: &str) -> Result<Self> {
        let url = url.trim_end_matches('/').trim_end_matches("/admin");
        let mut api = Self {
            url: url.to_owned(),
            config: None,
        };
        let answer = api.post("login", &json!({ "password": password }))?;
        let token = answer["token"]
            .as_str()
            .context("the gateway sent no session")?;
        let path = std::env::temp_dir().join(format!("gateway-import-{}", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        api.config = Some(path);
        writeln!(file, "header = \"authorization: Bearer {token}\"")?;
        Ok(api)
    }

    /// Sends a body to a path below `/admin/api`; the answer, or the gateway's own words for what is wrong.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/admin/api/{path}", self.url);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "120"]);
        if let Some(config) = &self.config {
            curl.arg("--config").arg(config);
        }
        curl.args([
            "--header",
            "content-type: application/json",
            "--data-binary",
            "@-",
            "--",
        ]);
        curl.arg(&url).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut curl = curl.spawn().context("cannot start `curl`; install it")?;
        // A gateway that rejects a body early closes its end: its answer says why.
        let written = curl
            .stdin
            .take()
            .map(|mut input| input.write_all(body.to_string().as_bytes()));
        let output = curl.wait_with_output()?;
        if !output.status.success() {
            bail!("{url} cannot be reached");
        }
        let answer: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{url} is not this gateway's admin API"))?;
        if let Some(message) = answer["error"]["message"].as_str() {
            bail!("{message}");
        }
        written.transpose()?;
        Ok(answer)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(config) = &self.config {
            let _ = std::fs::remove_file(config);
        }
    }
}

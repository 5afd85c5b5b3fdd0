//! The static program as the `Containerfile` runs it, without a container: in a root directory that contains nothing else, as a
//! user without rights. Started, used, checked, stopped and started again on the same state.
//!
//! Owns what is expected of it; the root and the processes are `rooted`'s. The argument is the program.
#![forbid(unsafe_code)]

mod file;
mod rooted;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use file::Containerfile;
use gateway_testkit::upstream::Upstream;
use gateway_tests::{Reply, client, workspace_root};
use reqwest::{Client, Method};
use rooted::{Root, Running};
use serde_json::{Value, json};

const PASSWORD: &str = "password of the container";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(said) => {
            println!("| container | {said} |");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("container: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String> {
    let program = std::env::args_os().nth(1).context("the program's path")?;
    let file = Containerfile::read(&workspace_root().join("Containerfile"))?;
    let root = match Root::new(Path::new(&program), &file)? {
        Ok(root) => root,
        Err(reason) => return Ok(format!("not run: {reason}")),
    };
    let upstream = Upstream::start()?;
    let healthy = |running: &Running| root.healthcheck(&file, running.address());

    let mut running = root.start(&file, None, PASSWORD)?;
    running.check_rights()?;
    let address = running.address().to_owned();
    ensure!(healthy(&running)?, "a served gateway is not healthy");
    let key = set_up(&address, &upstream).await?;
    chat(&address, &key).await?;
    running.stop()?;
    ensure!(
        !root.healthcheck(&file, &address)?,
        "a stopped gateway is healthy"
    );

    let mut running = root.start(&file, Some(&address), PASSWORD)?;
    ensure!(healthy(&running)?, "a restarted gateway is not healthy");
    chat(&address, &key).await?;
    ensure!(
        upstream.records_of("k").len() == 2,
        "the upstream saw other calls"
    );
    running.stop()?;
    let mut running = root.start(&file, Some(&address), PASSWORD)?;
    let admin = Admin::login(&address).await?;
    let requests = admin.call(Method::GET, "/requests?limit=10", None).await?;
    let answered = requests["data"].as_array().map_or(0, Vec::len);
    ensure!(answered == 2, "the request log has {requests}");
    running.stop()?;
    root.is_unchanged()?;
    Ok(format!(
        "start, chat, healthcheck and restart in an empty root, {}",
        root.rights()
    ))
}

/// A channel to the upstream and a client key.
async fn set_up(address: &str, upstream: &Upstream) -> Result<String> {
    let http = client()?;
    let health = Reply::of(http.get(format!("http://{address}/health"))).await?;
    ensure!(health.status == 200, "health: {}", health.status);
    let panel = Reply::of(http.get(format!("http://{address}/admin"))).await?;
    ensure!(
        panel.status == 200 && panel.text().contains("<html"),
        "the panel: {}",
        panel.status
    );
    let admin = Admin::login(address).await?;
    let channel =
        json!({"name": "c", "base_url": upstream.base_url(), "keys": ["k"], "models": ["m"]});
    admin
        .call(Method::POST, "/channels", Some(&channel))
        .await?;
    let key = json!({"name": "n"});
    let key = admin.call(Method::POST, "/keys", Some(&key)).await?;
    let key = key["key"].as_str().context("a client key")?;
    Ok(key.to_owned())
}

async fn chat(address: &str, key: &str) -> Result<()> {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Say hello."}]});
    let url = format!("http://{address}/v1/chat/completions");
    let reply = Reply::of(client()?.post(url).bearer_auth(key).json(&body)).await?;
    let content = reply.json()?["choices"][0]["message"]["content"].clone();
    ensure!(
        reply.status == 200 && content.is_string(),
        "chat: {} {}",
        reply.status,
        reply.text()
    );
    Ok(())
}

/// A logged-in admin.
struct Admin {
    http: Client,
    base: String,
    token: String,
}

impl Admin {
    async fn login(address: &str) -> Result<Self> {
        let (http, base) = (client()?, format!("http://{address}/admin/api"));
        let login = http.post(format!("{base}/login"));
        let reply = Reply::of(login.json(&json!({"password": PASSWORD}))).await?;
        ensure!(reply.status == 200, "login: {}", reply.text());
        let token = reply.json()?["token"].clone();
        let token = token.as_str().context("a token")?.to_owned();
        Ok(Self { http, base, token })
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = Reply::of(request).await?;
        ensure!(
            (200..300).contains(&reply.status),
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        reply.json()
    }
}

//! `cargo xtask up --demo` as a reader of the README uses it: starts it, logs in, looks at the traffic, makes a chat, ends
//! it. Owns the process; the argument is the program to run, xtask itself.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use gateway_tests::{Reply, client};
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const PASSWORD: &str = "password of the demo";
/// Within which everything has ended after the signal.
const STOP_LIMIT: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo_check: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let program = std::env::args_os().nth(1).context("xtask's path")?;
    let state = tempfile::Builder::new().prefix("demo-").tempdir()?;
    let mut command = Command::new(program);
    command
        .args([
            "up",
            "--demo",
            "--quiet",
            "--listen",
            "127.0.0.1:0",
            "--state",
        ])
        .arg(state.path())
        .env("SPIN_VARIABLE_ADMIN_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut demo = Demo::start(command)?;
    let looked = look(&demo).await;
    let stopped = demo.stop();
    looked?;
    stopped?;
    for name in ["sqlite_db.db", "admin-password"] {
        let real = state.path().join(name);
        ensure!(!real.exists(), "{} is not the demo's", real.display());
    }
    println!("the demo starts with traffic, serves a chat, and leaves nothing running");
    Ok(())
}

struct Demo {
    child: Child,
    /// Where the gateway serves.
    url: String,
    /// Where the services listen.
    services: String,
    key: String,
}

impl Demo {
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.spawn().context("starting xtask")?;
        let output = child.stdout.take().context("an output")?;
        let mut lines = BufReader::new(output).lines();
        let read = || -> Result<(String, String, String)> {
            let demo = lines.next().context("the demo's line")??;
            let ready = lines.next().context("the ready line")??;
            let word = |line: &str, before: &str| {
                let rest = line.split_once(before).map(|(_, rest)| rest.to_owned());
                let word = rest.and_then(|rest| rest.split_whitespace().next().map(str::to_owned));
                word.with_context(|| format!("{before:?} in {line:?}"))
            };
            let url = word(&ready, "panel: ")?;
            Ok((
                url.trim_end_matches("/admin").to_owned(),
                word(&demo, "services: http://")?,
                word(&demo, "client key ")?,
            ))
        };
        let mut read = read;
        match read() {
            Ok((url, services, key)) => Ok(Self {
                child,
                url,
                services,
                key,
            }),
            Err(error) => {
                drop(child.kill());
                drop(child.wait());
                Err(error)
            }
        }
    }

    /// Asks it to stop, and waits until gateway and services have ended.
    fn stop(&mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("the process has an id")?, Signal::TERM)?;
        let start = Instant::now();
        loop {
            let ended = self.child.try_wait()?;
            ensure!(
                ended.is_none_or(|status| status.success()),
                "the gateway failed when it was stopped"
            );
            if ended.is_some() && TcpStream::connect(&self.services).is_err() {
                return Ok(());
            }
            if start.elapsed() > STOP_LIMIT {
                bail!("the demo did not end within {STOP_LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already; then both do nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn look(demo: &Demo) -> Result<()> {
    let http = client()?;
    let admin = format!("{}/admin/api", demo.url);
    let login = http
        .post(format!("{admin}/login"))
        .json(&json!({"password": PASSWORD}));
    let token = Reply::of(login).await?.json()?["token"].clone();
    let token = token.as_str().context("the session's token")?;
    let read = async |path: &str| -> Result<Value> {
        let request = http.get(format!("{admin}{path}")).bearer_auth(token);
        Reply::of(request).await?.json()
    };
    let channels = read("/channels").await?;
    ensure!(count(&channels) == 4, "{channels}");
    let usage = read("/usage?group=channel").await?;
    ensure!(count(&usage) > 20, "{usage}");
    let requests = read("/requests?limit=50").await?;
    ensure!(count(&requests) == 50, "{requests}");
    let before = read("/requests?limit=1").await?["data"][0]["id"].clone();

    chat(&http, demo).await?;
    let start = Instant::now();
    loop {
        let newest = read("/requests?limit=1").await?["data"][0].clone();
        if newest["id"] != before {
            ensure!(newest["status"] == 200, "{newest}");
            return Ok(());
        }
        ensure!(
            start.elapsed() < STOP_LIMIT,
            "the chat is not in the list of requests"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn chat(http: &Client, demo: &Demo) -> Result<()> {
    let body =
        json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]});
    let request = http
        .post(format!("{}/v1/chat/completions", demo.url))
        .bearer_auth(&demo.key)
        .json(&body);
    let reply = Reply::of(request).await?;
    ensure!(
        reply.status == 200,
        "chat: {} {}",
        reply.status,
        reply.text()
    );
    let answer = reply.json()?;
    let text = answer["choices"][0]["message"]["content"].as_str();
    ensure!(text.is_some_and(|text| text.len() > 20), "{answer}");
    Ok(())
}

fn count(list: &Value) -> usize {
    list["data"].as_array().map_or(0, Vec::len)
}

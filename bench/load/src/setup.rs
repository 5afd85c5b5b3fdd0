//! Gives the gateway one channel and one client key, over its admin API, as an admin would. Owns those calls.

use std::fs::File;
use std::io::Read as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Connection, post, request};
use crate::load::PATH;
use crate::servers::Target;
use crate::{mixed, streams, translated};

/// A change is promised to be in force within 2 s; this leaves room for a busy machine.
const IN_FORCE: Duration = Duration::from_secs(5);

/// A password for the gateway that is about to be measured.
pub fn password() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("reading random bytes")?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// Creates channels to the upstream and a client key, waits until they are in force, and returns the key.
pub async fn prepare(
    gateway: SocketAddr,
    password: &str,
    upstream: SocketAddr,
    with_ledger: bool,
) -> Result<String> {
    let mut connection = Connection::open(gateway).await?;
    let login = json!({ "password": password });
    let session = call(&mut connection, "/admin/api/login", "none", &login).await?;
    let token = text(&session, "token")?;
    let settings =
        json!({"version": 1, "channels": [], "keys": [], "settings": {"ledger": with_ledger}});
    let configuration = request(
        Method::PUT,
        gateway,
        "/admin/api/config",
        &token,
        Bytes::from(settings.to_string()),
    )?;
    let (status, answer) = connection.exchange(configuration).await?;
    ensure!(
        status.is_success(),
        "the settings were refused with {status}: {}",
        String::from_utf8_lossy(&answer)
    );
    let channel = json!({
        "name": "scripted upstream",
        "base_url": format!("http://{upstream}/v1"),
        "keys": ["upstream-key"],
        "models": ["bench-model"],
    });
    call(&mut connection, "/admin/api/channels", &token, &channel).await?;
    let base_url = format!("http://{upstream}/v1");
    mixed::prepare(&mut connection, &token, &base_url).await?;
    translated::prepare(&mut connection, &token, &base_url).await?;
    let streams = json!({
        "name": "streams",
        "base_url": base_url,
        "keys": ["streams"],
        "models": streams::models(),
    });
    call(&mut connection, "/admin/api/channels", &token, &streams).await?;
    let key = call(
        &mut connection,
        "/admin/api/keys",
        &token,
        &json!({ "name": "bench" }),
    )
    .await?;
    let key = text(&key, "key")?;
    let started = Instant::now();
    loop {
        let body = Bytes::from_static(br#"{"model":"bench-model","messages":[]}"#);
        let (status, answer) = connection
            .exchange(post(gateway, PATH, &key, body)?)
            .await?;
        if status == StatusCode::OK {
            return Ok(key);
        }
        if started.elapsed() > IN_FORCE {
            bail!(
                "the gateway answers {status}: {}",
                String::from_utf8_lossy(&answer)
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An error if a gateway lost records of requests: it would have been measured without a part of its work.
pub async fn check_records(target: &Target) -> Result<()> {
    const LOST: &str = "ai_gateway_dropped_records_total ";
    let Some(token) = &target.metrics else {
        return Ok(());
    };
    let mut connection = Connection::open(target.address).await?;
    let request = request(Method::GET, target.address, "/metrics", token, Bytes::new())?;
    let (status, answer) = connection.exchange(request).await?;
    let answer = String::from_utf8_lossy(&answer);
    let lost = answer.lines().find_map(|line| line.strip_prefix(LOST));
    ensure!(
        status == StatusCode::OK && lost.is_some(),
        "{}: /metrics answers {status}: {answer}",
        target.name
    );
    ensure!(
        lost == Some("0"),
        "{}: {} records of requests are lost",
        target.name,
        lost.unwrap_or_default()
    );
    Ok(())
}

/// Posts JSON and accepts JSON, or nothing, as a successful answer.
pub async fn call(
    connection: &mut Connection,
    path: &str,
    token: &str,
    body: &Value,
) -> Result<Value> {
    let request = post(
        connection.address(),
        path,
        token,
        Bytes::from(body.to_string()),
    )?;
    let (status, answer) = connection.exchange(request).await?;
    ensure!(
        status.is_success(),
        "{path} answers {status}: {}",
        String::from_utf8_lossy(&answer)
    );
    if answer.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&answer).with_context(|| format!("{path} answers no JSON"))
}

fn text(value: &Value, member: &str) -> Result<String> {
    let text = value.get(member).and_then(Value::as_str);
    Ok(text
        .with_context(|| format!("an answer without {member:?}"))?
        .to_owned())
}

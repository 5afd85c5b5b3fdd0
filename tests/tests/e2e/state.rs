//! The state directory: what survives, who may use it, how it is laid out.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gateway_tests::{Admin, Gateway, PASSWORD, Reply, Setup, Stage, client};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Outcome;

#[tokio::test]
async fn a_restart_keeps_channels_and_keys() -> Outcome {
    let directory = tempfile::tempdir()?;
    let setup = Setup::default().state(directory.path());
    let stage = Stage::start_with(&setup).await?;
    let channel = stage
        .channel("kept", &json!({"keys": ["k"], "models": ["m"]}))
        .await?;
    let Stage {
        gateway,
        upstream,
        key,
        ..
    } = stage;
    assert!(gateway.stop()?, "SIGTERM ends it cleanly");

    // Once after a clean stop, once after a kill.
    for _ in 0..2 {
        let gateway = Gateway::start(&setup)?;
        let admin = Admin::login(&gateway).await?;
        assert_eq!(admin.get("/channels").await?, json!({"data": [channel]}));
        let chat = client()?
            .post(gateway.url("/v1/chat/completions"))
            .bearer_auth(&key);
        let reply = Reply::of(chat.json(&json!({"model": "m"}))).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(upstream.records_of("k").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_second_process_on_the_same_state_is_refused() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let (success, output) = Gateway::run_to_end(&Setup::default(), gateway.state())?;
    assert!(!success, "{output}");
    let name = gateway.state().display().to_string();
    assert!(
        output.contains(&name),
        "the message names the directory: {output}"
    );
    assert!(
        output.lines().count() < 10 && !output.contains("panicked"),
        "{output}"
    );
    let reply = Reply::of(client()?.get(gateway.url("/health"))).await?;
    assert_eq!(reply.status, 200, "the first one goes on");
    Ok(())
}

/// The database below `directory`.
fn database(directory: &Path) -> anyhow::Result<PathBuf> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "db") {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no database")
}

fn rows(directory: &Path) -> anyhow::Result<Vec<(String, String, Vec<u8>)>> {
    let database =
        Connection::open_with_flags(database(directory)?, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Spin's own statement; a value written by Spin may be stored as text or blob.
    let mut statement = database
        .prepare("SELECT store, key, CAST(value AS BLOB) FROM spin_key_value ORDER BY key")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn the_store_has_spins_layout_and_no_client_key_in_clear() -> Outcome {
    let stage = Stage::with_channel().await?;
    assert_eq!(stage.chat("m").await?.status, 200);
    let rows = rows(stage.gateway.state())?;
    assert!(
        rows.iter().all(|(store, _, _)| store == "default"),
        "only the store `default`"
    );
    let config = rows.iter().find(|(_, key, _)| key == "gateway/config");
    let config: Value = serde_json::from_slice(config.map_or(&[][..], |(_, _, value)| value))?;
    assert_eq!(config["version"], 1);
    assert_eq!(config["channels"][0]["name"], "only");

    let digest = Bytes::copy_from_slice(&Sha256::digest(stage.key.as_bytes()));
    let hash = format!("{digest:x}");
    assert_eq!(config["keys"][0]["hash"], json!(hash));
    for (_, name, value) in &rows {
        for secret in [stage.key.as_str(), PASSWORD, stage.admin.token()] {
            assert!(
                !contains(value, secret.as_bytes()),
                "{name} holds a secret in clear"
            );
        }
    }
    // Nor anywhere else in the directory, the journal included, nor in the log.
    for entry in std::fs::read_dir(stage.gateway.state())? {
        let path = entry?.path();
        if path.is_file() {
            assert!(
                !contains(&std::fs::read(&path)?, stage.key.as_bytes()),
                "{}",
                path.display()
            );
        }
    }
    for secret in [stage.key.as_str(), PASSWORD, stage.admin.token()] {
        assert!(
            !stage.gateway.log().contains(secret),
            "the log holds a secret"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_master_key_encrypts_upstream_keys_at_rest() -> Outcome {
    use base64::Engine as _;
    let master = base64::engine::general_purpose::STANDARD.encode([7_u8; 32]);
    let secret = "upstream-secret-0123456789";
    let stage = Stage::start_with(&Setup::default().variable("master_key", &master)).await?;
    stage
        .channel("sealed", &json!({"keys": [secret], "models": ["m"]}))
        .await?;
    let reply = stage.chat("m").await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        stage.upstream.records_of(secret).len(),
        1,
        "the proxy opens what the admin sealed"
    );
    for (_, name, value) in rows(stage.gateway.state())? {
        assert!(
            !contains(&value, secret.as_bytes()),
            "{name} holds the key in clear"
        );
    }
    Ok(())
}

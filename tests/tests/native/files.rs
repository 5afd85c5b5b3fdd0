//! Files that are watched, forms of the log, and the health check.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use gateway_tests::{Gateway, Host, Setup, Stage, eventually, native_program};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::Outcome;

/// Files are looked at every two seconds.
const LIMIT: Duration = Duration::from_secs(20);

fn document(channel: &str) -> String {
    let channel = json!({
        "id": "ch_1", "name": channel, "base_url": "http://127.0.0.1:9/v1", "keys": ["k"], "models": ["m"],
    });
    json!({"version": 1, "channels": [channel], "keys": []}).to_string()
}

async fn has_channel(stage: &Stage, name: &str) -> Result<bool> {
    Ok(stage
        .admin
        .get("/channels")
        .await?
        .to_string()
        .contains(&format!("\"{name}\"")))
}

#[tokio::test]
async fn a_changed_configuration_is_applied_and_a_broken_one_is_not() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("config.json");
    std::fs::write(&file, document("first"))?;
    let setup = Setup::default().on(Host::Native);
    let setup = setup.option("--config", &file.display().to_string());
    let stage = Stage::start_with(&setup).await?;
    assert!(has_channel(&stage, "first").await?);
    std::fs::write(&file, document("second"))?;
    eventually(LIMIT, "the second is in force", async || {
        has_channel(&stage, "second").await
    })
    .await?;
    std::fs::write(&file, "{")?;
    stage.gateway.signal(Signal::HUP)?;
    eventually(LIMIT, "the mistake is logged", async || {
        Ok(stage.gateway.log().contains("was not applied"))
    })
    .await?;
    assert!(has_channel(&stage, "second").await?);
    stage.gateway.stop().map(drop)
}

/// Runs `ai-gateway healthcheck`; whether it exits with 0.
fn is_healthy(address: &str, more: &[&str]) -> Result<bool> {
    let mut command = Command::new(native_program()?);
    command
        .args(["healthcheck", "--listen", address])
        .args(more);
    Ok(command.output()?.status.success())
}

#[tokio::test]
async fn the_health_check_answers_by_its_exit_code() -> Outcome {
    let gateway = Gateway::start(&Setup::default().on(Host::Native))?;
    let address = gateway.address().to_string();
    assert!(is_healthy(&address, &[])?);
    assert!(!is_healthy(&address, &["--tls-cert", "unused"])?);
    gateway.stop()?;
    assert!(!is_healthy(&address, &[])?);
    Ok(())
}

fn write_certificate(folder: &Path) -> Outcome {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(folder.join("cert.pem"), made.cert.pem())?;
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(())
}

#[tokio::test]
async fn tls_is_served_and_its_certificate_read_again() -> Outcome {
    let folder = tempfile::tempdir()?;
    write_certificate(folder.path())?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let setup = Setup::default()
        .on(Host::Native)
        .option("--tls-cert", &path("cert.pem"))
        .option("--tls-key", &path("key.pem"));
    let gateway = Gateway::start(&setup)?;
    let address = gateway.address().to_string();
    assert!(is_healthy(&address, &["--tls-cert", "unused"])?);
    assert!(!is_healthy(&address, &[])?);
    std::fs::write(folder.path().join("cert.pem"), "half")?;
    let is_logged = async |words: &str| {
        eventually(LIMIT, words, async || Ok(gateway.log().contains(words))).await
    };
    is_logged("the certificate in use stays").await?;
    assert!(is_healthy(&address, &["--tls-cert", "unused"])?);
    write_certificate(folder.path())?;
    is_logged("the certificate was read again").await?;
    assert!(is_healthy(&address, &["--tls-cert", "unused"])?);
    gateway.stop().map(drop)
}

#[tokio::test]
async fn every_line_is_json_if_asked_for() -> Outcome {
    let setup = Setup::default()
        .on(Host::Native)
        .option("--log-format", "json");
    let stage = Stage::start_with(&setup).await?;
    assert_eq!(stage.chat("m").await?.status, 404);
    let log = stage.gateway.stop()?;
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| !line.starts_with("ready "))
        .collect();
    assert!(lines.len() > 1, "{log}");
    for line in lines {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    Ok(())
}

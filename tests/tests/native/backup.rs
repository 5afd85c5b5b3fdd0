//! Backups of a gateway that serves, and what a start makes of damaged files.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use gateway_tests::{Admin, Gateway, Host, Reply, Setup, Stage, client, native_program};
use serde_json::json;

use crate::Outcome;

fn run(word: &str, folder: &Path, state: &Path) -> Result<()> {
    let mut command = Command::new(native_program()?);
    let output = command
        .arg(word)
        .arg(folder)
        .arg("--state")
        .arg(state)
        .output()?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_with_everything_acknowledged_before() -> Outcome {
    let folder = tempfile::tempdir()?;
    let stage = Stage::start_with(&Setup::default().on(Host::Native)).await?;
    let channel = json!({"keys": ["k"], "models": ["m"]});
    stage.channel("first", &channel).await?;
    let live = stage.gateway.state().to_owned();
    let backup = folder.path().join("backup");
    let made = {
        let (live, backup) = (live.clone(), backup.clone());
        tokio::task::spawn_blocking(move || run("backup", &backup, &live))
    };
    // Requests and changes go on meanwhile.
    for number in 0..20 {
        let reply = stage.chat("m").await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        stage.channel(&format!("later{number}"), &channel).await?;
    }
    made.await??;
    assert!(run("restore", &backup, &live).is_err(), "it is in use");

    let restored = folder.path().join("restored");
    run("restore", &backup, &restored)?;
    let setup = Setup::default().on(Host::Native).state(&restored);
    let gateway = Gateway::start(&setup)?;
    let admin = Admin::login(&gateway).await?;
    let channels = admin.get("/channels").await?;
    assert_eq!(channels["data"][0]["name"], "first");
    let chat = client()?.post(gateway.url("/v1/chat/completions"));
    let chat = chat.bearer_auth(&stage.key).json(&json!({"model": "m"}));
    assert_eq!(Reply::of(chat).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_damaged_ledger_is_set_aside_and_the_admin_api_says_so() -> Outcome {
    let folder = tempfile::tempdir()?;
    let setup = Setup::default().on(Host::Native).state(folder.path());
    let stage = Stage::start_with(&setup).await?;
    stage
        .channel("only", &json!({"keys": ["k"], "models": ["m"]}))
        .await?;
    assert_eq!(stage.chat("m").await?.status, 200);
    let Stage { gateway, key, .. } = stage;
    gateway.stop()?;
    std::fs::write(folder.path().join("sqlite_db.db"), "nonsense".repeat(1000))?;
    let gateway = Gateway::start(&setup)?;
    assert!(gateway.log().contains("the database was damaged"));
    let admin = Admin::login(&gateway).await?;
    let status = admin.get("/status").await?;
    let file = status["replaced_ledger"]["file"]
        .as_str()
        .unwrap_or_default();
    assert!(folder.path().join(file).is_file(), "{status}");
    assert!(file.starts_with("sqlite_db.damaged-"), "{file}");
    let models = client()?.get(gateway.url("/v1/models")).bearer_auth(&key);
    assert_eq!(Reply::of(models).await?.status, 200);
    gateway.stop()?;

    // The configuration is not so easily given up.
    std::fs::write(folder.path().join("sqlite_key_value.db"), "")?;
    let (success, output) = Gateway::run_to_end(&setup, folder.path())?;
    assert!(
        !success && output.contains("is damaged (it is empty)"),
        "{output}"
    );
    Ok(())
}

//! The state directory: what survives, who may use it, how it is laid out.

use bytes::Bytes;
use gateway_testkit::upstream::{Action, Chunk, Rule};
use gateway_tests::{
    Admin, Gateway, IN_FORCE, PASSWORD, Reply, Setup, Stage, client, eventually, store,
};
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
    assert_eq!(stage.chat("m").await?.status, 200);
    let Stage {
        gateway,
        upstream,
        key,
        ..
    } = stage;
    let log = gateway.stop()?;
    assert!(
        !log.contains("error") && !log.contains("panicked"),
        "SIGTERM ends it cleanly: {log}"
    );

    // Once after a clean stop, once after a kill.
    for _ in 0..2 {
        let gateway = Gateway::start(&setup)?;
        let admin = Admin::login(&gateway).await?;
        assert_eq!(admin.list("/channels").await?, json!([channel]));
        let chat = client()?
            .post(gateway.url("/v1/chat/completions"))
            .bearer_auth(&key);
        let reply = Reply::of(chat.json(&json!({"model": "m"}))).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(upstream.records_of("k").len(), 3);
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

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn the_store_has_spins_layout_and_no_client_key_in_clear() -> Outcome {
    let stage = Stage::with_channel().await?;
    assert_eq!(stage.chat("m").await?.status, 200);
    let rows = store::rows(stage.gateway.state())?;
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
    for (_, name, value) in store::rows(stage.gateway.state())? {
        assert!(
            !contains(&value, secret.as_bytes()),
            "{name} holds the key in clear"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_failing_store_is_never_a_401() -> Outcome {
    let stage = Stage::with_channel().await?;
    assert_eq!(stage.chat("m").await?.status, 200);
    let break_store = |statement: &str| -> anyhow::Result<()> {
        Ok(store::open(stage.gateway.state())?.execute_batch(statement)?)
    };
    break_store("ALTER TABLE spin_key_value RENAME TO hidden")?;
    // Longer than a configuration is believed without a look at the store.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(4);
    while std::time::Instant::now() < end {
        let reply = stage.chat("m").await?;
        // An instance that knows the configuration goes on with it; one that begins has nothing to go by.
        if reply.status != 200 {
            assert_eq!(reply.failure()?, (503, "store_unavailable".to_owned()));
            assert!(
                std::env::var_os("GATEWAY_TEST_REUSE").is_some(),
                "an instance forgot what it knew"
            );
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let reply = stage
        .admin
        .call(reqwest::Method::GET, "/channels", None)
        .await?;
    assert_eq!(reply.failure()?, (503, "store_unavailable".to_owned()));
    break_store("ALTER TABLE hidden RENAME TO spin_key_value")?;
    eventually(IN_FORCE, "everything works again", async || {
        let admin = stage
            .admin
            .call(reqwest::Method::GET, "/channels", None)
            .await?;
        Ok(stage.chat("m").await?.status == 200 && admin.status == 200)
    })
    .await
}

#[tokio::test]
async fn a_stream_in_flight_ends_before_the_gateway_stops() -> Outcome {
    let stage = Stage::with_channel().await?;
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    let pause = std::time::Duration::from_millis(100);
    let mut chunks: Vec<Chunk> = (0..20).map(|_| Chunk::after(pause, event)).collect();
    chunks.push(Chunk::new("data: [DONE]\n\n"));
    stage.upstream.rule(Rule::always(Action::sse(chunks)));
    let response = stage.stream("m").await?;
    let Stage {
        gateway, upstream, ..
    } = stage;
    let stopping = tokio::task::spawn_blocking(move || gateway.stop());
    let text = response.text().await?;
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    stopping.await??;
    drop(upstream);
    Ok(())
}

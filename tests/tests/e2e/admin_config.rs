//! Export and import of the whole configuration, and configuration as code, on the shipped components.

use gateway_testkit::upstream::Upstream;
use gateway_tests::{Admin, Gateway, IN_FORCE, Reply, Setup, Stage, client, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Outcome;

const CLIENT_KEY: &str = "sk-a-client-key-of-these-tests";

/// A configuration with one channel to `upstream` and one client key.
fn document(upstream: &Upstream, name: &str) -> Value {
    let digest = bytes::Bytes::copy_from_slice(&Sha256::digest(CLIENT_KEY));
    let hash = format!("{digest:x}");
    json!({
        "version": 1,
        "channels": [{"id": "ch_code", "name": name, "base_url": upstream.base_url(), "keys": ["k-from-code"], "models": ["m"]}],
        "keys": [{"id": "ck_code", "name": "code", "hash": hash}],
        "settings": {"max_attempts": 3}
    })
}

async fn chat(gateway: &Gateway) -> anyhow::Result<Reply> {
    let request = client()?
        .post(gateway.url("/v1/chat/completions"))
        .bearer_auth(CLIENT_KEY);
    Reply::of(request.json(&json!({"model": "m", "messages": []}))).await
}

#[tokio::test]
async fn a_gateway_moves_whole_and_serves_the_same_clients() -> Outcome {
    let old = Stage::start().await?;
    old.channel("only", &json!({"keys": ["k-moved"], "models": ["m"]}))
        .await?;
    let export = old.admin.get("/config?secrets=true").await?;

    let gateway = Gateway::start(&Setup::default())?;
    let admin = Admin::login(&gateway).await?;
    let ask = async || {
        let request = client()?
            .post(gateway.url("/v1/chat/completions"))
            .bearer_auth(&old.key);
        Reply::of(request.json(&json!({"model": "m", "messages": []}))).await
    };
    assert_eq!(ask().await?.status, 401, "nothing is here yet");
    let imported = admin.ok(Method::PUT, "/config", Some(&export)).await?;
    assert!(!imported.to_string().contains("k-moved"));
    assert_eq!(admin.get("/config?secrets=true").await?, export);
    eventually(IN_FORCE, "the import is in force", async || {
        Ok(ask().await?.status == 200)
    })
    .await?;
    assert_eq!(old.upstream.records_of("k-moved").len(), 1);

    // Not at all: one mistake among much that is right.
    let mut wrong = export.clone();
    wrong["channels"][0]["name"] = json!("changed");
    wrong["settings"]["max_attempts"] = json!(0);
    let reply = admin.call(Method::PUT, "/config", Some(&wrong)).await?;
    assert_eq!(reply.failure()?, (400, "invalid_value".to_owned()));
    assert_eq!(reply.error()?["param"], "settings.max_attempts");
    assert_eq!(admin.get("/config?secrets=true").await?, export);
    assert!(!gateway.log().contains("k-moved"));
    Ok(())
}

#[tokio::test]
async fn the_variable_configures_a_gateway_until_an_admin_does() -> Outcome {
    let upstream = Upstream::start()?;
    let directory = tempfile::tempdir()?;
    let setup = |variable: &Value| {
        Setup::default()
            .state(directory.path())
            .variable("config", &variable.to_string())
    };
    let first = setup(&document(&upstream, "from code"));
    // The first request of all is a client's, so that it is the proxy that applies it.
    let gateway = Gateway::start(&first)?;
    let reply = chat(&gateway).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(upstream.records_of("k-from-code").len(), 1);
    let admin = Admin::login(&gateway).await?;
    let export = admin.get("/config").await?;
    assert_eq!(export["channels"][0]["name"], "from code");
    assert_eq!(export["settings"]["max_attempts"], 3);
    admin
        .patch("/channels/ch_code", &json!({"name": "by hand"}))
        .await?;
    let log = gateway.stop()?;
    assert!(log.contains("`config` was applied: 1 channels"), "{log}");
    assert!(!log.contains("k-from-code"), "{log}");

    // Started again with the same variable, the admin's change stays; with another one it goes.
    let name = async |setup: &Setup| {
        let gateway = Gateway::start(setup)?;
        let admin = Admin::login(&gateway).await?;
        let name = admin.get("/channels/ch_code").await?["name"].clone();
        assert_eq!(chat(&gateway).await?.status, 200);
        anyhow::Ok((name, gateway.stop()?))
    };
    assert_eq!(name(&first).await?.0, "by hand");
    let newer = setup(&document(&upstream, "from newer code"));
    assert_eq!(name(&newer).await?.0, "from newer code");

    // One that is not valid takes nothing down.
    let mut wrong = document(&upstream, "wrong");
    wrong["channels"][0]["priority"] = json!("high");
    let (name, log) = name(&setup(&wrong)).await?;
    assert_eq!(name, "from newer code");
    assert!(
        log.contains("`channels[0].priority` must be a whole number"),
        "{log}"
    );
    Ok(())
}

//! Channels over the admin API.

use gateway_tests::{Admin, Gateway, IN_FORCE, Setup, Stage, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Outcome;

const SECRET: &str = "nvapi-0123456789abcdefghijwxyz";
const OTHER: &str = "sk-other-0123456789abcdefABCD";

async fn admin() -> anyhow::Result<(Gateway, Admin)> {
    let gateway = Gateway::start(&Setup::default())?;
    let admin = Admin::login(&gateway).await?;
    Ok((gateway, admin))
}

fn path_of(object: &Value) -> String {
    format!("/channels/{}", object["id"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_minimal_channel_gets_the_contracts_defaults() -> Outcome {
    let (_gateway, admin) = admin().await?;
    let minimal = json!({"name": "NVIDIA NIM", "base_url": "https://integrate.api.nvidia.com/v1/", "keys": [SECRET]});
    let reply = admin
        .call(Method::POST, "/channels", Some(&minimal))
        .await?;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let mut channel = reply.json()?;
    let id = channel["id"].as_str().unwrap_or_default().to_owned();
    assert!(id.starts_with("ch_") && id.len() > 10, "{id}");
    assert!(
        channel["keys"][0]["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("uk_"))
    );
    assert_eq!(channel["created_at"], channel["updated_at"]);
    assert!(
        channel["created_at"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{channel}"
    );

    assert_eq!(admin.get(&path_of(&channel)).await?, channel);
    assert_eq!(admin.list("/channels").await?, json!([channel]));
    for member in ["id", "created_at", "updated_at"] {
        channel
            .as_object_mut()
            .map(|members| members.remove(member));
    }
    channel["keys"][0]["id"] = json!("uk");
    assert_eq!(
        channel,
        json!({
            "name": "NVIDIA NIM", "enabled": true, "provider": "openai",
            "base_url": "https://integrate.api.nvidia.com/v1",
            "keys": [{"id": "uk", "hint": "nvap…wxyz", "enabled": true, "status": "ok", "until": null}],
            "models": [], "model_map": {}, "priority": 0, "weight": 1, "headers": {}, "drop_params": [],
            "stream_usage": true, "connect_timeout_ms": 5000, "first_byte_timeout_ms": 60000,
            "idle_timeout_ms": 60000, "azure": null,
        })
    );
    Ok(())
}

#[tokio::test]
async fn a_change_touches_only_what_it_names_and_a_deleted_channel_is_gone() -> Outcome {
    let (_gateway, admin) = admin().await?;
    let body = json!({"name": "a", "base_url": "https://x.example/v1", "keys": [SECRET], "models": ["m"],
        "model_map": {"n": "m"}, "headers": {"x-title": "t"}, "drop_params": ["user"], "priority": 3, "weight": 7});
    let before = admin.post("/channels", &body).await?;
    let path = path_of(&before);
    let after = admin
        .patch(&path, &json!({"name": "b", "enabled": false}))
        .await?;
    let mut expected = before.clone();
    expected["name"] = json!("b");
    expected["enabled"] = json!(false);
    expected["updated_at"] = after["updated_at"].clone();
    assert_eq!(after, expected);
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(admin.get(&path).await?, after);

    // What was read can be sent back.
    let same = admin.patch(&path, &after).await?;
    assert_eq!(same["keys"], after["keys"]);

    let reply = admin.call(Method::DELETE, &path, None).await?;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    for method in [Method::GET, Method::DELETE, Method::PATCH] {
        let reply = admin.call(method.clone(), &path, Some(&json!({}))).await?;
        assert_eq!(reply.failure()?, (404, "not_found".to_owned()), "{method}");
    }
    assert_eq!(admin.get("/channels").await?, json!({"data": []}));
    Ok(())
}

/// Members that make a valid channel invalid, and the member that the error must name.
fn invalid() -> Vec<(Value, &'static str)> {
    let mut rows = vec![
        (json!({"name": ""}), "name"),
        (json!({"name": 1}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"enabled": "yes"}), "enabled"),
        (json!({"provider": "other"}), "provider"),
        (json!({"keys": [""]}), "keys"),
        (json!({"keys": ["two words"]}), "keys"),
        (json!({"keys": ["same", "same"]}), "keys"),
        (json!({"keys": [{"id": "uk_unknown"}]}), "keys"),
        (json!({"keys": "k"}), "keys"),
        (json!({"models": "m"}), "models"),
        (json!({"models": [1]}), "models"),
        (json!({"model_map": {"a": 1}}), "model_map"),
        (json!({"model_map": []}), "model_map"),
        (json!({"priority": -1}), "priority"),
        (json!({"priority": 1001}), "priority"),
        (json!({"priority": 1.5}), "priority"),
        (json!({"weight": -1}), "weight"),
        (json!({"weight": 1001}), "weight"),
        (json!({"headers": {"bad name": "x"}}), "headers"),
        (json!({"headers": {"x": "line\nbreak"}}), "headers"),
        (json!({"headers": {"authorization": "Bearer x"}}), "headers"),
        (json!({"drop_params": [1]}), "drop_params"),
        (json!({"stream_usage": 1}), "stream_usage"),
        (json!({"connect_timeout_ms": 0}), "connect_timeout_ms"),
        (
            json!({"first_byte_timeout_ms": -5}),
            "first_byte_timeout_ms",
        ),
        (json!({"idle_timeout_ms": "1s"}), "idle_timeout_ms"),
        (json!({"provider": "azure"}), "azure"),
        (
            json!({"provider": "azure", "azure": {"deployments": []}}),
            "azure",
        ),
        (json!({"azure": {"deployments": {}}}), "azure"),
        (json!({"unknown_member": 1}), "unknown_member"),
    ];
    for url in [
        "",
        "x",
        "integrate.example/v1",
        "ftp://x.example",
        "https://",
        "https://user:pw@x.example/v1",
        "https://x.example/v1?key=1",
        "https://x.example/v1#top",
        "file:///etc/passwd",
        "https://x .example",
    ] {
        rows.push((json!({"base_url": url}), "base_url"));
    }
    rows
}

#[tokio::test]
async fn every_rule_of_a_channel_is_checked_on_create_and_on_change() -> Outcome {
    let (_gateway, admin) = admin().await?;
    let valid = json!({"name": "a", "base_url": "https://x.example/v1", "keys": [SECRET]});
    let channel = admin.post("/channels", &valid).await?;
    for (members, at_fault) in invalid() {
        let mut body = valid.clone();
        for (member, value) in members.as_object().into_iter().flatten() {
            body[member] = value.clone();
        }
        for (method, path, body) in [
            (Method::POST, "/channels".to_owned(), &body),
            (Method::PATCH, path_of(&channel), &members),
        ] {
            let reply = admin.call(method.clone(), &path, Some(body)).await?;
            assert_eq!(
                reply.failure()?,
                (400, "invalid_value".to_owned()),
                "{method} {members}"
            );
            let param = reply.error()?["param"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            assert!(
                param.starts_with(at_fault),
                "{method} {members}: param is {param:?}"
            );
        }
    }
    assert_eq!(
        admin.list("/channels").await?,
        json!([channel]),
        "nothing was changed"
    );
    for missing in ["name", "base_url", "keys"] {
        let mut body = valid.clone();
        body.as_object_mut().map(|members| members.remove(missing));
        let reply = admin.call(Method::POST, "/channels", Some(&body)).await?;
        assert_eq!(reply.status, 400, "{missing}");
        assert_eq!(reply.error()?["param"], missing);
    }
    let reply = admin
        .call(
            Method::POST,
            "/channels",
            Some(&json!({"name": "", "weight": -1})),
        )
        .await?;
    let message = reply.message()?;
    for member in ["name", "weight", "base_url", "keys"] {
        assert!(
            message.contains(member),
            "{member} is not in {message:?}: all errors are reported together"
        );
    }
    Ok(())
}

#[tokio::test]
async fn keys_are_added_kept_and_removed_and_never_shown() -> Outcome {
    let (_gateway, admin) = admin().await?;
    let mut seen = String::new();
    let mut call = async |method: Method, path: String, body: Value| {
        let reply = admin.call(method, &path, Some(&body)).await?;
        seen.push_str(&reply.text());
        anyhow::ensure!(reply.status < 300, "{}", reply.text());
        reply.json()
    };
    let body = json!({"name": "a", "base_url": "https://x.example/v1", "keys": [SECRET, "short"]});
    let created = call(Method::POST, "/channels".to_owned(), body).await?;
    let path = path_of(&created);
    let keys = created["keys"].as_array().cloned().unwrap_or_default();
    assert_eq!(keys.len(), 2);

    // Kept and switched off, removed by leaving it out, and a new one.
    let change = json!({"keys": [{"id": keys[0]["id"], "enabled": false}, OTHER]});
    let changed = call(Method::PATCH, path.clone(), change).await?;
    let after = changed["keys"].as_array().cloned().unwrap_or_default();
    assert_eq!(after.len(), 2);
    assert_eq!(
        (&after[0]["id"], &after[0]["enabled"]),
        (&keys[0]["id"], &json!(false))
    );
    assert_eq!(after[1]["hint"], "sk-o…ABCD");
    assert_ne!(after[1]["id"], keys[1]["id"]);

    // A change of something else leaves the keys.
    let renamed = call(Method::PATCH, path.clone(), json!({"name": "b"})).await?;
    assert_eq!(renamed["keys"], changed["keys"]);
    // `{"id"}` alone keeps the switch as it was.
    let kept = call(
        Method::PATCH,
        path,
        json!({"keys": [{"id": after[0]["id"]}]}),
    )
    .await?;
    assert_eq!(kept["keys"], json!([after[0]]));
    seen.push_str(&admin.get("/channels").await?.to_string());
    for secret in [SECRET, OTHER, "\"short\""] {
        assert!(!seen.contains(secret), "{secret} was shown");
    }
    Ok(())
}

#[tokio::test]
async fn two_admins_at_once_lose_nothing() -> Outcome {
    let (gateway, first) = admin().await?;
    let second = Admin::login(&gateway).await?;
    let create = async |admin: &Admin, who: &str| {
        for number in 0..20 {
            let body = json!({"name": format!("{who}{number}"), "base_url": "https://x.example/v1", "keys": ["k"]});
            admin.post("/channels", &body).await?;
        }
        anyhow::Ok(())
    };
    let (one, two) = tokio::join!(create(&first, "a"), create(&second, "b"));
    one?;
    two?;
    let list = first.get("/channels").await?;
    let mut names: Vec<&str> = list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| c["name"].as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 40, "{names:?}");
    Ok(())
}

#[tokio::test]
async fn a_change_is_in_force_within_two_seconds() -> Outcome {
    let stage = Stage::start().await?;
    let channel = stage
        .channel("a", &json!({"keys": ["before"], "models": ["m"]}))
        .await?;
    assert_eq!(stage.chat("m").await?.status, 200);

    let keys = json!({"keys": ["after"]});
    stage.admin.patch(&path_of(&channel), &keys).await?;
    let uses_new_key = async || {
        let reply = stage.chat("m").await?;
        anyhow::ensure!(reply.status == 200, "{}", reply.text());
        Ok(!stage.upstream.records_of("after").is_empty())
    };
    eventually(IN_FORCE, "the new key is used", uses_new_key).await?;

    stage
        .channel("b", &json!({"keys": ["b"], "models": ["new"]}))
        .await?;
    eventually(IN_FORCE, "the new channel is used", async || {
        Ok(stage.chat("new").await?.status == 200)
    })
    .await?;
    stage.admin.delete(&path_of(&channel)).await?;
    eventually(IN_FORCE, "the deleted channel is not", async || {
        Ok(stage.chat("m").await?.status == 404)
    })
    .await
}

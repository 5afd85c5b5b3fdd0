//! Client keys over the admin API.

use std::collections::BTreeSet;

use gateway_tests::{Admin, Gateway, IN_FORCE, Reply, Setup, client, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Outcome;

async fn admin() -> anyhow::Result<(Gateway, Admin)> {
    let gateway = Gateway::start(&Setup::default())?;
    let admin = Admin::login(&gateway).await?;
    Ok((gateway, admin))
}

#[tokio::test]
async fn a_key_is_shown_once_and_never_again() -> Outcome {
    let (_gateway, admin) = admin().await?;
    let reply = admin
        .call(Method::POST, "/keys", Some(&json!({"name": "laptop"})))
        .await?;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let mut created = reply.json()?;
    let key = created["key"].as_str().unwrap_or_default().to_owned();
    // 256 bits are 43 characters of base64.
    assert!(
        key.starts_with("sk-") && key.len() >= 3 + 43,
        "{} characters",
        key.len()
    );
    let hint = created["hint"].as_str().unwrap_or_default();
    assert!(
        hint.contains('…') && key.starts_with(&hint[..4]) && hint.len() < 16,
        "{hint}"
    );

    created.as_object_mut().map(|members| members.remove("key"));
    assert_eq!(admin.list("/keys").await?, json!([created]));
    let id = created["id"].as_str().unwrap_or_default();
    assert!(id.starts_with("ck_"), "{id}");
    let changed = admin
        .patch(&format!("/keys/{id}"), &json!({"name": "desk"}))
        .await?;
    assert_eq!(changed["name"], "desk");
    for shown in [
        changed.to_string(),
        admin.get("/keys").await?.to_string(),
        admin.get("/channels").await?.to_string(),
    ] {
        assert!(!shown.contains(&key), "the key was shown again");
    }
    let members: BTreeSet<&str> = created
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let expected = [
        "created_at",
        "enabled",
        "expires_at",
        "hint",
        "id",
        "last_used_at",
        "limits",
        "models",
        "name",
    ];
    assert_eq!(members, BTreeSet::from(expected));
    assert_eq!(
        created["limits"],
        json!({"requests_per_minute": null, "tokens_per_minute": null, "tokens_per_day": null})
    );
    Ok(())
}

#[tokio::test]
async fn keys_differ_and_keep_what_was_set() -> Outcome {
    let (_gateway, admin) = admin().await?;
    let mut keys = BTreeSet::new();
    for number in 0..5 {
        keys.insert(
            admin
                .client_key(&json!({"name": format!("k{number}")}))
                .await?
                .1,
        );
    }
    assert_eq!(keys.len(), 5);
    let limits =
        json!({"requests_per_minute": 10, "tokens_per_minute": null, "tokens_per_day": 1000});
    let body = json!({"name": "full", "enabled": false, "models": ["m"], "expires_at": "2030-01-31T12:00:00Z", "limits": limits});
    let created = admin.post("/keys", &body).await?;
    for (member, value) in body.as_object().into_iter().flatten() {
        if member != "expires_at" {
            assert_eq!(&created[member], value, "{member}");
        }
    }
    // The same instant, with or without its milliseconds.
    let expires_at = created["expires_at"]
        .as_str()
        .unwrap_or_default()
        .replace(".000Z", "Z");
    assert_eq!(body["expires_at"], expires_at.as_str());
    let path = format!("/keys/{}", created["id"].as_str().unwrap_or_default());
    let change = json!({"enabled": true, "expires_at": null, "limits": {"tokens_per_day": null}});
    let changed = admin.patch(&path, &change).await?;
    assert_eq!(
        (&changed["enabled"], &changed["expires_at"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        (&changed["name"], &changed["models"]),
        (&json!("full"), &json!(["m"]))
    );
    let limits =
        json!({"requests_per_minute": 10, "tokens_per_minute": null, "tokens_per_day": null});
    assert_eq!(changed["limits"], limits);
    Ok(())
}

#[tokio::test]
async fn every_rule_of_a_key_is_checked() -> Outcome {
    let (_gateway, admin) = admin().await?;
    let (id, _) = admin.client_key(&json!({"name": "a"})).await?;
    for (members, at_fault) in [
        (json!({"name": ""}), "name"),
        (json!({"name": null}), "name"),
        (json!({"enabled": 1}), "enabled"),
        (json!({"models": "m"}), "models"),
        (json!({"models": [""]}), "models"),
        (json!({"expires_at": "tomorrow"}), "expires_at"),
        (json!({"expires_at": "2030-01-31"}), "expires_at"),
        (json!({"expires_at": 5}), "expires_at"),
        (json!({"limits": {"requests_per_minute": -1}}), "limits"),
        (json!({"limits": {"requests_per_minute": 0}}), "limits"),
        (json!({"limits": {"requests_per_hour": 1}}), "limits"),
        (json!({"limits": []}), "limits"),
        (json!({"key": "sk-of-my-own-choice"}), "key"),
        (json!({"hash": "0".repeat(64)}), "hash"),
    ] {
        let mut body = json!({"name": "b"});
        for (member, value) in members.as_object().into_iter().flatten() {
            body[member] = value.clone();
        }
        for (method, path, body) in [
            (Method::POST, "/keys".to_owned(), &body),
            (Method::PATCH, format!("/keys/{id}"), &members),
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
    let reply = admin.call(Method::POST, "/keys", Some(&json!({}))).await?;
    assert_eq!(reply.error()?["param"], "name");
    assert_eq!(
        admin.get("/keys").await?["data"].as_array().map(Vec::len),
        Some(1)
    );
    Ok(())
}

#[tokio::test]
async fn switching_off_and_deleting_are_in_force_within_two_seconds() -> Outcome {
    let (gateway, admin) = admin().await?;
    let (id, key) = admin.client_key(&json!({"name": "a"})).await?;
    let http = client()?;
    let status = async || {
        anyhow::Ok(
            Reply::of(http.get(gateway.url("/v1/models")).bearer_auth(&key))
                .await?
                .status,
        )
    };
    assert_eq!(status().await?, 200);
    let path = format!("/keys/{id}");
    admin.patch(&path, &json!({"enabled": false})).await?;
    eventually(IN_FORCE, "the key is off", async || {
        Ok(status().await? == 401)
    })
    .await?;
    admin.patch(&path, &json!({"enabled": true})).await?;
    eventually(IN_FORCE, "the key is on", async || {
        Ok(status().await? == 200)
    })
    .await?;
    let reply = admin.call(Method::DELETE, &path, None).await?;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    eventually(IN_FORCE, "the key is gone", async || {
        Ok(status().await? == 401)
    })
    .await?;
    for method in [Method::PATCH, Method::DELETE] {
        let reply = admin.call(method, &path, Some(&json!({}))).await?;
        assert_eq!(reply.failure()?, (404, "not_found".to_owned()));
    }
    // A key that was made after the first request works as soon.
    let (_, new) = admin.client_key(&json!({"name": "b"})).await?;
    eventually(IN_FORCE, "the new key works", async || {
        Ok(
            Reply::of(http.get(gateway.url("/v1/models")).bearer_auth(&new))
                .await?
                .status
                == 200,
        )
    })
    .await
}

//! Changes that meet, on the shipped components: two tabs, many creates at once, and what people paste.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{Admin, Gateway, Setup, Stage};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Outcome;

const KEYS: [&str; 4] = [
    "k-first-000000001",
    "k-second-00000002",
    "k-third-000000003",
    "k-fourth-00000004",
];

#[tokio::test]
async fn a_stale_tab_is_refused_and_a_change_of_the_weight_keeps_new_keys() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let admin = Admin::login(&gateway).await?;
    let body = json!({"name": "a", "base_url": "https://x.example/v1", "keys": [KEYS[0]]});
    let channel = admin.post("/channels", &body).await?;
    let (_, _) = admin.client_key(&json!({"name": "laptop"})).await?;
    for list in ["/channels", "/keys"] {
        let listed = admin.get(list).await?["data"][0].clone();
        let path = format!("{list}/{}", listed["id"].as_str().unwrap_or_default());
        let shown = admin.call(Method::GET, &path, None).await?;
        let tag = shown.header("etag").unwrap_or_default().to_owned();
        assert_eq!(Some(tag.trim_matches('"')), listed["revision"].as_str());

        // Tab A.
        let change = if list == "/channels" {
            json!({"keys": [{"id": channel["keys"][0]["id"]}, KEYS[1], KEYS[2], KEYS[3]]})
        } else {
            json!({"limits": {"daily_budget_micro_usd": 5_000_000}})
        };
        let reply = admin
            .call_if_match(Method::PATCH, &path, &tag, Some(&change))
            .await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let new_tag = reply.header("etag").unwrap_or_default().to_owned();
        assert_ne!(new_tag, tag);

        // Tab B, which has loaded the object before.
        let rename = json!({"name": "b"});
        let weak = format!("W/{new_tag}");
        for stale in [tag.as_str(), weak.as_str(), "\"x\", \"y\""] {
            for (method, body) in [(Method::PATCH, Some(&rename)), (Method::DELETE, None)] {
                let reply = admin.call_if_match(method, &path, stale, body).await?;
                assert_eq!(reply.failure()?, (412, "changed_meanwhile".to_owned()));
            }
        }
        let tags = format!("\"x\", {new_tag}");
        let reply = admin
            .call_if_match(Method::PATCH, &path, &tags, Some(&rename))
            .await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let now = admin.get(&path).await?;
        assert_eq!(now["name"], "b");
        if list == "/channels" {
            assert_eq!(now["keys"].as_array().map(Vec::len), Some(4));
        } else {
            assert_eq!(now["limits"]["daily_budget_micro_usd"], 5_000_000);
        }
        let reply = admin
            .call_if_match(Method::DELETE, &path, "*", None)
            .await?;
        assert_eq!(reply.status, 204);
    }

    let export = admin.call(Method::GET, "/config", None).await?;
    let tag = export.header("etag").unwrap_or_default().to_owned();
    admin.post("/channels", &body).await?;
    let reply = admin
        .call_if_match(Method::PUT, "/config", &tag, Some(&export.json()?))
        .await?;
    assert_eq!(reply.failure()?, (412, "changed_meanwhile".to_owned()));
    Ok(())
}

#[tokio::test]
async fn parallel_creates_give_exactly_as_many_channels() -> Outcome {
    let gateway = Gateway::start(&Setup::default())?;
    let admin = Admin::login(&gateway).await?;
    let bodies: Vec<Value> = (0..24)
        .map(|number| json!({"name": format!("{number}"), "base_url": "https://x.example/v1", "keys": []}))
        .collect();
    let created = try_join_all(bodies.iter().map(|body| admin.post("/channels", body))).await?;
    let listed = admin.list("/channels").await?;
    let listed = listed.as_array().cloned().unwrap_or_default();
    assert_eq!(listed.len(), 24);
    let names: BTreeSet<String> = listed.iter().map(|one| one["name"].to_string()).collect();
    assert_eq!(names.len(), 24);
    assert!(created.iter().all(|one| listed.contains(one)));
    Ok(())
}

#[tokio::test]
async fn pasted_base_urls_and_keys_are_mended_or_named() -> Outcome {
    let stage = Stage::start().await?;
    let base = stage.upstream.base_url();
    let members =
        json!({"keys": [KEYS[0]], "models": ["m"], "base_url": format!("{base}/chat/completions")});
    let channel = stage.channel("pasted", &members).await?;
    let path = format!("/channels/{}", channel["id"].as_str().unwrap_or_default());
    stage.upstream.rule(Rule::always(Action::error(
        404,
        "not_found",
        "no such path",
    )));
    let outcome = stage
        .admin
        .post(&format!("{path}/test"), &json!({}))
        .await?;
    let error = outcome["error"].as_str().unwrap_or_default();
    assert!(
        error.contains("The base URL should probably be "),
        "{error}"
    );
    assert!(error.ends_with(base.trim_end_matches('/')), "{error}");

    let body = json!({"base_url": "api.openai.com/v1/chat/completions?x=1"});
    let reply = stage.admin.call(Method::PATCH, &path, Some(&body)).await?;
    assert_eq!(reply.failure()?, (400, "invalid_value".to_owned()));
    assert!(
        reply.message()?.contains("use https://api.openai.com/v1"),
        "{}",
        reply.text()
    );

    let keys = json!({"keys": [{"id": channel["keys"][0]["id"]}, KEYS[0], KEYS[1], KEYS[1]]});
    let reply = stage.admin.call(Method::PATCH, &path, Some(&keys)).await?;
    assert_eq!(reply.failure()?, (400, "invalid_value".to_owned()));
    let changed = stage
        .admin
        .patch(&format!("{path}?duplicate_keys=skip"), &keys)
        .await?;
    assert_eq!(changed["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(changed["duplicate_keys"], 2);
    Ok(())
}

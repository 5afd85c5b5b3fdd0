//! `GET /v1/models` and `GET /v1/models/{id}`.

use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

use crate::Outcome;

async fn stage() -> anyhow::Result<Stage> {
    let stage = Stage::start().await?;
    stage
        .channel("one", &json!({"keys": ["k"], "models": ["meta/llama-3.1-405b", "shared"], "model_map": {"alias": "real"}}))
        .await?;
    stage
        .channel(
            "two",
            &json!({"keys": ["k"], "models": ["shared", "ft:gpt-4o:org::id"]}),
        )
        .await?;
    stage
        .channel(
            "off",
            &json!({"keys": ["k"], "models": ["hidden"], "enabled": false}),
        )
        .await?;
    let azure = json!({"api_version": "2024-10-21", "deployments": {"gpt-4o": "prod"}});
    stage
        .channel("azure", &json!({"keys": ["k"], "provider": "azure", "base_url": stage.upstream.root_url(), "azure": azure}))
        .await?;
    Ok(stage)
}

fn check_shape(model: &Value) {
    assert_eq!(model["object"], "model", "{model}");
    assert!(
        model["id"].is_string() && model["owned_by"].is_string(),
        "{model}"
    );
    assert!(model["created"].is_u64(), "{model}");
}

#[tokio::test]
async fn the_list_names_every_enabled_model_once() -> Outcome {
    let stage = stage().await?;
    let list = stage.get("/v1/models").await?.json()?;
    assert_eq!(list["object"], "list");
    let data = list["data"].as_array().cloned().unwrap_or_default();
    data.iter().for_each(check_shape);
    let mut ids: Vec<&str> = data
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "alias",
            "ft:gpt-4o:org::id",
            "gpt-4o",
            "meta/llama-3.1-405b",
            "shared"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn one_model_is_found_by_ids_with_slashes_and_colons() -> Outcome {
    let stage = stage().await?;
    for (path, id) in [
        ("meta/llama-3.1-405b", "meta/llama-3.1-405b"),
        ("meta%2Fllama-3.1-405b", "meta/llama-3.1-405b"),
        ("ft:gpt-4o:org::id", "ft:gpt-4o:org::id"),
        ("ft%3Agpt-4o%3Aorg%3A%3Aid", "ft:gpt-4o:org::id"),
        ("alias", "alias"),
        ("gpt-4o", "gpt-4o"),
    ] {
        let reply = stage.get(&format!("/v1/models/{path}")).await?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let model = reply.json()?;
        check_shape(&model);
        assert_eq!(model["id"], id);
    }
    for path in ["nope", "meta", "meta/nope", "hidden", "real"] {
        let reply = stage.get(&format!("/v1/models/{path}")).await?;
        assert_eq!(
            reply.failure()?,
            (404, "model_not_found".to_owned()),
            "{path}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_model_is_404_on_every_endpoint() -> Outcome {
    let stage = stage().await?;
    for path in ["/v1/chat/completions", "/v1/embeddings"] {
        let reply: Reply = stage
            .post(path, &json!({"model": "nope", "input": "x"}))
            .await?;
        assert_eq!(
            reply.failure()?,
            (404, "model_not_found".to_owned()),
            "{path}"
        );
        assert_eq!(reply.error()?["param"], "model");
        assert!(reply.message()?.contains("nope"));
    }
    assert!(stage.upstream.records().is_empty());
    Ok(())
}

//! Azure channels: both URL shapes, the key's header, the deployment map.

use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

use crate::Outcome;

async fn stage(suffix: &str, version: Option<&str>) -> anyhow::Result<Stage> {
    let stage = Stage::start().await?;
    let base_url = format!("{}{suffix}", stage.upstream.root_url());
    let azure =
        json!({"api_version": version, "deployments": {"gpt-4.1": "prod-4.1", "embed": "e"}});
    let channel =
        json!({"keys": ["azure-key"], "provider": "azure", "base_url": base_url, "azure": azure});
    stage.channel("azure", &channel).await?;
    Ok(stage)
}

#[tokio::test]
async fn the_classic_api_puts_deployment_and_version_into_the_url() -> Outcome {
    for suffix in ["", "/", "/openai", "/openai/v1/"] {
        let stage = stage(suffix, Some("2024-10-21")).await?;
        let reply = stage.chat("gpt-4.1").await?;
        assert_eq!(reply.status, 200, "{suffix:?}: {}", reply.text());
        let records = stage.upstream.records();
        assert_eq!(
            records[0].path, "/openai/deployments/prod-4.1/chat/completions?api-version=2024-10-21",
            "{suffix:?}"
        );
        assert_eq!(records[0].header("api-key"), Some("azure-key"));
        assert_eq!(records[0].header("authorization"), None);
    }
    Ok(())
}

#[tokio::test]
async fn the_classic_api_has_embeddings_and_streams() -> Outcome {
    let stage = stage("", Some("2024-10-21")).await?;
    let reply = stage
        .post("/v1/embeddings", &json!({"model": "embed", "input": "x"}))
        .await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let stream = stage.whole_stream("gpt-4.1").await?;
    assert!(
        stream.text().ends_with("data: [DONE]\n\n"),
        "{}",
        stream.text()
    );
    let paths: Vec<String> = stage
        .upstream
        .records()
        .into_iter()
        .map(|record| record.path)
        .collect();
    assert_eq!(
        paths,
        [
            "/openai/deployments/e/embeddings?api-version=2024-10-21",
            "/openai/deployments/prod-4.1/chat/completions?api-version=2024-10-21"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn the_v1_api_puts_the_deployment_into_the_body() -> Outcome {
    for suffix in ["", "/openai/v1"] {
        let stage = stage(suffix, None).await?;
        let body = r#"{"model":"gpt-4.1","temperature":1.0}"#;
        let reply = Reply::of(stage.request("/v1/chat/completions").body(body)).await?;
        assert_eq!(reply.status, 200, "{suffix:?}: {}", reply.text());
        let records = stage.upstream.records();
        assert_eq!(records[0].path, "/openai/v1/chat/completions", "{suffix:?}");
        assert_eq!(records[0].body, r#"{"model":"prod-4.1","temperature":1.0}"#);
        assert_eq!(records[0].header("api-key"), Some("azure-key"));
    }
    Ok(())
}

#[tokio::test]
async fn models_without_a_deployment_are_not_served() -> Outcome {
    let stage = stage("", None).await?;
    let reply = stage.chat("gpt-3.5").await?;
    assert_eq!(reply.failure()?, (404, "model_not_found".to_owned()));
    let list: Value = stage.get("/v1/models").await?.json()?;
    let mut ids: Vec<&str> = list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["id"].as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["embed", "gpt-4.1"]);
    Ok(())
}

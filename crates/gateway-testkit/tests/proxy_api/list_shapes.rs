//! The list of models in the shapes that Claude Code, Codex and Gemini's clients read.

use gateway_core::config::model::Document;
use serde_json::{Value, json};

use super::setup::*;

/// A channel with one model of its own and an alias for it, as Claude Code's picker needs one.
fn stage() -> Stage {
    let mut listed = channel("a", 1);
    listed.models = vec!["moonshotai/kimi-k3".to_owned()];
    let alias = ("claude-kimi-k3".to_owned(), "moonshotai/kimi-k3".to_owned());
    listed.model_map = [alias].into();
    Stage::new(vec![listed])
}

#[test]
fn claude_code_finds_aliases_that_begin_with_claude() {
    let mut request = get("/v1/models?limit=1000");
    let version = "2023-06-01".parse().unwrap();
    request.headers_mut().insert("anthropic-version", version);
    let list = stage().send(request).json();
    let ids: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, ["claude-kimi-k3", "moonshotai/kimi-k3"]);
    assert_eq!(list["data"][0]["type"], "model");
}

#[test]
fn codex_can_read_the_list_and_keeps_its_own_catalog() {
    let stage = stage();
    let list = stage.send(get("/v1/models?client_version=0.153.4")).json();
    assert_eq!(list["models"], json!([]));
    assert_eq!(list["data"][0]["id"], "claude-kimi-k3");
    let plain = stage.send(get("/v1/models")).json();
    assert_eq!(plain.get("models"), None, "only Codex gets it");
    assert_eq!(plain["data"], list["data"]);
}

#[test]
fn geminis_clients_get_geminis_list() {
    let stage = stage();
    let model = |id: &str| {
        json!({"name": format!("models/{id}"), "version": "", "displayName": id,
            "supportedGenerationMethods": ["generateContent", "countTokens"]})
    };
    let (alias, own) = (model("claude-kimi-k3"), model("moonshotai/kimi-k3"));
    assert_eq!(
        stage.send(get("/v1beta/models")).json(),
        json!({"models": [alias, own]})
    );
    // Google's SDKs call the stable version, which has the path of OpenAI's list.
    let mut request = get("/v1/models");
    let sdk = "google-genai-sdk/3.6.1".parse().unwrap();
    request.headers_mut().insert("x-goog-api-client", sdk);
    assert_eq!(stage.send(request).json(), json!({"models": [alias, own]}));
    let page = stage.send(get("/v1beta/models?pageSize=1")).json();
    assert_eq!(
        page,
        json!({"models": [alias], "nextPageToken": "claude-kimi-k3"})
    );
    let page = stage.send(get("/v1beta/models?pageSize=1&pageToken=claude-kimi-k3"));
    assert_eq!(page.json(), json!({"models": [own]}));
    for path in [
        "/v1beta/models/moonshotai/kimi-k3",
        "/v1beta/models/moonshotai%2Fkimi-k3",
    ] {
        assert_eq!(stage.send(get(path)).json(), own, "{path}");
    }
    assert_eq!(stage.send(get("/v1beta/models/other")).status, 404);
    assert_eq!(
        stage.send(get("/v1beta/models?pageSize=x")).status,
        400,
        "as Gemini answers"
    );
}

#[test]
fn a_key_sees_its_own_models_in_every_shape() {
    let mut listed = channel("a", 1);
    listed.models = vec!["mine".to_owned(), "secret".to_owned()];
    let mut key = client_key();
    key.models = vec!["mine".to_owned()];
    let stage = Stage::with(&Document {
        channels: vec![listed],
        keys: vec![key],
        ..Document::default()
    });
    for path in ["/v1beta/models", "/v1/models?client_version=1"] {
        let list = stage.send(get(path));
        assert!(list.text().contains("mine") && !list.text().contains("secret"));
    }
    assert_eq!(stage.send(get("/v1beta/models/secret")).status, 404);
}

//! Responses that the gateway keeps for channels without the Responses API: a conversation goes on by its last id, on
//! another channel, after a restart, for its own client only, until it is deleted.

use std::sync::atomic::{AtomicUsize, Ordering};

use gateway_testkit::upstream::{Action, Record};
use gateway_tests::{Admin, Gateway, Reply, Setup, Stage, store};
use serde_json::{Value, json};

use crate::Outcome;

const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PROMPT: &str = "zqx-prompt-words";

/// An upstream that numbers its answers, in the dialect of the path.
fn answers() -> impl Fn(&Record) -> Option<Action> + Send + Sync + 'static {
    let made = AtomicUsize::new(0);
    move |record| {
        let text = format!("answer {}", made.fetch_add(1, Ordering::Relaxed) + 1);
        let body = if record.path.ends_with("/messages") {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "n", "stop_reason": "end_turn",
                "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 5, "output_tokens": 2}})
        } else {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": text}}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}})
        };
        Some(Action::json(200, &body))
    }
}

fn turn(model: &str, input: &str, previous: Option<&Value>) -> Value {
    json!({"model": model, "input": input, "previous_response_id": previous})
}

/// The texts that an upstream was sent last.
fn sent(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let records = stage.upstream.records();
    let body: Value = match records.last() {
        Some(record) => serde_json::from_slice(&record.body)?,
        None => Value::Null,
    };
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let text = |message: &Value| match &message["content"] {
        Value::Array(parts) => parts.iter().map(|part| part["text"].clone()).collect(),
        text => text.clone(),
    };
    let text = |message: &Value| match text(message) {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        text => text.as_str().unwrap_or_default().to_owned(),
    };
    Ok(messages.iter().map(text).collect())
}

#[tokio::test]
async fn a_conversation_outlives_its_channel_and_the_process_and_ends_when_it_is_deleted() -> Outcome
{
    let directory = tempfile::tempdir()?;
    let setup = Setup::default()
        .state(directory.path())
        .variable("master_key", MASTER_KEY);
    let mut stage = Stage::start_with(&setup).await?;
    stage.upstream.respond(answers());
    stage.settings(&json!({"responses_store": true})).await?;
    let chat = json!({"keys": ["k"], "models": ["m"], "dialects": ["chat"]});
    stage.channel("chat", &chat).await?;
    let messages = json!({"keys": ["k"], "models": ["n"], "dialects": ["messages"]});
    stage.channel("messages", &messages).await?;
    let (_, other) = stage.admin.client_key(&json!({"name": "other"})).await?;

    let first = stage
        .post("/v1/responses", &turn("m", PROMPT, None))
        .await?;
    assert_eq!(first.status, 200, "{}", first.text());
    let first = first.json()?;
    assert_eq!(first["store"], true);
    let two = turn("n", "two", Some(&first["id"]));
    let second = stage.post("/v1/responses", &two).await?;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_eq!(second.header("x-gateway-channel"), Some("messages"));
    assert_eq!(sent(&stage)?, [PROMPT, "answer 1", "two"]);
    let second = second.json()?;

    // The process ends, and has written what it kept; encrypted, and nothing of it elsewhere.
    stage.gateway.stop()?;
    let contents = rows(directory.path(), "SELECT content FROM kept_response")?;
    assert_eq!(contents.len(), 2);
    assert!(contents.iter().all(|it| it.starts_with("v1.")));
    let file = std::fs::read(directory.path().join("sqlite_db.db"))?;
    assert!(!String::from_utf8_lossy(&file).contains(PROMPT));
    stage.gateway = Gateway::start(&setup)?;
    stage.admin = Admin::login(&stage.gateway).await?;

    let three = turn("m", "three", Some(&second["id"]));
    let third = stage.post("/v1/responses", &three).await?;
    assert_eq!(third.status, 200, "{}", third.text());
    let whole = [PROMPT, "answer 1", "two", "answer 2", "three"];
    assert_eq!(sent(&stage)?, whole);

    let path = format!("/v1/responses/{}", first["id"].as_str().unwrap_or_default());
    assert_eq!(stage.get(&path).await?.json()?, first);
    let items = stage.get(&format!("{path}/input_items")).await?.json()?;
    assert_eq!(items["data"][0]["content"][0]["text"], PROMPT);

    // Another client key does not reach it.
    let url = stage.gateway.url(&path);
    for request in [stage.http.get(&url), stage.http.delete(&url)] {
        let reply = Reply::of(request.bearer_auth(&other)).await?;
        assert_eq!(reply.failure()?, (404, "not_found".to_owned()));
    }
    let request = stage.http.post(stage.gateway.url("/v1/responses"));
    let reply = Reply::of(request.bearer_auth(&other).json(&three)).await?;
    assert_eq!(
        reply.failure()?,
        (400, "previous_response_not_found".to_owned())
    );

    let deleted = Reply::of(stage.http.delete(&url).bearer_auth(&stage.key)).await?;
    assert_eq!(deleted.json()?["deleted"], true);
    let reply = stage.post("/v1/responses", &two).await?;
    assert_eq!(
        reply.failure()?,
        (400, "previous_response_not_found".to_owned())
    );
    let left = rows(directory.path(), "SELECT id FROM kept_response")?;
    assert!(!left.iter().any(|id| *id == first["id"]), "{left:?}");
    Ok(())
}

fn rows(directory: &std::path::Path, query: &str) -> anyhow::Result<Vec<String>> {
    let ledger = store::ledger(directory)?;
    let mut statement = ledger.prepare(query)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

//! How a request is read: the model that every upstream reads too, any valid key of several, and requests without a model.

use anyhow::{Context as _, Result};
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::{Value, json};

use crate::Outcome;

const CHAT: &str = "/v1/chat/completions";
const FORM: &str = "/v1/audio/transcriptions";

/// An upstream that answers every request, also those for which the scripted one has no answer.
async fn stage() -> Result<Stage> {
    let stage = Stage::start().await?;
    let answer = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
        "text": "Hi.", "results": [], "data": []
    });
    stage
        .upstream
        .rule(Rule::always(Action::json(200, &answer)));
    Ok(stage)
}

/// A channel that serves every model, and a key that may use `allowed` only.
async fn narrow() -> Result<(Stage, String)> {
    let stage = stage().await?;
    stage.channel("all", &json!({"keys": ["k"]})).await?;
    let narrow = json!({"name": "narrow", "models": ["allowed"]});
    let (_, key) = stage.admin.client_key(&narrow).await?;
    Ok((stage, key))
}

async fn send(
    stage: &Stage,
    key: &str,
    path: &str,
    types: &[&str],
    body: Vec<u8>,
) -> Result<Reply> {
    let mut request = stage.http.post(stage.gateway.url(path)).bearer_auth(key);
    for value in types {
        request = request.header("content-type", *value);
    }
    Reply::of(request.body(body)).await
}

struct Case {
    name: String,
    is_forwarded: bool,
    types: Vec<String>,
    body: Vec<u8>,
}

impl Case {
    fn of(line: &str) -> Result<Self> {
        let line: Value = serde_json::from_str(line).context("a line of the corpus")?;
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let hex = text("hex");
        let bytes = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(hex.get(at..at + 2).unwrap_or_default(), 16))
            .collect::<Result<Vec<u8>, _>>()?;
        let types = line["types"].as_array().map(|types| {
            let texts = types.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        });
        Ok(Self {
            name: text("name"),
            is_forwarded: line["forwarded"] == true,
            types: types.unwrap_or_else(|| vec!["application/json".to_owned()]),
            body: if bytes.is_empty() {
                text("body").into_bytes()
            } else {
                bytes
            },
        })
    }

    fn path(&self) -> &'static str {
        let is_form = |value: &String| value.to_lowercase().contains("form");
        if self.types.iter().any(is_form) {
            FORM
        } else {
            CHAT
        }
    }
}

/// The requests that parsers of other languages are held against, by hand; see `tests/differential`.
fn corpus() -> Result<Vec<Case>> {
    let path = gateway_tests::workspace_root().join("tests/differential/corpus.jsonl");
    let text = std::fs::read_to_string(path)?;
    text.lines().map(Case::of).collect()
}

#[tokio::test]
async fn requests_that_parsers_read_in_different_ways_never_reach_an_upstream() -> Outcome {
    let (stage, key) = narrow().await?;
    let mut forwarded = 0;
    for case in corpus()? {
        let types: Vec<&str> = case.types.iter().map(String::as_str).collect();
        let reply = send(&stage, &key, case.path(), &types, case.body.clone()).await?;
        forwarded += usize::from(case.is_forwarded);
        assert_eq!(
            (reply.status == 200, stage.upstream.records().len()),
            (case.is_forwarded, forwarded),
            "{}: {} {}",
            case.name,
            reply.status,
            reply.text()
        );
        if !case.is_forwarded {
            assert!(
                [400, 415].contains(&reply.status),
                "{}: {}",
                case.name,
                reply.text()
            );
        }
    }
    assert!(forwarded > 10);
    Ok(())
}

#[tokio::test]
async fn the_codes_say_what_is_wrong() -> Outcome {
    let (stage, key) = narrow().await?;
    let json = ["application/json"];
    for (types, body, failure) in [
        (
            &json[..],
            r#"{"model":"allowed","Model":"forbidden"}"#,
            (400, "ambiguous_body"),
        ),
        (
            &json,
            r#"{"model":"allowed","stream":true,"Stream":false}"#,
            (400, "ambiguous_body"),
        ),
        (
            &["multipart/form-data; boundary=A; boundary=B"],
            "--A--",
            (400, "ambiguous_body"),
        ),
        (
            &["text/plain"],
            r#"{"model":"allowed"}"#,
            (415, "unsupported_media_type"),
        ),
        (
            &["application/x-www-form-urlencoded"],
            "model=allowed",
            (415, "unsupported_media_type"),
        ),
    ] {
        let reply = send(&stage, &key, CHAT, types, body.as_bytes().to_vec()).await?;
        let (status, code) = failure;
        assert_eq!(
            reply.failure()?,
            (status, code.to_owned()),
            "{types:?} {body}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_body_of_millions_of_members_ends_no_stream_of_others() -> Outcome {
    let stage = Stage::with_channel().await?;
    let body = format!(r#"{{"model":"m",{}"b":1}}"#, r#""":1,"#.repeat(4_500_000));
    let deep = format!(r#"{{"model":"m","x":{}"#, r#"{"a":["#.repeat(4_000_000));
    for body in [body, deep] {
        let reply = Reply::of(stage.request(CHAT).body(body)).await?;
        assert_eq!(reply.failure()?, (400, "ambiguous_body".to_owned()));
        assert_eq!(stage.chat("m").await?.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn any_valid_key_of_several_lets_a_request_in() -> Outcome {
    let stage = Stage::with_channel().await?;
    let (_, off) = stage
        .admin
        .client_key(&json!({"name": "off", "enabled": false}))
        .await?;
    let good = format!("Bearer {}", stage.key);
    let names = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    for valid in names {
        for other in names.iter().filter(|name| **name != valid) {
            let value = if valid == "authorization" {
                &good
            } else {
                &stage.key
            };
            let request = stage
                .http
                .post(stage.gateway.url(CHAT))
                .header(*other, "dummy")
                .header(valid, value)
                .body(r#"{"model":"m"}"#);
            assert_eq!(
                Reply::of(request).await?.status,
                200,
                "{valid} beside {other}"
            );
        }
    }
    let request = stage
        .http
        .post(stage.gateway.url(CHAT))
        .header("authorization", "Bearer dummy")
        .header("x-goog-api-key", &off)
        .body(r#"{"model":"m"}"#);
    let reply = Reply::of(request).await?;
    assert_eq!(reply.failure()?, (401, "invalid_api_key".to_owned()));
    assert!(reply.message()?.contains("disabled"), "{}", reply.text());
    for record in stage.upstream.records() {
        let sent = format!("{:?}", record.headers);
        assert!(
            !sent.contains("dummy") && !sent.contains(&stage.key),
            "{sent}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_request_without_a_model_has_the_default_of_its_operation() -> Outcome {
    let stage = stage().await?;
    stage
        .channel("named", &json!({"keys": ["named"], "models": ["omni"]}))
        .await?;
    stage
        .settings(&json!({"default_models": {"moderations": "omni"}}))
        .await?;
    let body = json!({"input": "x"});
    let reply = stage.post("/v1/moderations", &body).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let records = stage.upstream.records();
    let sent: Value = serde_json::from_slice(&records.first().context("a call")?.body)?;
    assert_eq!(sent, json!({"input": "x", "model": "omni"}));

    let reply = stage
        .post("/v1/images/generations", &json!({"prompt": "a cat"}))
        .await?;
    assert_eq!(reply.failure()?, (400, "model_required".to_owned()));
    assert!(
        reply.message()?.contains("settings.default_models"),
        "{}",
        reply.text()
    );
    Ok(())
}

#[tokio::test]
async fn a_request_without_a_model_goes_as_it_is_to_a_channel_that_serves_every_model() -> Outcome {
    let (stage, narrow) = narrow().await?;
    for (path, body) in [
        ("/v1/moderations", r#"{"input": "x"}"#),
        ("/v1/images/generations", r#"{"prompt": "a cat"}"#),
        ("/v1/responses", r#"{"prompt": {"id": "pmpt_1"}}"#),
    ] {
        let reply = Reply::of(stage.request(path).body(body)).await?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let records = stage.upstream.records();
        let last = records.last().context("a call")?;
        assert_eq!(
            (last.path.as_str(), &last.body[..]),
            (path, body.as_bytes())
        );
        let calls = records.len();

        let refused = send(&stage, &narrow, path, &["application/json"], body.into()).await?;
        assert_eq!(refused.failure()?, (400, "model_required".to_owned()));
        assert_eq!(stage.upstream.records().len(), calls);
    }
    Ok(())
}

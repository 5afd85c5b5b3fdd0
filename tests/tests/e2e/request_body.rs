//! What happens to a request's body: nothing but the model's name changes, and what is rejected.

use gateway_testkit::upstream::Upstream;
use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

const CHAT: &str = "/v1/chat/completions";
const MIB: usize = 1024 * 1024;

fn last_body(upstream: &Upstream) -> String {
    let records = upstream.records();
    records
        .last()
        .map(|record| String::from_utf8_lossy(&record.body).into_owned())
        .unwrap_or_default()
}

/// Number spellings, white space, duplicate and unknown members, escapes: all that a parser would lose.
fn odd_body(model: &str) -> String {
    format!(
        "\n{{ \"temperature\" : 1.0,\"top_p\":1e3, \"seed\":12345678901234567890123,\t\"x\":-0.0,\
         \"nested\":{{\"model\":\"inner\",\"model\":\"again\"}},\"messages\":[{{\"content\":\"\\u00e9\\/é \\\"model\\\":\"}}],\
         \"model\" :  \"{model}\" ,\"unknown\":[1,  2 ,{{}}],\"z\":1E-2 }}\r\n"
    )
}

#[tokio::test]
async fn a_body_is_passed_on_byte_for_byte() -> Outcome {
    let stage = Stage::with_channel().await?;
    let body = odd_body("m");
    for path in [CHAT, "/v1/embeddings"] {
        let reply = Reply::of(stage.request(path).body(body.clone())).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(last_body(&stage.upstream), body);
        let records = stage.upstream.records();
        assert_eq!(
            records.last().map(|record| record.path.as_str()),
            Some(path)
        );
    }
    Ok(())
}

#[tokio::test]
async fn only_the_models_name_is_replaced_and_in_place() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "map",
            &json!({"keys": ["k"], "model_map": {"alias": "vendor/real \"quoted\""}}),
        )
        .await?;
    let reply = Reply::of(stage.request(CHAT).body(odd_body("alias"))).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        last_body(&stage.upstream),
        odd_body("vendor/real \\\"quoted\\\"")
    );
    Ok(())
}

#[tokio::test]
async fn dropped_parameters_leave_the_rest_as_it_was() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel(
            "strict",
            &json!({"keys": ["k"], "models": ["m"], "drop_params": ["user", "thinking"]}),
        )
        .await?;
    let body =
        r#"{"user":"u","model":"m", "n":1.0 ,"thinking":{"a":[1,2]},"inner":{"user":"kept"}}"#;
    let reply = Reply::of(stage.request(CHAT).body(body)).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent: serde_json::Value = serde_json::from_str(&last_body(&stage.upstream))?;
    assert_eq!(
        sent,
        json!({"model": "m", "n": 1.0, "inner": {"user": "kept"}})
    );
    assert!(
        last_body(&stage.upstream).contains("\"n\":1.0"),
        "the number keeps its spelling"
    );
    Ok(())
}

#[tokio::test]
async fn bodies_that_cannot_be_routed_are_400() -> Outcome {
    let stage = Stage::with_channel().await?;
    for (body, code) in [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("\"model\"", "invalid_json"),
        ("{\"model\":\"m\"} trailing", "invalid_json"),
        ("{\"model\":\"m\",}", "invalid_json"),
        ("{}", "model_required"),
        (r#"{"messages":[{"model":"m"}]}"#, "model_required"),
    ] {
        let reply = Reply::of(stage.request(CHAT).body(body)).await?;
        assert_eq!(reply.failure()?, (400, code.to_owned()), "{body:?}");
        assert_eq!(reply.error()?["type"], "invalid_request_error");
    }
    for body in [r#"{"model":null}"#, r#"{"model":7}"#, r#"{"model":""}"#] {
        let reply = Reply::of(stage.request(CHAT).body(body)).await?;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(!reply.message()?.is_empty());
    }
    assert!(
        stage.upstream.records().is_empty(),
        "nothing reached the upstream"
    );
    Ok(())
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_below_passes() -> Outcome {
    let stage = Stage::with_channel().await?;
    let body = |len: usize| {
        let frame = r#"{"model":"m","pad":""}"#.len();
        format!(r#"{{"model":"m","pad":"{}"}}"#, "x".repeat(len - frame))
    };
    let fits = Reply::of(stage.request(CHAT).body(body(32 * MIB))).await?;
    assert_eq!(fits.status, 200, "{}", fits.text());
    let sent = stage
        .upstream
        .records()
        .last()
        .map(|record| record.body.len());
    assert_eq!(sent, Some(32 * MIB));

    let over = Reply::of(stage.request(CHAT).body(body(32 * MIB + 1))).await?;
    assert_eq!(over.failure()?, (413, "request_too_large".to_owned()));
    assert_eq!(stage.upstream.records().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_second_model_in_the_body_does_not_get_around_the_first() -> Outcome {
    let stage = Stage::start().await?;
    stage
        .channel("both", &json!({"keys": ["k"], "models": ["allowed", "forbidden"], "model_map": {"alias": "allowed"}}))
        .await?;
    let narrow = json!({"name": "narrow", "models": ["allowed", "alias"]});
    let (_, key) = stage.admin.client_key(&narrow).await?;
    // JSON parsers differ in which of two members they take, so the upstream must never see two models.
    for body in [
        r#"{"model":"allowed","model":"forbidden"}"#,
        r#"{"model":"forbidden","model":"allowed"}"#,
        r#"{"model":"allowed","mod\u0065l":"forbidden"}"#,
        r#"{"model":"alias","model":"forbidden"}"#,
    ] {
        let url = stage.gateway.url(CHAT);
        let request = stage
            .http
            .post(url)
            .bearer_auth(&key)
            .header("content-type", "application/json");
        let reply = Reply::of(request.body(body)).await?;
        assert!(
            [200, 400, 404].contains(&reply.status),
            "{body}: {}",
            reply.text()
        );
        for record in stage.upstream.records() {
            let sent = String::from_utf8_lossy(&record.body).into_owned();
            assert!(!sent.contains("forbidden"), "{body} became {sent}");
        }
    }
    Ok(())
}

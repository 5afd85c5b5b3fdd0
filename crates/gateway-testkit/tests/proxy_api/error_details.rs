//! What the ledger keeps of why a request failed: the messages of errors, without credentials and never of an answer; the
//! figures of a limit; the model of what was rejected.

use bytes::Bytes;
use gateway_core::config::model::{KeyLimits, Settings, StoredSecret};
use gateway_core::secret::Secret;
use gateway_core::sql::SqlRow;
use gateway_testkit::fakes::FakeReply;
use serde_json::{Value, json};

use super::ledger::{ANSWER, document, text};
use super::setup::*;

const CHAT: &str = r#"{"model":"m","messages":[]}"#;
const STREAM: &str = r#"{"model":"m","stream":true,"messages":[]}"#;
const CONTENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"my-private-answer\"}}]}\n\n";

fn stage() -> Stage {
    Stage::with_ledger(&document(Settings::default()))
}

/// What is in the log, oldest first.
fn rows(stage: &Stage, columns: &str) -> Vec<SqlRow> {
    stage.ports.run_background();
    let query = format!("SELECT {columns} FROM request ORDER BY seq");
    stage.ports.database().rows(&query)
}

/// The attempts of the last request.
fn attempts(stage: &Stage) -> Value {
    let rows = rows(stage, "attempts");
    serde_json::from_str(rows.last().unwrap()[0].text().unwrap()).unwrap()
}

fn fails(stage: &Stage, status: u16, message: &str) {
    let body = json!({"error": {"message": message}}).to_string();
    stage.upstream(move |_| FakeReply::json(status, body.clone()));
}

#[test]
fn every_failed_attempt_has_what_its_upstream_said_and_nothing_else_has() {
    let stage = stage();
    let long = "long ".repeat(100);
    fails(&stage, 400, &format!("max_tokens is\n too large. {long}"));
    assert_eq!(stage.chat(CHAT).status, 400);
    let detail = attempts(&stage)[0][5].as_str().unwrap().to_owned();
    assert!(
        detail.starts_with("max_tokens is too large. long"),
        "{detail}"
    );
    assert!(detail.ends_with('…'), "{detail}");
    assert_eq!(detail.chars().count(), 300);
    // It is in the row once.
    let row = rows(&stage, "reason, detail").pop().unwrap();
    assert_eq!(row[0], text("upstream_refused"));
    assert_eq!(row[1].text(), None);

    stage.upstream(|_| FakeReply::json(200, ANSWER));
    assert_eq!(stage.chat(CHAT).status, 200);
    assert_eq!(attempts(&stage), json!([["answered", 200, 0]]));
    let lines = stage.ports.log_lines().join("\n");
    assert!(!lines.contains("max_tokens"), "{lines}");
}

#[test]
fn no_credential_is_kept() {
    let mut document = document(Settings::default());
    let secret = |key: &str| StoredSecret::Clear(Secret::new(key.to_owned()));
    document.channels = vec![channel("a", 2)];
    // Nothing shows that these are keys.
    document.channels[0].keys[0].secret = secret("first-of-our-words");
    document.channels[0].keys[1].secret = secret("second-of-our-words");
    let headers = &mut document.channels[0].headers;
    headers.insert("x-tenant-token".to_owned(), "tenant-words".to_owned());
    headers.insert("x-title".to_owned(), "our-title".to_owned());
    let stage = Stage::with_ledger(&document);
    fails(
        &stage,
        500,
        "bad: first-of-our-words second-of-our-words tenant-words our-title sk-abcd***wxyz \
         Bearer a1b2c3d4 https://u:p@host.example/",
    );
    assert_eq!(stage.chat(CHAT).status, 502);
    let kept = attempts(&stage).to_string();
    for secret in [
        "of-our-words",
        "tenant-words",
        "sk-abcd",
        "wxyz",
        "a1b2c3d4",
        "u:p@",
    ] {
        assert!(!kept.contains(secret), "{secret} is in {kept}");
    }
    assert!(kept.contains("our-title"), "{kept}");
    assert!(kept.contains("host.example"), "{kept}");
}

#[test]
fn nothing_of_an_answer_is_kept() {
    let stage = stage();
    // An error after the answer has begun may hold a part of it.
    let error = "data: {\"error\":{\"message\":\"my-private-answer is bad\",\"code\":529}}\n\n";
    let pieces = [CONTENT, error].map(|piece| Bytes::from_static(piece.as_bytes()));
    stage.upstream(move |_| FakeReply::pieces(200, "text/event-stream", pieces.clone()));
    assert!(stage.chat(STREAM).text().contains("is bad"));
    assert_eq!(attempts(&stage)[0][0], "answered");
    let detail = attempts(&stage)[0][5].as_str().unwrap().to_owned();
    assert!(detail.contains("came in the stream"), "{detail}");
    // A body that is neither JSON nor events, and half an answer.
    for body in [
        "my-private-answer",
        r#"{"choices":[],"content":"my-private-answer"}"#,
    ] {
        stage.upstream(move |_| FakeReply::json(200, body));
        stage.chat(CHAT);
    }
    let all = format!("{:?}", rows(&stage, "*"));
    assert!(!all.contains("my-private"), "{all}");
    let lines = stage.ports.log_lines().join("\n");
    assert!(!lines.contains("my-private"), "{lines}");
    let reasons = rows(&stage, "reason");
    assert_eq!(reasons[0], [text("stream_incomplete")]);
}

#[test]
fn the_setting_keeps_details_out_but_not_reasons() {
    let stage = Stage::with_ledger(&document(Settings {
        log_error_details: false,
        ..Settings::default()
    }));
    fails(&stage, 500, "the server is restarting");
    stage.chat(CHAT);
    stage.chat("{");
    assert_eq!(
        rows(&stage, "reason, detail").len(),
        rows(&stage, "reason, detail")
            .iter()
            .filter(|row| row[0].text().is_some() && row[1].text().is_none())
            .count()
    );
    let all = format!("{:?}", rows(&stage, "*"));
    assert!(!all.contains("restarting"), "{all}");
}

#[test]
fn a_limit_is_recorded_with_its_figures() {
    let mut document = document(Settings::default());
    document.keys[0].limits = KeyLimits {
        requests_per_minute: Some(2),
        ..KeyLimits::default()
    };
    let stage = Stage::with_ledger(&document);
    stage.upstream(|_| FakeReply::json(200, ANSWER));
    let path = "/openai/deployments/m/chat/completions";
    for _ in 0..2 {
        assert_eq!(stage.send(post(path, CHAT)).status, 200);
    }
    assert_eq!(stage.send(post(path, CHAT)).status, 429);
    let row = rows(&stage, "reason, model, exceeded, detail")
        .pop()
        .unwrap();
    assert_eq!(row[0], text("rate_limit_requests"));
    assert_eq!(row[1], text("m"), "the path names it");
    let exceeded: Value = serde_json::from_str(row[2].text().unwrap()).unwrap();
    assert_eq!(exceeded[0], "requests_per_minute");
    assert_eq!([&exceeded[1], &exceeded[2]], [&json!(2), &json!(2)]);
    assert!(exceeded[3].as_u64().unwrap() > 0);
    let detail = row[3].text().unwrap();
    assert!(
        detail.contains("limit of 2 requests per minute is used up (2 used)"),
        "{detail}"
    );
}

#[test]
fn the_model_of_a_rejected_body_is_recorded_as_far_as_it_can_be_read() {
    let stage = stage();
    for (body, model) in [
        (r#"{"model":"m","messages":["#, "m"),
        (r#"{"model":"vendor\/big","stream":7}"#, "vendor/big"),
        (
            r#"{"stream":true,"model":"first","model":"second"}"#,
            "first",
        ),
        (r#"{"messages":[{"model":"inner"}],"model":3}"#, ""),
        ("{", ""),
        ("nonsense", ""),
    ] {
        assert_eq!(stage.chat(body).status, 400, "{body}");
        let row = rows(&stage, "model, reason").pop().unwrap();
        assert_eq!(row, [text(model), text("invalid_request")], "{body}");
    }
    let long = "x".repeat(100_000);
    stage.chat(&format!(r#"{{"model":"{long}"}}"#));
    let row = rows(&stage, "model, detail").pop().unwrap();
    assert_eq!(row[0].text().unwrap().len(), 200);
    assert!(row[1].text().unwrap().contains("is longer than"));
}

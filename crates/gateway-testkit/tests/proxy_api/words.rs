//! No word of a prompt or of an answer appears in the log, the health record or the ledger, whatever an upstream
//! answers.

use bytes::Bytes;
use gateway_core::config::model::Settings;
use gateway_core::ports::SendErrorKind;
use gateway_testkit::fakes::FakeReply;

use super::ledger::document;
use super::setup::*;

const PROMPT: &str = "zqx-prompt-words";
const ANSWER: &str = "zqx-answer-words";

fn stream(text: &str) -> FakeReply {
    let pieces = [Bytes::from(text.replace("ANSWER", ANSWER))];
    FakeReply::pieces(200, "text/event-stream", pieces)
}

fn json(status: u16, text: &str) -> FakeReply {
    FakeReply::json(status, text.replace("ANSWER", ANSWER))
}

const CHUNK: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"ANSWER\"}}]}\n\n";

/// Answers of every kind; whole and broken, good and bad.
fn answers() -> Vec<FakeReply> {
    let chunk = |rest: &str| stream(&format!("{CHUNK}{rest}"));
    vec![
        json(
            200,
            r#"{"choices":[{"message":{"content":"ANSWER"},"finish_reason":"stop"}]}"#,
        ),
        json(
            200,
            r#"{"choices":[{"message":{"content":"ANSWER"},"finish_reason":"error"}]}"#,
        ),
        json(
            200,
            r#"{"choices":[{"message":{"content":"ANSWER"},"error":{"code":502}}]}"#,
        ),
        json(
            200,
            r#"{"error":{"code":429},"choices":[{"text":"ANSWER"}]}"#,
        ),
        json(200, r#"{"error":true,"choices":[{"text":"ANSWER"}]}"#),
        json(200, r#"{"choices":[],"note":"ANSWER"}"#),
        json(
            200,
            r#"{"object":"response","status":"failed","output":[{"content":[{"text":"ANSWER"}]}]}"#,
        ),
        json(200, r#"{"choices":[{"message":{"content":"ANSWER"#),
        json(200, "<html>ANSWER</html>"),
        json(500, r#"{"choices":[{"message":{"content":"ANSWER"}}]}"#),
        json(429, r#"{"choices":[{"message":{"content":"ANSWER"}}]}"#),
        json(401, r#"{"output":"ANSWER"}"#),
        json(404, r#"["ANSWER"]"#),
        json(
            400,
            r#"{"detail":[{"loc":["body","messages"],"input":"ANSWER"}]}"#,
        ),
        json(503, r#"{"choices":[{"message":{"content":"ANSWER"#),
        json(502, &CHUNK.repeat(2)),
        chunk(
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        ),
        chunk(
            "data: {\"choices\":[{\"delta\":{\"content\":\"ANSWER\"},\"finish_reason\":\"error\"}]}\n\n",
        ),
        chunk("event: error\ndata: {\"choices\":[{\"text\":\"ANSWER\"}]}\n\n"),
        chunk("data: {\"error\":{\"code\":500,\"metadata\":{\"half\":\"ANSWER\"}}}\n\n"),
        chunk("data: {\"choices\":[{\"delta\":{\"content\":\"ANSWER"),
        chunk(""),
        chunk("").broken_by(SendErrorKind::Reset),
        chunk("").broken_by(SendErrorKind::Timeout),
        stream(
            "data: {\"choices\":[{\"delta\":{\"content\":\"ANSWER\"},\"finish_reason\":\"error\"}]}\n\n",
        ),
        stream(
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"output\":[{\"text\":\"ANSWER\"}]}}\n\n",
        ),
        FakeReply::pieces(200, "text/plain", [Bytes::from(ANSWER)]).broken_by(SendErrorKind::Reset),
        FakeReply::failure(SendErrorKind::Connect),
    ]
}

#[test]
fn no_word_of_a_prompt_or_an_answer_is_kept() {
    let paths = [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/embeddings",
    ];
    for answer in answers() {
        let shown = format!("{answer:?}");
        let stage = Stage::with_ledger(&document(Settings::default()));
        stage.upstream(move |_| answer.clone());
        for path in paths {
            for is_stream in [false, true] {
                let body = format!(
                    r#"{{"model":"m","stream":{is_stream},"messages":[{{"role":"user","content":"{PROMPT}"}}],"input":"{PROMPT}"}}"#
                );
                stage.send(post(path, &body));
                stage.ports.run_background();
            }
        }
        let ledger = stage.ports.database();
        let kept = [
            stage.ports.log_lines().join("\n"),
            stage.ports.store().dump(),
            format!("{:?}", ledger.statements()),
            format!("{:?}", ledger.rows("SELECT * FROM request")),
        ];
        assert!(kept.iter().all(|kept| kept.len() > 20), "{shown}");
        for kept in kept {
            for words in [PROMPT, ANSWER] {
                assert!(!kept.contains(words), "{shown}: {kept}");
            }
        }
    }
}

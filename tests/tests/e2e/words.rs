//! No word of a prompt or of an answer appears in the log, the status, the ledger or the metrics, whatever an upstream
//! answers.

use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Reply, Stage};
use serde_json::json;

use crate::Outcome;

const PROMPT: &str = "zqx-prompt-words";
const ANSWER: &str = "zqx-answer-words";

fn answers() -> Vec<Action> {
    let json = |status: u16, text: &str| {
        Action::raw(status, "application/json", text.replace("ANSWER", ANSWER))
    };
    let sse = |text: &str| Action::sse([Chunk::new(text.replace("ANSWER", ANSWER))]);
    let chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"ANSWER\"}}]}\n\n";
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
            r#"{"error":{"code":429},"choices":[{"text":"ANSWER"}]}"#,
        ),
        json(200, r#"{"choices":[],"note":"ANSWER"}"#),
        json(500, r#"{"choices":[{"message":{"content":"ANSWER"}}]}"#),
        json(429, r#"{"choices":[{"message":{"content":"ANSWER"#),
        json(400, r#"{"detail":[{"loc":["body"],"input":"ANSWER"}]}"#),
        json(401, r#"["ANSWER"]"#),
        sse(&format!("{chunk}data: [DONE]\n\n")),
        sse(chunk),
        sse(chunk).then(End::Reset),
        sse(
            "data: {\"choices\":[{\"delta\":{\"content\":\"ANSWER\"},\"finish_reason\":\"error\"}]}\n\n",
        ),
        sse(&format!(
            "{chunk}event: error\ndata: {{\"choices\":[{{\"text\":\"ANSWER\"}}]}}\n\n"
        )),
        Action::raw(200, "text/plain", ANSWER).then(End::Reset),
    ]
}

#[tokio::test]
async fn no_word_of_a_prompt_or_an_answer_is_kept() -> Outcome {
    let stage = Stage::start().await?;
    let answers = answers();
    for (number, action) in answers.iter().enumerate() {
        let name = format!("m{number}");
        let channel = json!({"keys": [name], "models": [name]});
        stage.channel(&name, &channel).await?;
        stage.upstream.rule(Rule::always(action.clone()).key(&name));
    }
    for number in 0..answers.len() {
        for is_stream in [false, true] {
            let body = json!({"model": format!("m{number}"), "stream": is_stream,
                "messages": [{"role": "user", "content": PROMPT}]});
            // Some break off.
            let request = stage.request("/v1/chat/completions").body(body.to_string());
            let _ = Reply::of(request).await;
        }
    }
    // Records are written after the responses.
    gateway_tests::eventually(
        gateway_tests::IN_FORCE * 4,
        "all requests are recorded",
        async || {
            let rows = stage.admin.get("/requests?limit=100").await?;
            Ok(rows["data"].as_array().map_or(0, Vec::len) >= 2 * answers.len())
        },
    )
    .await?;
    let metrics = stage
        .http
        .get(stage.gateway.url("/metrics"))
        .bearer_auth(stage.admin.token());
    let metrics = Reply::of(metrics).await?;
    assert_eq!(metrics.status, 200);
    let kept = [
        ("status", stage.admin.get("/status").await?.to_string()),
        (
            "requests",
            stage.admin.get("/requests?limit=100").await?.to_string(),
        ),
        ("usage", stage.admin.get("/usage").await?.to_string()),
        ("metrics", metrics.text()),
        ("log", stage.gateway.log()),
    ];
    for (name, text) in kept {
        assert!(text.contains("m1"), "{name} says something: {text}");
        for words in [PROMPT, ANSWER] {
            assert!(!text.contains(words), "{name}: {text}");
        }
    }
    Ok(())
}

//! One request of each kind, and the row that it leaves.

use futures_util::StreamExt as _;
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Stage, store};
use serde_json::{Value, json};

use super::until_written;
use crate::Outcome;

/// What matters of a row, as text: how it ended, status, tokens, whether they are estimated, and the attempts' outcomes.
fn story(stage: &Stage, id: &str) -> anyhow::Result<String> {
    let select = "SELECT ended || ' ' || status || ' ' || stream || ' ' || prompt_tokens || '+' || completion_tokens \
        || iif(estimated, '~', ''), attempts, first_byte_ms IS NOT NULL, channel FROM request WHERE id = ?1";
    let (text, attempts, has_first_byte, channel) = store::ledger(stage.gateway.state())?
        .query_row(select, [id], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, Option<String>>(3)?,
            ))
        })?;
    let attempts: Vec<Value> = serde_json::from_str(&attempts)?;
    let outcomes: Vec<&str> = attempts
        .iter()
        .filter_map(|attempt| attempt[0].as_str())
        .collect();
    assert_eq!(
        has_first_byte,
        outcomes.contains(&"answered"),
        "{id}: {attempts:?}"
    );
    assert_eq!(channel.is_some(), !attempts.is_empty());
    Ok(format!("{text} {}", outcomes.join(",")))
}

fn script(stage: &Stage, model: &str, action: Action) {
    stage.upstream.rule(Rule::always(action).model(model));
}

#[tokio::test]
async fn every_kind_of_request_leaves_its_row() -> Outcome {
    let stage = Stage::start().await?;
    let models = json!(["m", "400", "500", "dies", "quiet", "silent"]);
    stage
        .channel("a", &json!({"keys": ["a1", "a2"], "models": models}))
        .await?;
    let event = |text: &str| {
        Chunk::new(format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
        ))
    };
    script(&stage, "400", Action::error(400, "bad", "bad request"));
    script(&stage, "500", Action::error(500, "down", "down"));
    let dies = Action::sse([event("twelve bytes")]).then(End::Close);
    script(&stage, "dies", dies);
    // An answer whose upstream never says what it took.
    let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let quiet = Action::sse([event("sixteen bytes ..."), Chunk::new(finish)]);
    script(&stage, "quiet", quiet);
    let silent =
        json!({"choices": [{"message": {"content": "eight by"}, "finish_reason": "stop"}]});
    script(&stage, "silent", Action::json(200, &silent));

    // The body of a chat with these models is 62 + its model's length; a quarter of it is the prompt's estimate.
    let rows = [
        ("m", false, "complete 200 0 9+5 answered"),
        ("m", true, "complete 200 1 9+5 answered"),
        ("400", false, "refused 400 0 0+0 request_refused"),
        (
            "500",
            false,
            "upstream_broke 502 0 0+0 server_error,server_error",
        ),
        ("dies", true, "upstream_broke 200 1 P+3~ answered"),
        ("quiet", true, "complete 200 1 P+5~ answered"),
        ("silent", false, "complete 200 0 P+2~ answered"),
        ("nobody", false, "refused 404 0 0+0 "),
    ];
    let mut ids = Vec::new();
    for (model, stream, expected) in rows {
        let body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]});
        let reply = stage.post("/v1/chat/completions", &body).await?;
        let id = reply.header("x-request-id").unwrap_or_default().to_owned();
        let prompt = body.to_string().len().div_ceil(4).to_string();
        ids.push((id, expected.replace('P', &prompt)));
    }
    let broken = stage
        .request("/v1/chat/completions")
        .body("{")
        .send()
        .await?;
    assert_eq!(broken.status(), 400);
    let id = broken.headers()["x-request-id"].to_str()?.to_owned();
    ids.push((id, "refused 400 0 0+0 ".to_owned()));
    let wrong_key = stage
        .http
        .post(stage.gateway.url("/v1/chat/completions"))
        .bearer_auth("sk-wrong")
        .body("{}")
        .send()
        .await?;
    assert_eq!(wrong_key.status(), 401, "a stranger leaves no row");
    until_written(&stage.gateway, i64::try_from(ids.len())?).await?;
    for (id, expected) in ids {
        assert_eq!(story(&stage, &id)?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_pays_for_what_it_was_given() -> Outcome {
    let stage = Stage::with_channel().await?;
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"four\"},\"finish_reason\":null}]}\n\n";
    let endless = Action::sse([Chunk::new(event), Chunk::new(event)]).then(End::Hang);
    stage.upstream.rule(Rule::always(endless));
    let response = stage.stream("m").await?;
    let id = response.headers()["x-request-id"].to_str()?.to_owned();
    let mut body = response.bytes_stream();
    let mut got = 0;
    while got < 2 * event.len() {
        got += body
            .next()
            .await
            .map_or(Ok(0), |piece| piece.map(|piece| piece.len()))?;
    }
    drop(body);
    until_written(&stage.gateway, 1).await?;
    let story = story(&stage, &id)?;
    assert!(story.starts_with("client_gone 200 1 "), "{story}");
    assert!(story.ends_with("+2~ answered"), "{story}");
    Ok(())
}

#[tokio::test]
async fn a_hedged_request_takes_the_tokens_of_the_answer_alone() -> Outcome {
    let stage = Stage::start().await?;
    let late = json!({"keys": ["late"], "models": ["m"], "hedge_after_ms": 100});
    let late = stage.channel("late", &late).await?;
    let quick = json!({"keys": ["quick"], "models": ["m"], "priority": 1});
    let quick = stage.channel("quick", &quick).await?;
    stage
        .upstream
        .rule(Rule::always(Action::hang()).key("late"));
    let reply = stage.chat("m").await?;
    assert_eq!(reply.status, 200);
    let usage = reply.json()?["usage"].clone();
    until_written(&stage.gateway, 1).await?;
    let id = reply.header("x-request-id").unwrap_or_default();
    let (prompt, completion) = (&usage["prompt_tokens"], &usage["completion_tokens"]);
    let expected = format!("complete 200 0 {prompt}+{completion} abandoned,answered");
    assert_eq!(story(&stage, id)?, expected);
    let ledger = store::ledger(stage.gateway.state())?;
    let sums = "SELECT channel, requests, failovers, errors FROM usage_hour WHERE hour = -1";
    let sums: (String, i64, i64, i64) = ledger.query_row(sums, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    assert_eq!(
        sums,
        (id_of(&quick), 1, 1, 0),
        "one row of the one that answered"
    );
    let attempts = "SELECT group_concat(channel || word || count) FROM (SELECT * FROM tally_hour \
        WHERE hour = -1 AND kind = 'attempt' ORDER BY word)";
    let attempts: String = ledger.query_row(attempts, [], |row| row.get(0))?;
    let expected = format!("{}abandoned1,{}answered1", id_of(&late), id_of(&quick));
    assert_eq!(attempts, expected);
    Ok(())
}

fn id_of(channel: &Value) -> String {
    channel["id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_ledger_that_is_off_gets_nothing() -> Outcome {
    let stage = Stage::with_channel().await?;
    stage.settings(&json!({"ledger": false})).await?;
    for _ in 0..3 {
        assert_eq!(stage.chat("m").await?.status, 200);
    }
    stage.settings(&json!({"ledger": true})).await?;
    tokio::time::sleep(gateway_tests::IN_FORCE).await;
    assert_eq!(stage.chat("m").await?.status, 200);
    until_written(&stage.gateway, 1).await
}

#[tokio::test]
async fn nothing_that_was_said_and_no_key_is_in_the_database() -> Outcome {
    let stage = Stage::start().await?;
    let secret = "upstream-secret-key";
    stage
        .channel("a", &json!({"keys": [secret], "models": ["m"]}))
        .await?;
    let words = Action::error(500, "down", "upstream-secret-key is over its quota");
    stage.upstream.rule(Rule::always(words).times(1));
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a-spoken-word"}], "user": "a-user"});
    stage.post("/v1/chat/completions", &body).await?;
    stage.post("/v1/chat/completions", &body).await?;
    until_written(&stage.gateway, 2).await?;
    let ledger = store::ledger(stage.gateway.state())?;
    ledger.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let path = ledger.path().unwrap_or_default().to_owned();
    let bytes = std::fs::read(path)?;
    let has = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(has("chat/completions"), "the right file is looked at");
    assert!(has("[redacted] is over its quota"), "the upstream's error");
    for text in [secret, "a-spoken-word", "Hello from", "a-user", &stage.key] {
        assert!(!has(text), "{text:?} is in the database");
    }
    Ok(())
}

//! Many requests of all kinds at once: the ledger's sums are the upstream's own, and every request that was left or
//! broke is in it. `LEDGER_REQUESTS` sets how many; CI makes 2,000, the figures in
//! docs/operate/usage.md come from 100,000.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, stream};
use gateway_testkit::upstream::{Action, Chunk, End, Rule};
use gateway_tests::{Stage, eventually, store};
use rusqlite::Connection;
use serde_json::json;

use super::number;
use crate::Outcome;

/// Requests under way at a time.
const AT_ONCE: usize = 32;
/// Without another wish.
const REQUESTS: u64 = 2_000;

/// The kinds of requests: each has its own model, and a share in percent.
const KINDS: [(&str, u64); 8] = [
    ("chat", 30),
    ("stream", 25),
    ("embed", 10),
    ("leave", 15),
    ("dies", 8),
    ("resets", 5),
    ("throttled", 4),
    ("refused", 3),
];

/// How many requests of a kind ended in a way.
type Tally = BTreeMap<(String, String), i64>;

#[tokio::test]
async fn the_sums_are_the_upstreams_own() -> Outcome {
    let requests = match std::env::var("LEDGER_REQUESTS") {
        Ok(text) => text.parse().context("LEDGER_REQUESTS is a number")?,
        Err(_) => REQUESTS,
    };
    let stage = prepare().await?;
    let outcomes: Vec<Result<(String, String)>> = stream::iter(0..requests)
        .map(|number| one(&stage, number))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut expected = Tally::new();
    for outcome in outcomes {
        *expected.entry(outcome?).or_default() += 1;
    }
    let wanted = i64::try_from(requests)?;
    eventually(
        Duration::from_secs(20),
        "every record is written",
        async || Ok(number(&stage.gateway, "SELECT count(*) FROM request")? >= wanted),
    )
    .await?;

    let ledger = store::ledger(stage.gateway.state())?;
    assert_eq!(
        tally(&ledger)?,
        expected,
        "what clients saw is what is kept"
    );
    compare_with_the_upstream(&stage, &ledger)?;
    compare_sums_with_rows(&ledger)
}

/// Two channels whose upstream misbehaves by the model's name.
async fn prepare() -> Result<Stage> {
    let stage = Stage::start().await?;
    // The cooldowns' own tests cover channels that break; here every channel has to stay in use, so each kind has its
    // own channels.
    for (kind, _) in KINDS {
        for (name, key, priority) in [("first", "1", 0), ("second", "2", 1)] {
            let members =
                json!({"keys": [format!("{kind}{key}")], "models": [kind], "priority": priority});
            stage.channel(&format!("{kind} {name}"), &members).await?;
        }
    }
    // The maximum number of rows of one query.
    stage
        .settings(&json!({"request_log_rows": 10_000_000}))
        .await?;
    let rule = |key: &str, action| stage.upstream.rule(Rule::always(action).key(key));
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some text\"},\"finish_reason\":null}]}\n\n";
    let slow = || (0..200).map(|_| Chunk::after(Duration::from_millis(20), event));
    rule("leave1", Action::sse(slow()));
    rule("leave2", Action::sse(slow()));
    let dies = || Action::sse([Chunk::new(event), Chunk::new(event)]).then(End::Close);
    rule("dies1", dies());
    rule("dies2", dies());
    rule("resets1", Action::reset());
    let throttled = Action::error(429, "rate_limit_exceeded", "slow down");
    rule("throttled1", throttled.header("retry-after", "1"));
    rule("refused1", Action::error(400, "bad", "no"));
    rule("refused2", Action::error(400, "bad", "no"));
    Ok(stage)
}

/// One request of the kind that `number` selects: its kind, and how it must end.
async fn one(stage: &Stage, number: u64) -> Result<(String, String)> {
    let kind = kind(number);
    let is_stream = matches!(kind, "stream" | "leave" | "dies");
    let (path, body) = match kind {
        "embed" => ("/v1/embeddings", json!({"model": kind, "input": "x"})),
        _ => (
            "/v1/chat/completions",
            json!({"model": kind, "stream": is_stream, "messages": []}),
        ),
    };
    let response = stage.request(path).body(body.to_string()).send().await?;
    let status = response.status().as_u16();
    let mut pieces = response.bytes_stream();
    // Some leave after the first piece, some later.
    let patience = if kind == "leave" {
        usize::try_from(1 + number % 4)?
    } else {
        usize::MAX
    };
    let mut text = Vec::new();
    let mut taken = 0;
    while taken < patience
        && let Some(piece) = pieces.next().await
    {
        text.extend_from_slice(&piece?);
        taken += 1;
    }
    let text = String::from_utf8_lossy(&text);
    let end = match kind {
        "leave" => "client_gone",
        "dies" if text.contains("stream_incomplete") => "upstream_broke",
        "refused" if status == 400 => "refused",
        _ if status == 200 => "complete",
        // The channel behind broke too often just now: its cooldown is a reason to reject as well.
        _ => anyhow::bail!("{kind}: {status} {text}"),
    };
    Ok((kind.to_owned(), end.to_owned()))
}

/// Spread evenly, in an order that repeats nothing for long.
fn kind(number: u64) -> &'static str {
    let mut place = number.wrapping_mul(61) % 100;
    for (kind, share) in KINDS {
        if place < share {
            return kind;
        }
        place -= share;
    }
    KINDS[0].0
}

fn tally(ledger: &Connection) -> Result<Tally> {
    let mut select =
        ledger.prepare("SELECT model, ended, count(*) FROM request GROUP BY model, ended")?;
    let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Attempts are the requests that the upstream counted, key by key; tokens of whole answers are those that it stated.
fn compare_with_the_upstream(stage: &Stage, ledger: &Connection) -> Outcome {
    let mut calls: BTreeMap<String, i64> = BTreeMap::new();
    let mut whole = BTreeMap::from([("chat", 0), ("stream", 0), ("embed", 0)]);
    let records = stage.upstream.records();
    for record in &records {
        let model = record.model.clone().unwrap_or_default();
        *calls.entry(model).or_default() += 1;
        let model = record.model.as_deref().unwrap_or_default();
        if let Some(count) = whole.get_mut(model)
            && record.ended_at_us.is_some()
        {
            *count += 1;
        }
    }
    let mut select = ledger.prepare(
        "SELECT model, sum(json_array_length(attempts)), sum(iif(ended = 'complete', prompt_tokens, 0)), \
         sum(iif(ended = 'complete', completion_tokens, 0)) FROM request GROUP BY model",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let model: String = row.get(0)?;
        let attempts: i64 = row.get(1)?;
        if model == "resets" {
            // A kept connection that is reset is called once more within the same attempt.
            assert!(
                (attempts..=2 * attempts).contains(&calls[&model]),
                "{model}: {attempts} attempts"
            );
        } else {
            assert_eq!(attempts, calls[&model], "attempts for {model}");
        }
        if let Some(count) = whole.get(model.as_str()) {
            let (prompt, completion) = if model == "embed" { (5, 0) } else { (9, 5) };
            assert_eq!(row.get::<_, i64>(2)?, count * prompt, "{model}");
            assert_eq!(row.get::<_, i64>(3)?, count * completion, "{model}");
        }
    }
    println!("{} calls at the upstream", records.len());
    let unpaid = "SELECT count(*) FROM request WHERE ended IN ('client_gone', 'upstream_broke') \
        AND (completion_tokens = 0 OR NOT estimated)";
    assert_eq!(ledger.query_row(unpaid, [], |row| row.get::<_, i64>(0))?, 0);
    Ok(())
}

/// The sums by hour are the rows', figure by figure.
fn compare_sums_with_rows(ledger: &Connection) -> Outcome {
    let figures = [
        ("count(*)", "sum(requests)"),
        ("sum(ended IN ('upstream_broke', 'refused'))", "sum(errors)"),
        ("sum(estimated)", "sum(estimated)"),
        ("sum(prompt_tokens)", "sum(prompt_tokens)"),
        ("sum(completion_tokens)", "sum(completion_tokens)"),
        ("sum(total_ms)", "sum(total_sum_ms)"),
        ("sum(first_byte_ms)", "sum(first_byte_sum_ms)"),
    ];
    for (of_rows, of_sums) in figures {
        let number = |select: String| ledger.query_row(&select, [], |row| row.get::<_, i64>(0));
        let rows = number(format!("SELECT {of_rows} FROM request"))?;
        let sums = number(format!("SELECT {of_sums} FROM usage_hour WHERE hour >= 0"))?;
        assert_eq!(rows, sums, "{of_rows}");
    }
    let attempts = "SELECT (SELECT sum(json_array_length(attempts)) FROM request) \
        - (SELECT sum(count) FROM tally_hour WHERE kind = 'attempt' AND hour >= 0)";
    assert_eq!(
        ledger.query_row(attempts, [], |row| row.get::<_, i64>(0))?,
        0
    );
    Ok(())
}

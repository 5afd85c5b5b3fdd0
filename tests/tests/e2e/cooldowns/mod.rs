//! What failed is left alone until it may work again: end to end, with the upstream's records as the witness.
//!
//! The suite also runs with instances that live for one request. Those know only what is in the store, where findings
//! arrive a moment after the answer; so tests wait for the record to change before they expect others to know.

mod channels;
mod keys;
mod probes;
mod sharing;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gateway_tests::{IN_FORCE, Reply, Stage, eventually, now_us, store};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Outcome;

/// How near the end of a cooldown nothing is asserted: a request that is under way may arrive after it.
const MARGIN_US: u64 = 150_000;

/// The gateway counts in whole milliseconds, the upstream in microseconds.
const TICK_US: u64 = 1_000;

/// A chat that has to succeed.
async fn chat(stage: &Stage, model: &str) -> Result<Reply> {
    let reply = stage.chat(model).await?;
    ensure!(
        reply.status == 200,
        "{model}: {} {}",
        reply.status,
        reply.text()
    );
    Ok(reply)
}

/// Chats, each of which has to succeed, until the upstream has had `count` requests with `key`.
async fn chat_until_called(
    stage: &Stage,
    model: &str,
    key: &str,
    count: usize,
    limit: Duration,
) -> Outcome {
    let what = format!("request {count} with the key {key}");
    eventually(limit, &what, async || {
        chat(stage, model).await?;
        Ok(calls(stage, key) >= count)
    })
    .await
}

/// How many requests the upstream had with `key`.
fn calls(stage: &Stage, key: &str) -> usize {
    stage.upstream.records_of(key).len()
}

/// When the upstream had a request with `key`, counted from 0, in microseconds since the Unix epoch.
fn called_at(stage: &Stage, key: &str, number: usize) -> Result<u64> {
    let records = stage.upstream.records_of(key);
    let record = records
        .get(number)
        .with_context(|| format!("no request {number} with {key}"))?;
    Ok(record.at_us)
}

/// Chats until shortly before `until_us`; all succeed, and none is made with `key`. Gives how many there were.
async fn assert_left_alone(stage: &Stage, model: &str, key: &str, until_us: u64) -> Result<u32> {
    let before = calls(stage, key);
    let mut chats = 0;
    while now_us() + MARGIN_US < until_us {
        let reply = chat(stage, model).await?;
        assert_eq!(
            calls(stage, key),
            before,
            "{key} was called {} ms before its time",
            until_us.saturating_sub(now_us()) / 1_000
        );
        assert_eq!(reply.header("x-gateway-attempts"), Some("1"), "{model}");
        chats += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(chats)
}

/// The record of what is known, to be compared.
fn record(stage: &Stage) -> Result<Option<Vec<u8>>> {
    store::value(stage.gateway.state(), store::HEALTH)
}

/// Waits until the record is another one than `before`: from then on every new instance knows.
async fn until_recorded(stage: &Stage, before: Option<&[u8]>) -> Outcome {
    eventually(IN_FORCE, "what was learned is in the store", async || {
        Ok(record(stage)?.as_deref() != before)
    })
    .await
}

/// One of a channel's keys as an admin sees it: its status, and until when in microseconds since the Unix epoch.
async fn seen_by_admin(
    stage: &Stage,
    channel: &Value,
    number: usize,
) -> Result<(String, Option<u64>)> {
    let id = channel["id"].as_str().context("an id")?;
    let seen = stage.admin.get(&format!("/channels/{id}")).await?;
    let key = &seen["keys"][number];
    let status = key["status"].as_str().context("a status")?.to_owned();
    let until = key["until"].as_str().map(|text| -> Result<u64> {
        let time = OffsetDateTime::parse(text, &Rfc3339).with_context(|| text.to_owned())?;
        Ok(u64::try_from(time.unix_timestamp_nanos() / 1_000)?)
    });
    Ok((status, until.transpose()?))
}

/// Waits until an admin sees one of the keys in a status; gives until when, in microseconds since the Unix epoch.
async fn until_seen(
    stage: &Stage,
    channel: &Value,
    number: usize,
    status: &str,
) -> Result<Option<u64>> {
    let what = format!("key {number} is {status}");
    eventually(IN_FORCE, &what, async || {
        Ok(seen_by_admin(stage, channel, number).await?.0 == status)
    })
    .await?;
    Ok(seen_by_admin(stage, channel, number).await?.1)
}

/// A channel with one key that is called first, and one behind it that works. Keys, channels and the model have names
/// after `name`: `{name}-first` and `{name}-spare`.
async fn first_and_spare(stage: &Stage, name: &str, members: &Value) -> Outcome {
    let mut first = json!({"keys": [format!("{name}-first")], "models": [name]});
    for (member, value) in members.as_object().into_iter().flatten() {
        first[member] = value.clone();
    }
    stage.channel(&format!("{name}-first"), &first).await?;
    let spare =
        json!({"keys": [format!("{name}-spare")], "models": first["models"], "priority": 1});
    stage.channel(&format!("{name}-spare"), &spare).await?;
    Ok(())
}

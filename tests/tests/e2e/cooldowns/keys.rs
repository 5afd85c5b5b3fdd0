//! Keys that are over their limit or rejected.

use std::time::{Duration, SystemTime};

use futures_util::future::{try_join, try_join_all};
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{IN_FORCE, Stage, eventually, now_us};
use serde_json::{Value, json};

use super::{
    TICK_US, assert_left_alone, called_at, calls, chat, chat_until_called, first_and_spare,
    seen_by_admin, until_seen,
};
use crate::Outcome;

const SECOND_US: u64 = 1_000_000;

fn throttled() -> Action {
    Action::error(429, "rate_limit_exceeded", "slow down")
}

/// Two keys, of which the first is over its limit once.
async fn throttled_once(stage: &Stage, model: &str, action: Action) -> anyhow::Result<Value> {
    let (bad, good) = (format!("{model}-bad"), format!("{model}-good"));
    stage.upstream.rule(Rule::always(action).key(&bad).times(1));
    let members = json!({"keys": [bad, good], "models": [model]});
    stage.channel(model, &members).await
}

#[tokio::test]
async fn a_throttled_key_is_left_alone_exactly_as_long_as_its_upstream_says() -> Outcome {
    let rows = [
        (
            "seconds",
            throttled().header("retry-after", "2"),
            Some(2_000),
        ),
        (
            "float",
            throttled().header("retry-after", "1.75"),
            Some(1_750),
        ),
        // Milliseconds are the more exact of the two.
        (
            "milliseconds",
            throttled()
                .header("retry-after", "60")
                .header("retry-after-ms", "1600"),
            Some(1_600),
        ),
        // Nothing is said: the gateway's own guess.
        ("nothing", throttled(), None),
    ];
    try_join_all(rows.map(|(model, action, wait_ms)| left_alone(model, action, wait_ms))).await?;
    Ok(())
}

/// On a separate gateway, so that its requests come one by one, at one instance.
async fn left_alone(model: &str, action: Action, stated_ms: Option<u64>) -> Outcome {
    let stage = Stage::start().await?;
    let channel = throttled_once(&stage, model, action).await?;
    let bad = format!("{model}-bad");
    chat_until_called(&stage, model, &bad, 1, Duration::from_secs(5)).await?;
    let called = called_at(&stage, &bad, 0)?;
    let until = until_seen(&stage, &channel, 0, "cooling")
        .await?
        .unwrap_or_default();
    let wait_us = stated_ms.unwrap_or(5_000) * 1_000;
    // The upstream answers within moments of the call.
    assert!(
        (called + wait_us - TICK_US..called + wait_us + SECOND_US / 2).contains(&until),
        "{model}: {} µs after the call",
        until.saturating_sub(called)
    );
    let end = called + stated_ms.map_or(SECOND_US, |_| wait_us);
    let chats = assert_left_alone(&stage, model, &bad, end).await?;
    assert!(chats > 10, "{model}: {chats} chats went by");
    if stated_ms.is_some() {
        chat_until_called(&stage, model, &bad, 2, Duration::from_secs(3)).await?;
        assert!(
            called_at(&stage, &bad, 1)? + TICK_US >= called + wait_us,
            "{model}: not before its time"
        );
        assert_eq!(
            until_seen(&stage, &channel, 0, "ok").await?,
            None,
            "{model}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_date_to_come_back_at_is_heeded() -> Outcome {
    let stage = Stage::start().await?;
    let bad = "date-bad";
    // A date has whole seconds, so that this one is between two and three seconds away.
    let date = SystemTime::now() + Duration::from_secs(3);
    let date_us = date.duration_since(SystemTime::UNIX_EPOCH)?.as_secs() * SECOND_US;
    let action = throttled().header("retry-after", &httpdate::fmt_http_date(date));
    let channel = throttled_once(&stage, "date", action).await?;
    chat_until_called(&stage, "date", bad, 1, Duration::from_secs(1)).await?;
    let until = until_seen(&stage, &channel, 0, "cooling")
        .await?
        .unwrap_or_default();
    assert!(
        until.abs_diff(date_us) < SECOND_US / 20,
        "{until} is not {date_us}"
    );
    assert_left_alone(&stage, "date", bad, date_us).await?;
    chat_until_called(&stage, "date", bad, 2, Duration::from_secs(3)).await?;
    assert!(called_at(&stage, bad, 1)? + SECOND_US / 20 >= date_us);
    Ok(())
}

#[tokio::test]
async fn later_signals_extend_a_wait_and_never_shorten_it() -> Outcome {
    let stage = Stage::start().await?;
    let after = |seconds: &str| throttled().header("retry-after", seconds);
    let (pause, longer) = (Duration::from_millis(500), Duration::from_millis(900));
    // The second of two requests that are under way together is answered a moment later than the first.
    let rows = [
        ("long-first", "5", "1", 5_500),
        ("long-last", "1", "5", 5_900),
    ];
    for (model, first, second, _) in rows {
        first_and_spare(&stage, model, &json!({})).await?;
        let key = format!("{model}-first");
        let once = |action: Action| Rule::always(action).key(&key).times(1);
        stage.upstream.rule(once(after(first).after(pause)));
        stage.upstream.rule(once(after(second).after(longer)));
    }
    let checks = rows.map(async |(model, _, _, until_ms)| {
        let key = format!("{model}-first");
        try_join(chat(&stage, model), chat(&stage, model)).await?;
        assert_eq!(
            calls(&stage, &key),
            2,
            "{model}: both were under way before the first answer"
        );
        let until = called_at(&stage, &key, 0)? + until_ms * 1_000;
        // Nothing is recorded any more from here on, so that the records are complete.
        let seen = stage.admin.get("/channels").await?;
        let channel = seen["data"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|channel| channel["name"] == key);
        let channel = channel.cloned().unwrap_or_default();
        eventually(
            IN_FORCE,
            &format!("{model}: both signals count"),
            async || {
                let (status, end) = seen_by_admin(&stage, &channel, 0).await?;
                Ok(status == "cooling" && end.is_some_and(|end| end + TICK_US >= until))
            },
        )
        .await?;
        // Two requests at once may be two instances, which know of each other only after a while.
        tokio::time::sleep(IN_FORCE).await;
        assert_left_alone(&stage, model, &key, until).await?;
        chat_until_called(&stage, model, &key, 3, Duration::from_secs(3)).await?;
        assert!(called_at(&stage, &key, 2)? + TICK_US >= until, "{model}");
        anyhow::Ok(())
    });
    try_join_all(checks).await?;
    Ok(())
}

#[tokio::test]
async fn a_refused_key_is_left_alone_until_an_admin_touches_its_channel() -> Outcome {
    let stage = Stage::start().await?;
    let mut channels = Vec::new();
    for status in [401, 402, 403] {
        let action = Action::error(status, "no", "no");
        channels.push(throttled_once(&stage, &format!("s{status}"), action).await?);
    }
    for (channel, status) in channels.iter().zip([401, 402, 403]) {
        let (model, bad) = (format!("s{status}"), format!("s{status}-bad"));
        chat_until_called(&stage, &model, &bad, 1, Duration::from_secs(5)).await?;
        let until = until_seen(&stage, channel, 0, "rejected")
            .await?
            .unwrap_or_default();
        let wait = until.saturating_sub(called_at(&stage, &bad, 0)?);
        assert!(
            (30 * SECOND_US - TICK_US..31 * SECOND_US).contains(&wait),
            "{status}: {wait} µs"
        );
        assert_left_alone(&stage, &model, &bad, now_us() + SECOND_US / 2).await?;
        assert_eq!(
            seen_by_admin(&stage, channel, 1).await?,
            ("ok".to_owned(), None)
        );

        let path = format!("/channels/{}", channel["id"].as_str().unwrap_or_default());
        let touched = stage.admin.patch(&path, &json!({"name": model})).await?;
        assert_eq!(touched["keys"][0]["status"], "ok", "{status}: {touched}");
        chat_until_called(&stage, &model, &bad, 2, IN_FORCE).await?;
        assert_eq!(
            seen_by_admin(&stage, channel, 0).await?,
            ("ok".to_owned(), None)
        );
    }
    Ok(())
}

#[tokio::test]
async fn when_every_key_has_to_wait_one_attempt_is_enough_to_say_so() -> Outcome {
    let stage = Stage::start().await?;
    let waits = [("a", "40"), ("b", "20"), ("c", "30")];
    for (key, seconds) in waits {
        stage
            .upstream
            .rule(Rule::always(throttled().header("retry-after", seconds)).key(key));
    }
    let channel = stage
        .channel("two", &json!({"keys": ["a", "b"], "models": ["m"]}))
        .await?;
    let other = json!({"keys": ["c"], "models": ["m"], "priority": 1});
    let other = stage.channel("one", &other).await?;

    let reply = stage.chat("m").await?;
    assert_eq!(
        reply.failure()?,
        (429, "rate_limit_exceeded".to_owned()),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("x-gateway-attempts"), Some("3"));
    assert_eq!(reply.header("retry-after"), Some("20"));
    until_seen(&stage, &channel, 0, "cooling").await?;
    until_seen(&stage, &channel, 1, "cooling").await?;
    until_seen(&stage, &other, 0, "cooling").await?;
    for number in 1..=10 {
        let reply = stage.chat("m").await?;
        assert_eq!(
            reply.failure()?,
            (429, "rate_limit_exceeded".to_owned()),
            "{}",
            reply.text()
        );
        assert_eq!(
            reply.header("x-gateway-attempts"),
            Some("1"),
            "{}",
            reply.text()
        );
        let wait: u64 = reply.header("retry-after").unwrap_or_default().parse()?;
        assert!((15..=20).contains(&wait), "the shortest wait: {wait}");
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        // The one that ends first is called, so that no request waits for a limit that was lifted early.
        assert_eq!(calls(&stage, "b"), 1 + number);
        assert_eq!((calls(&stage, "a"), calls(&stage, "c")), (1, 1));
    }
    Ok(())
}

#[tokio::test]
async fn the_keys_that_are_left_are_used_evenly() -> Outcome {
    let stage = Stage::start().await?;
    let keys = ["out", "a", "b", "c"];
    let channel = stage
        .channel("four", &json!({"keys": keys, "models": ["m"]}))
        .await?;
    stage
        .upstream
        .rule(Rule::always(throttled().header("retry-after", "600")).key("out"));
    chat_until_called(&stage, "m", "out", 1, Duration::from_secs(5)).await?;
    until_seen(&stage, &channel, 0, "cooling").await?;
    let before = ["a", "b", "c"].map(|key| calls(&stage, key));
    for _ in 0..300 {
        chat(&stage, "m").await?;
    }
    assert_eq!(calls(&stage, "out"), 1);
    // Six standard deviations of 300 draws with a chance of one third.
    for (key, before) in ["a", "b", "c"].iter().zip(before) {
        let share = calls(&stage, key) - before;
        assert!((51..=149).contains(&share), "{key}: {share} of 300");
    }
    Ok(())
}

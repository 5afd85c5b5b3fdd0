//! Session affinity: requests of one session stay with one channel and one key, so that the provider's prompt cache
//! stays warm.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use gateway_testkit::upstream::{Action, Rule};
use gateway_tests::{IN_FORCE, Reply, Stage, eventually};
use serde_json::{Value, json};

use crate::Outcome;

const CHANNELS: [&str; 3] = ["alpha", "beta", "gamma"];
const SESSIONS: usize = 90;

/// Three channels alike with two keys each, and one of weight 0.
async fn stage(affinity: bool) -> Result<Stage> {
    let stage = Stage::start().await?;
    for name in CHANNELS {
        let keys = [format!("{name}-0"), format!("{name}-1")];
        stage
            .channel(name, &json!({"keys": keys, "models": ["m"]}))
            .await?;
    }
    let last = json!({"keys": ["last"], "models": ["m"], "weight": 0});
    stage.channel("last", &last).await?;
    if !affinity {
        stage.settings(&json!({"session_affinity": false})).await?;
    }
    Ok(stage)
}

/// Who answers: the channel's and the key's name.
async fn who(stage: &Stage, headers: &[(&str, &str)], members: &Value) -> Result<(String, String)> {
    let mut body = json!({"model": "m", "messages": []});
    for (member, value) in members.as_object().into_iter().flatten() {
        body[member] = value.clone();
    }
    let mut request = stage.request("/v1/chat/completions").body(body.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let reply = Reply::of(request).await?;
    anyhow::ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
    let channel = reply
        .header("x-gateway-channel")
        .context("a channel")?
        .to_owned();
    let records = stage.upstream.records();
    let record = records.last().context("a record")?;
    Ok((channel, record.key.clone().unwrap_or_default()))
}

/// Which channel each of many sessions has.
async fn places(stage: &Stage) -> Result<BTreeMap<usize, String>> {
    let mut places = BTreeMap::new();
    for session in 0..SESSIONS {
        let name = format!("session-{session}");
        let (channel, _) = who(stage, &[("x-session-id", &name)], &json!({})).await?;
        places.insert(session, channel);
    }
    Ok(places)
}

#[tokio::test]
async fn a_session_stays_with_its_channel_and_key() -> Outcome {
    let stage = stage(true).await?;
    for session in ["one", "two", "three"] {
        // However the client names it.
        let hints: [(&[(&str, &str)], Value); 4] = [
            (&[("x-session-id", session)], json!({})),
            (&[("x-session-affinity", session)], json!({})),
            (&[], json!({"prompt_cache_key": session})),
            (&[], json!({"user": session})),
        ];
        for (headers, members) in hints {
            let mut seen = BTreeSet::new();
            for _ in 0..20 {
                seen.insert(who(&stage, headers, &members).await?);
            }
            assert_eq!(seen.len(), 1, "{headers:?} {members}: {seen:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_more_specific_name_of_a_session_counts() -> Outcome {
    let stage = stage(true).await?;
    let mut seen = [const { BTreeSet::new() }; 4];
    for number in 0..20 {
        let other = format!("other-{number}");
        let user = json!({"user": other});
        let key = json!({"prompt_cache_key": "fixed", "user": other});
        let both = json!({"prompt_cache_key": other, "user": other});
        let rows: [(&[(&str, &str)], &Value); 4] = [
            (
                &[("x-session-id", "fixed"), ("x-session-affinity", &other)],
                &both,
            ),
            (&[("x-session-affinity", "fixed")], &both),
            (&[], &key),
            // What is empty or no text names nothing.
            (
                &[("x-session-id", "")],
                &json!({"prompt_cache_key": 7, "user": "fixed"}),
            ),
        ];
        for ((headers, members), seen) in rows.into_iter().zip(&mut seen) {
            seen.insert(who(&stage, headers, members).await?);
        }
        who(&stage, &[], &user).await?;
    }
    for (row, seen) in seen.iter().enumerate() {
        assert_eq!(seen.len(), 1, "row {row}: {seen:?}");
    }
    Ok(())
}

#[tokio::test]
async fn sessions_spread_and_move_only_with_their_channel() -> Outcome {
    let stage = stage(true).await?;
    let before = places(&stage).await?;
    // Six standard deviations of 90 draws with a chance of one third.
    for name in CHANNELS {
        let share = before.values().filter(|channel| **channel == name).count();
        assert!((4..=56).contains(&share), "{name}: {share} of {SESSIONS}");
    }
    assert!(
        before.values().all(|channel| channel != "last"),
        "weight 0 is for when nothing is left"
    );

    let channels = stage.admin.get("/channels").await?;
    let path = format!(
        "/channels/{}",
        channels["data"][1]["id"].as_str().unwrap_or_default()
    );
    stage.admin.patch(&path, &json!({"enabled": false})).await?;
    eventually(IN_FORCE, "the disabled channel gets nothing", async || {
        Ok(places(&stage)
            .await?
            .values()
            .all(|channel| channel != "beta"))
    })
    .await?;
    for (session, channel) in places(&stage).await? {
        let old = &before[&session];
        assert!(
            old == "beta" || *old == channel,
            "session {session} moved from {old} to {channel}"
        );
        assert_ne!(channel, "last");
    }
    stage.admin.patch(&path, &json!({"enabled": true})).await?;
    eventually(IN_FORCE, "all are back where they were", async || {
        Ok(places(&stage).await? == before)
    })
    .await
}

#[tokio::test]
async fn a_session_leaves_a_channel_that_fails() -> Outcome {
    let stage = stage(true).await?;
    let hint = [("x-session-id", "s")];
    let (home, _) = who(&stage, &hint, &json!({})).await?;
    for number in 0..2 {
        let key = format!("{home}-{number}");
        stage.upstream.rule(Rule::always(Action::reset()).key(&key));
    }
    let mut elsewhere = BTreeSet::new();
    for _ in 0..10 {
        elsewhere.insert(who(&stage, &hint, &json!({})).await?);
    }
    assert_eq!(
        elsewhere.len(),
        1,
        "its second choice is one as well: {elsewhere:?}"
    );
    assert!(elsewhere.iter().all(|(channel, _)| *channel != home));
    Ok(())
}

#[tokio::test]
async fn without_a_hint_or_the_setting_requests_spread() -> Outcome {
    let on = stage(true).await?;
    let off = stage(false).await?;
    let mut seen = [const { BTreeSet::new() }; 2];
    for _ in 0..60 {
        seen[0].insert(who(&on, &[], &json!({})).await?.0);
        seen[1].insert(
            who(&off, &[("x-session-id", "s")], &json!({"user": "s"}))
                .await?
                .0,
        );
    }
    for seen in seen {
        assert_eq!(seen.len(), CHANNELS.len(), "{seen:?}");
    }
    Ok(())
}

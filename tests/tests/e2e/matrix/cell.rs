//! One cell of the matrix: its channels, its request and what is asserted of it. Decides nothing about what is right;
//! that is `expected`'s.

use anyhow::{Context as _, Result};
use gateway_testkit::upstream::Rule;
use gateway_tests::{Reply, Stage};
use serde_json::json;

use super::expected::{self, Answer, Expected, Extent, Shape, Wait};
use super::faults::{FIRST_BYTE_MS, Fault, Place, Places};
use crate::Outcome;

/// A fault in channels of a shape, met by a request that streams or not.
pub struct Cell {
    fault: Fault,
    shape: Shape,
    stream: bool,
    expected: Expected,
}

impl Cell {
    /// The cell.
    pub fn new(fault: Fault, shape: Shape, stream: bool) -> Self {
        let expected = expected::of(fault.row, shape);
        Self {
            fault,
            shape,
            stream,
            expected,
        }
    }

    /// The cell's model; everything else is named after it.
    fn name(&self) -> String {
        format!(
            "{}.{}x{}.{:?}.{}",
            self.fault.name,
            self.shape.channels,
            self.shape.keys,
            self.shape.extent,
            if self.stream { "stream" } else { "whole" },
        )
    }

    fn channel(&self, number: usize) -> String {
        format!("{}.channel-{number}", self.name())
    }

    fn key(&self, channel: usize, number: usize) -> String {
        format!("{}.key-{channel}-{number}", self.name())
    }

    const fn is_bad(&self, channel: usize) -> bool {
        match self.shape.extent {
            Extent::FirstCall => false,
            Extent::FirstChannel => channel == 0,
            Extent::Everyone => true,
        }
    }

    /// Creates the channels and writes the script.
    pub async fn prepare(&self, stage: &Stage, places: &Places) -> Outcome {
        let name = self.name();
        for channel in 0..self.shape.channels {
            let keys: Vec<String> = (0..self.shape.keys)
                .map(|number| self.key(channel, number))
                .collect();
            let mut members = json!({
                "keys": keys, "models": [name], "priority": channel,
                "connect_timeout_ms": FIRST_BYTE_MS, "first_byte_timeout_ms": FIRST_BYTE_MS,
            });
            if self.is_bad(channel) {
                if let Some(place) = self.fault.place() {
                    members["base_url"] = json!(places.base_url(place));
                    // Names and handshakes take the time they take; only this place is about the time itself.
                    if place != Place::Unaccepting {
                        members["connect_timeout_ms"] = json!(20_000);
                    }
                }
                for key in &keys {
                    if let Some(action) = self.fault.action(self.stream) {
                        stage.upstream.rule(Rule::always(action).key(key));
                    }
                }
            }
            stage.channel(&self.channel(channel), &members).await?;
        }
        if self.shape.extent == Extent::FirstCall {
            let action = self.fault.action(self.stream);
            let action = action.context("only what is counted fails once")?;
            stage
                .upstream
                .rule(Rule::always(action).model(&name).times(1));
        }
        Ok(())
    }

    /// Sends the request and asserts everything that the contract says of it.
    pub async fn check(&self, stage: &Stage) -> Outcome {
        let name = self.name();
        let reply = if self.stream {
            stage.whole_stream(&name).await
        } else {
            stage.chat(&name).await
        };
        let reply = reply.with_context(|| name.clone())?;
        self.assert_reply(&reply).with_context(|| name.clone())?;
        self.assert_order(stage).with_context(|| name.clone())
    }

    fn assert_reply(&self, reply: &Reply) -> Outcome {
        let (name, text) = (self.name(), reply.text());
        let attempts = self.expected.len().to_string();
        assert_eq!(
            reply.header("x-gateway-attempts"),
            Some(&*attempts),
            "{name}: {} {text}",
            reply.status
        );
        let answered = reply.header("x-gateway-channel").map(str::to_owned);
        match self.expected.answer {
            Answer::Of(channel) => {
                assert_eq!(reply.status, 200, "{name}: {text}");
                assert_eq!(answered, Some(self.channel(channel)), "{name}");
                self.assert_content(reply)?;
            }
            Answer::Refusal { status, code } => {
                assert_eq!(reply.status, status, "{name}: {text}");
                assert_eq!(answered, Some(self.channel(0)), "{name}");
                let error = reply.error()?;
                if let Some(code) = code {
                    assert_eq!(error["code"], code, "{name}: {text}");
                }
                assert_ne!(error["message"], "", "{name}: {text}");
            }
            Answer::Exhausted { status, code, wait } => {
                assert_eq!(
                    reply.failure()?,
                    (status, code.to_owned()),
                    "{name}: {text}"
                );
                assert_eq!(reply.header("x-should-retry"), Some("false"), "{name}");
                self.assert_wait(reply, wait)?;
                self.assert_story(&reply.message()?);
            }
        }
        Ok(())
    }

    /// An answer is whole, and nothing of the failure before it is in it.
    fn assert_content(&self, reply: &Reply) -> Outcome {
        let (name, text) = (self.name(), reply.text());
        assert!(!text.contains("\"error\""), "{name}: {text}");
        if self.stream {
            assert!(text.ends_with("data: [DONE]\n\n"), "{name}: {text}");
            assert_eq!(text.matches("word0").count(), 1, "{name}: {text}");
        } else {
            let content = &reply.json()?["choices"][0]["message"]["content"];
            assert_eq!(content, "Hello from upstream.", "{name}: {text}");
        }
        Ok(())
    }

    fn assert_wait(&self, reply: &Reply, expected: Wait) -> Outcome {
        let name = self.name();
        let wait = reply.header("retry-after").map(str::parse::<u64>);
        let wait = wait
            .transpose()
            .context("Retry-After is in whole seconds")?;
        match expected {
            Wait::No => assert_eq!(wait, None, "{name}"),
            Wait::Some => assert!(wait.is_some_and(|wait| wait > 0), "{name}: {wait:?}"),
            // The attempts took some time since the shortest wait was named.
            Wait::Stated(seconds) => assert!(
                wait.is_some_and(|wait| (seconds - 2..=seconds).contains(&wait)),
                "{name}: {wait:?}"
            ),
        }
        Ok(())
    }

    /// The message of the last word names each attempt's channel.
    fn assert_story(&self, message: &str) {
        for channel in 0..self.shape.channels {
            assert_eq!(
                message.matches(&self.channel(channel)).count(),
                self.expected.count_of(channel),
                "{}: {message}",
                self.name()
            );
        }
    }

    /// The upstream's own records: which channels were called in which order, and each one's keys in rotation.
    fn assert_order(&self, stage: &Stage) -> Outcome {
        let name = self.name();
        let mut calls = self.calls(stage)?;
        if self.fault.may_look_stale() {
            calls.dedup();
        }
        let is_seen = |channel: &&usize| self.fault.can_be_counted() || !self.is_bad(**channel);
        let ordered: Vec<usize> = self
            .expected
            .ordered
            .iter()
            .filter(is_seen)
            .copied()
            .collect();
        let mut last: Vec<usize> = self.expected.last.iter().filter(is_seen).copied().collect();
        assert_eq!(calls.len(), ordered.len() + last.len(), "{name}: {calls:?}");
        let channels: Vec<usize> = calls.iter().map(|(channel, _)| *channel).collect();
        let (first_called, then_called) = channels.split_at(ordered.len());
        assert_eq!(first_called, ordered, "{name}: {calls:?}");
        let mut then_called = then_called.to_vec();
        then_called.sort_unstable();
        last.sort_unstable();
        assert_eq!(then_called, last, "{name}: {calls:?}");
        for channel in 0..self.shape.channels {
            let keys = calls.iter().filter(|(called, _)| *called == channel);
            let keys: Vec<usize> = keys.map(|(_, key)| *key).collect();
            let Some(start) = keys.first() else { continue };
            let rotation: Vec<usize> = (0..keys.len())
                .map(|place| (start + place) % self.shape.keys)
                .collect();
            assert_eq!(keys, rotation, "{name}: channel {channel}: {calls:?}");
        }
        Ok(())
    }

    /// The channel and key of every call, by the time at which it arrived.
    fn calls(&self, stage: &Stage) -> Result<Vec<(usize, usize)>> {
        let (name, prefix) = (self.name(), format!("{}.key-", self.name()));
        let mut records = stage.upstream.records();
        records.retain(|record| record.model.as_deref() == Some(&*name));
        records.sort_by_key(|record| (record.at_us, record.id));
        let call = |key: Option<&str>| {
            let (channel, key) = key?.strip_prefix(&*prefix)?.split_once('-')?;
            Some((channel.parse().ok()?, key.parse().ok()?))
        };
        records
            .iter()
            .map(|record| {
                call(record.key.as_deref()).with_context(|| format!("a foreign key: {record:?}"))
            })
            .collect()
    }
}

//! Streams that the gateway translates between dialects, beside the same streams passed through. Owns the streams, the
//! pairs of dialects, and their table; it is for the gateway alone, so that all its figures are of one process.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{Connection, post};
use crate::load::milliseconds;
use crate::servers::Target;
use crate::table::median;
use crate::{cpu, setup};

/// Events of a stream. The upstream sends them as fast as it can.
const EVENTS: usize = 400;
/// Streams in a row for one figure of processor time, which the system counts in hundredths of a second.
const IN_A_ROW: usize = 20;

/// A client's dialect at a channel's. The first of a channel is its own dialect: what the others are compared with.
struct Pair {
    name: &'static str,
    path: &'static str,
    model: &'static str,
    end: &'static str,
}

const CHAT_PATH: &str = "/v1/chat/completions";
const MESSAGES_PATH: &str = "/v1/messages";
const RESPONSES_PATH: &str = "/v1/responses";
const CHAT_CHANNEL: &str = "chat-events";
const MESSAGES_CHANNEL: &str = "messages-events";

const PAIRS: [Pair; 6] = [
    Pair {
        name: "chat, passed through",
        path: CHAT_PATH,
        model: CHAT_CHANNEL,
        end: "[DONE]",
    },
    Pair {
        name: "messages from chat",
        path: MESSAGES_PATH,
        model: CHAT_CHANNEL,
        end: "message_stop",
    },
    Pair {
        name: "responses from chat",
        path: RESPONSES_PATH,
        model: CHAT_CHANNEL,
        end: "response.completed",
    },
    Pair {
        name: "messages, passed through",
        path: MESSAGES_PATH,
        model: MESSAGES_CHANNEL,
        end: "message_stop",
    },
    Pair {
        name: "chat from messages",
        path: CHAT_PATH,
        model: MESSAGES_CHANNEL,
        end: "[DONE]",
    },
    Pair {
        name: "responses from messages",
        path: RESPONSES_PATH,
        model: MESSAGES_CHANNEL,
        end: "response.completed",
    },
];

/// The rules of the scripted upstream: one stream in each dialect of a channel.
pub fn rules() -> Vec<Value> {
    let stream = |first: &str, event: &str, last: &str| {
        let mut chunks = vec![json!({ "text": first })];
        chunks.extend(vec![json!({ "text": event }); EVENTS]);
        chunks.push(json!({ "text": last }));
        json!({"headers": [["content-type", "text/event-stream"]], "chunks": chunks, "end": "complete"})
    };
    let chat = |choices: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",{choices}}}\n\n"
        )
    };
    let chat_stream = stream(
        &chat(r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]"#),
        &chat(r#""choices":[{"index":0,"delta":{"content":"some text"},"finish_reason":null}]"#),
        &[
            chat(r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]"#),
            chat(r#""choices":[],"usage":{"prompt_tokens":9,"completion_tokens":800,"total_tokens":809}"#),
            "data: [DONE]\n\n".to_owned(),
        ]
        .concat(),
    );
    let named = |name: &str, members: &str| {
        format!("event: {name}\ndata: {{\"type\":\"{name}\"{members}}}\n\n")
    };
    let messages_stream = stream(
        &[
            named(
                "message_start",
                r#","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}"#,
            ),
            named(
                "content_block_start",
                r#","index":0,"content_block":{"type":"text","text":""}"#,
            ),
        ]
        .concat(),
        &named(
            "content_block_delta",
            r#","index":0,"delta":{"type":"text_delta","text":"some text"}"#,
        ),
        &[
            named("content_block_stop", r#","index":0"#),
            named(
                "message_delta",
                r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":800}"#,
            ),
            named("message_stop", ""),
        ]
        .concat(),
    );
    vec![
        json!({"model": CHAT_CHANNEL, "action": chat_stream}),
        json!({"model": MESSAGES_CHANNEL, "action": messages_stream}),
    ]
}

/// Creates a channel for each stream, with the one dialect that it has.
pub async fn prepare(gateway: &mut Connection, session: &str, upstream: &str) -> Result<()> {
    for (model, dialect) in [(CHAT_CHANNEL, "chat"), (MESSAGES_CHANNEL, "messages")] {
        let channel = json!({
            "name": model,
            "base_url": upstream,
            "keys": [model],
            "models": [model],
            "dialects": [dialect],
        });
        setup::call(gateway, "/admin/api/channels", session, &channel).await?;
    }
    Ok(())
}

/// Everything that was measured, by pair.
#[derive(Default)]
pub struct Translated {
    first_events: [Vec<Duration>; PAIRS.len()],
    /// Seconds of processor time per event.
    events: [Vec<f64>; PAIRS.len()],
}

impl Translated {
    /// The time to the first event of one stream of each pair.
    pub async fn first_events(&mut self, stream: &mut Connection, key: &str) -> Result<()> {
        for (pair, times) in PAIRS.iter().zip(&mut self.first_events) {
            let first = stream.first_piece(pair.request(stream, key)?).await;
            times.push(first.context(pair.name)?);
        }
        Ok(())
    }

    /// The processor time of some streams of each pair; each round begins with another one.
    pub async fn events(&mut self, target: &Target, round: usize) -> Result<()> {
        let mut stream = Connection::open(target.address).await?;
        for turn in 0..PAIRS.len() {
            let which = (turn + round) % PAIRS.len();
            let pair = &PAIRS[which];
            let before = cpu::seconds(target.pid)?;
            for _ in 0..IN_A_ROW {
                let request = pair.request(&stream, &target.key)?;
                let (status, body) = stream.exchange(request).await?;
                let text = String::from_utf8_lossy(&body);
                let is_whole = text
                    .lines()
                    .rev()
                    .take(4)
                    .any(|line| line.contains(pair.end));
                ensure!(
                    status == StatusCode::OK && is_whole,
                    "{} was answered with {status}: {text}",
                    pair.name
                );
            }
            let used = cpu::seconds(target.pid)? - before;
            let events = f64::from(u32::try_from(EVENTS * IN_A_ROW)?);
            self.events[which].push(used / events);
        }
        Ok(())
    }

    /// The Markdown table. What is added is the difference to the same channel passed through.
    pub fn render(&self) -> String {
        let mut text = String::from(
            "| streams of the gateway | first event ms | added ms | CPU µs per event | added µs |\n|---|--:|--:|--:|--:|\n",
        );
        let mut base = (0.0, 0.0);
        for (which, pair) in PAIRS.iter().enumerate() {
            let times = self.first_events[which].iter();
            let first = median(times.copied().map(milliseconds).collect());
            let event = median(self.events[which].clone()) * 1e6;
            let figures = if pair.is_passed_through() {
                base = (first, event);
                format!("| {event:.1} | |")
            } else {
                let added = (first - base.0, event - base.1);
                format!("{:.2} | {event:.1} | {:.1} |", added.0, added.1)
            };
            let _ = writeln!(text, "| {} | {first:.2} | {figures}", pair.name);
        }
        text
    }
}

impl Pair {
    fn is_passed_through(&self) -> bool {
        matches!(
            (self.path, self.model),
            (CHAT_PATH, CHAT_CHANNEL) | (MESSAGES_PATH, MESSAGES_CHANNEL)
        )
    }

    fn request(
        &self,
        stream: &Connection,
        key: &str,
    ) -> Result<http::Request<http_body_util::Full<Bytes>>> {
        let list = if self.path == RESPONSES_PATH {
            "input"
        } else {
            "messages"
        };
        let body = json!({
            "model": self.model,
            "stream": true,
            "max_tokens": 1000,
            list: [{"role": "user", "content": "What is the capital of France?"}],
        });
        post(
            stream.address(),
            self.path,
            key,
            Bytes::from(body.to_string()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_the_difference_to_the_same_channel_passed_through() {
        let mut translated = Translated::default();
        for which in 0..PAIRS.len() {
            let step = u32::try_from(which).unwrap();
            translated.first_events[which] =
                vec![Duration::from_micros(500 + 100 * u64::from(step))];
            translated.events[which] = vec![1e-5 + 1e-6 * f64::from(step)];
        }
        let text = translated.render();
        let rows = [
            "| chat, passed through | 0.50 | | 10.0 | |",
            "| responses from chat | 0.70 | 0.20 | 12.0 | 2.0 |",
            "| messages, passed through | 0.80 | | 13.0 | |",
            "| responses from messages | 1.00 | 0.20 | 15.0 | 2.0 |",
        ];
        for row in rows {
            assert!(text.lines().any(|line| line == row), "{text}");
        }
    }

    #[test]
    fn each_channel_has_a_stream() {
        let rules = rules();
        for pair in &PAIRS {
            let rule = rules
                .iter()
                .find(|rule| rule["model"] == pair.model)
                .unwrap();
            let chunks = rule["action"]["chunks"].as_array().unwrap();
            assert_eq!(chunks.len(), EVENTS + 2);
        }
    }
}

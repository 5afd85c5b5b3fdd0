//! Which requests two days of the demo consist of. Owns times, senders and bodies; sends nothing.

use gateway_core::ports::Random;
use serde_json::{Value, json};

use super::setup::{CLIENTS, LIMITED, RESTRICTED};

const HOUR_MS: u64 = 3_600_000;
/// Hours of a day, in UTC, in which people work.
const OFFICE: std::ops::Range<u64> = 7..18;
/// Requests of the limited client within one minute, when it has a burst.
const BURST: usize = 9;
/// The text that prompts are made of.
const WORDS: &str =
    "Please look at the following change and say what could go wrong with it in production. ";

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who sends it: a place in [`CLIENTS`].
    pub client: usize,
    /// Where it is sent.
    pub path: &'static str,
    /// Its body.
    pub body: Value,
}

/// Milliseconds from a request at `now_ms` to the next one: fewer while people work.
pub fn pause_ms(random: &impl Random, now_ms: u64) -> u64 {
    let hour = now_ms / HOUR_MS % 24;
    let usual = if OFFICE.contains(&hour) {
        70_000
    } else {
        320_000
    };
    usual / 4 + random.next_u64() % (usual * 3 / 2)
}

/// The requests of one moment: one, or now and then a burst.
pub fn calls(random: &impl Random) -> Vec<Call> {
    let client = sender(random.next_u64());
    let count = if client == LIMITED && random.next_u64().is_multiple_of(12) {
        BURST
    } else {
        1
    };
    (0..count).map(|_| call(random, client)).collect()
}

fn sender(chance: u64) -> usize {
    let all: u64 = CLIENTS.iter().map(|client| client.weight).sum();
    let mut place = chance % all;
    for (index, client) in CLIENTS.iter().enumerate() {
        if place < client.weight {
            return index;
        }
        place -= client.weight;
    }
    0
}

fn call(random: &impl Random, index: usize) -> Call {
    let client = CLIENTS[index];
    let (least, most) = client.prompt;
    let length = least + random.next_u64() % (most - least);
    // The number makes every prompt another one, and so every answer.
    let text = format!("{:x}: {}", random.next_u64(), prompt(length));
    let body = if client.path == "/v1/embeddings" {
        json!({"model": client.model, "input": text})
    } else {
        let messages = json!([{"role": "user", "content": text}]);
        json!({"model": client.model, "messages": messages, "stream": client.stream, "max_tokens": 1024})
    };
    let mut call = Call {
        client: index,
        path: client.path,
        body,
    };
    spoil(&mut call, random.next_u64() % 100);
    call
}

/// A few requests of a hundred have a mistake in them, as everywhere.
fn spoil(call: &mut Call, chance: u64) {
    match chance {
        0 => call.body["model"] = "gpt-4o-minni".into(),
        1 if call.path == "/v1/chat/completions" => call.body["max_tokens"] = 0.into(),
        2..12 if call.client == RESTRICTED => call.body["model"] = "gpt-4o".into(),
        _ => {}
    }
}

fn prompt(length: u64) -> String {
    let length = usize::try_from(length).unwrap_or_default();
    WORDS.chars().cycle().take(length).collect()
}

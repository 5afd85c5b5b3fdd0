//! The services that the demo's channels call, and what they answer. Owns their names, their pace and their words; opens
//! no socket, so that the same answers are served live and replayed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::upstream::{Action, Chunk};

/// Characters that count as one token.
const CHARS_PER_TOKEN: usize = 4;
/// From so many prompt tokens on, half of them are read from a cache.
const CACHED_FROM: usize = 1024;
/// Numbers of an embedding; few, so that an answer can be read.
const DIMENSIONS: u64 = 8;

/// What every chat answer is made of; the first sentence is always there.
const SENTENCES: [&str; 8] = [
    "This answer comes from the demo's scripted service, which says much the same about everything.",
    "The request went through the gateway like any other: a client key was checked, a channel was chosen, and the tokens were counted.",
    "One of the three services fails all the time, so some requests are answered by the second channel that was tried.",
    "The list of requests shows all attempts of each of them, with the reason why an attempt failed.",
    "A channel that fails cools down for a while, and the others take its share.",
    "Limits and budgets belong to client keys; one of the keys here has a limit that is reached now and then.",
    "Prices are set for every model, so the overview shows what the traffic costs.",
    "Nothing here leaves this machine.",
];

/// One service of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Answers quickly.
    Swift,
    /// Answers slowly.
    Steady,
    /// Fails.
    Shaky,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Swift, Self::Steady, Self::Shaky];

    /// The first segment of its paths.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swift => "swift",
            Self::Steady => "steady",
            Self::Shaky => "shaky",
        }
    }

    /// The models in its list.
    pub const fn models(self) -> &'static [&'static str] {
        match self {
            Self::Swift => &["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"],
            Self::Steady => &["llama-3.3-70b"],
            Self::Shaky => &["gpt-4o", "gpt-4o-mini"],
        }
    }

    /// Milliseconds before an answer begins, and between its pieces.
    const fn pace(self) -> (u64, u64) {
        match self {
            Self::Swift => (180, 20),
            Self::Steady => (700, 45),
            Self::Shaky => (240, 25),
        }
    }

    /// The answer to a request for `operation`, the path below `/v1`, of a service that is up.
    pub fn answer(self, operation: &str, body: &[u8]) -> Action {
        if operation == "/models" {
            let data: Vec<Value> = self
                .models()
                .iter()
                .map(|id| json!({"id": id, "object": "model", "owned_by": self.name()}))
                .collect();
            return Action::json(200, &json!({"object": "list", "data": data}));
        }
        let Ok(asked) = serde_json::from_slice::<Value>(body) else {
            return Action::error(400, "invalid_json", "The body is not valid JSON.");
        };
        let model = asked["model"].as_str().unwrap_or_default();
        if !self.models().contains(&model) {
            return Action::error(404, "model_not_found", "This model does not exist.");
        }
        if asked["max_tokens"].as_i64().is_some_and(|most| most < 1) {
            return Action::error(400, "invalid_value", "max_tokens must be at least 1.");
        }
        let chance = hash(body);
        let (first_ms, step_ms) = self.pace();
        let first = Duration::from_millis(first_ms + chance % first_ms);
        match operation {
            "/chat/completions" => chat(&asked, model, chance, step_ms).after(first),
            "/embeddings" => embeddings(&asked, model).after(first / 4),
            _ => Action::error(404, "not_found", "There is no such path."),
        }
    }

    /// What it answers while it is down.
    pub fn outage() -> Action {
        let message = "The model server is restarting. Try again in a few minutes.";
        Action::error(503, "service_unavailable", message).after(Duration::from_millis(90))
    }
}

/// The service and the operation that a path names, such as `/swift/v1/models`.
pub fn route(path: &str) -> Option<(Service, &str)> {
    let path = path.split('?').next().unwrap_or_default();
    let (name, operation) = path.strip_prefix('/')?.split_once("/v1")?;
    let service = Service::ALL.into_iter().find(|one| one.name() == name)?;
    Some((service, operation))
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN)
}

/// The text of all messages, or of what is to be embedded.
fn asked_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(asked_text).collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "content" | "text"))
            .map(|(_, member)| asked_text(member))
            .collect(),
        _ => String::new(),
    }
}

fn chat(asked: &Value, model: &str, chance: u64, step_ms: u64) -> Action {
    let more = usize::try_from(chance % 7).unwrap_or_default();
    let text = std::iter::once(SENTENCES[0])
        .chain(SENTENCES[1..].iter().copied().take(more))
        .collect::<Vec<_>>()
        .join(" ");
    let (prompt, completion) = (tokens(&asked_text(&asked["messages"])), tokens(&text));
    let cached = if prompt < CACHED_FROM { 0 } else { prompt / 2 };
    let usage = json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    });
    let id = format!("chatcmpl-demo{chance:016x}");
    if asked["stream"] != true {
        let message = json!({"role": "assistant", "content": text});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        return Action::json(
            200,
            &json!({"id": id, "object": "chat.completion", "created": 1_790_000_000_u64, "model": model,
                "choices": [choice], "usage": usage}),
        );
    }
    let event = |choices: Value, usage: &Value| {
        let chunk = json!({"id": id, "object": "chat.completion.chunk", "created": 1_790_000_000_u64, "model": model,
            "choices": choices, "usage": usage});
        Chunk::after(Duration::from_millis(step_ms), format!("data: {chunk}\n\n"))
    };
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let mut chunks: Vec<Chunk> = words
        .chunks(3)
        .map(|some| {
            let delta = json!({"role": "assistant", "content": some.concat()});
            event(
                json!([{"index": 0, "delta": delta, "finish_reason": null}]),
                &Value::Null,
            )
        })
        .collect();
    let end = json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]);
    chunks.push(event(end, &Value::Null));
    if asked["stream_options"]["include_usage"] == true {
        chunks.push(event(json!([]), &usage));
    }
    chunks.push(Chunk::new("data: [DONE]\n\n"));
    Action::sse(chunks)
}

fn embeddings(asked: &Value, model: &str) -> Action {
    let texts: Vec<String> = match &asked["input"] {
        Value::Array(all) => all.iter().map(asked_text).collect(),
        one => vec![asked_text(one)],
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let numbers: Vec<f64> = (0..DIMENSIONS).map(|place| embedded(text, place)).collect();
            json!({"object": "embedding", "index": index, "embedding": numbers})
        })
        .collect();
    let prompt: usize = texts.iter().map(|text| tokens(text)).sum();
    let usage = json!({"prompt_tokens": prompt, "total_tokens": prompt});
    Action::json(
        200,
        &json!({"object": "list", "data": data, "model": model, "usage": usage}),
    )
}

/// One number of an embedding, from -1 to 1.
fn embedded(text: &str, place: u64) -> f64 {
    let step = hash(format!("{place}{text}").as_bytes()) % 2001;
    f64::from(u32::try_from(step).unwrap_or_default()) / 1000.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(action: &Action) -> String {
        let pieces = action.chunks.iter().map(|chunk| chunk.bytes.to_vec());
        String::from_utf8(pieces.flatten().collect()).unwrap()
    }

    #[test]
    fn paths_name_a_service_and_an_operation() {
        assert_eq!(
            route("/steady/v1/chat/completions?x=1"),
            Some((Service::Steady, "/chat/completions"))
        );
        assert_eq!(route("/swift/v1/models"), Some((Service::Swift, "/models")));
        assert_eq!(route("/other/v1/models"), None);
        assert_eq!(route("/swift"), None);
    }

    #[test]
    fn chats_are_answered_whole_and_as_streams_with_the_same_tokens() {
        let asked =
            json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "x".repeat(4096)}]});
        let whole = Service::Swift.answer("/chat/completions", asked.to_string().as_bytes());
        let whole: Value = serde_json::from_str(&body(&whole)).unwrap();
        assert_eq!(whole["usage"]["prompt_tokens"], 1024);
        assert_eq!(
            whole["usage"]["prompt_tokens_details"]["cached_tokens"],
            512
        );
        assert!(whole["usage"]["completion_tokens"].as_u64().unwrap() >= 20);
        let mut streamed = asked;
        streamed["stream"] = true.into();
        streamed["stream_options"] = json!({"include_usage": true});
        let stream = Service::Swift.answer("/chat/completions", streamed.to_string().as_bytes());
        let text = body(&stream);
        assert!(text.contains("\"prompt_tokens\":1024"), "{text}");
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    }

    #[test]
    fn mistakes_are_rejected_as_services_do() {
        let status = |body: &str| {
            Service::Steady
                .answer("/chat/completions", body.as_bytes())
                .status
        };
        assert_eq!(status("{"), 400);
        assert_eq!(status(r#"{"model":"gpt-4o"}"#), 404);
        assert_eq!(status(r#"{"model":"llama-3.3-70b","max_tokens":-1}"#), 400);
        assert_eq!(Service::outage().status, 503);
    }
}

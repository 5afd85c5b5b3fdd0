//! The usual answers: those of a well-behaved `OpenAI`-compatible service. Owns their JSON; knows no script.

use std::borrow::Cow;

use http::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::script::Action;
use super::serve::chunks;

/// A fixed creation time, so that answers can be compared.
const CREATED: u64 = 1_763_000_000;
/// The models of the usual list.
const MODELS: [&str; 3] = [
    "gpt-4o-mini",
    "meta/llama-3.1-405b-instruct",
    "text-embedding-3-small",
];

/// The shape of the usual streams.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Content chunks per stream.
    pub chunks: u32,
    /// Milliseconds before each of them.
    pub delay_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            chunks: 5,
            delay_ms: 0,
        }
    }
}

/// The parts of a request that the answers depend on.
pub(super) struct Asked<'a> {
    fields: Option<Fields<'a>>,
    deployment: Option<&'a str>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl<'a> Asked<'a> {
    /// Reads path and body; a body that is not a JSON object is marked as such.
    pub(super) fn read(path: &'a str, body: &'a [u8]) -> Self {
        let deployment = path
            .split_once("/deployments/")
            .and_then(|(_, rest)| rest.split('/').next());
        Self {
            fields: serde_json::from_slice(body).ok(),
            deployment,
        }
    }

    /// The model: the body's, else the path's deployment.
    pub(super) fn model(&self) -> Option<&str> {
        let named = self
            .fields
            .as_ref()
            .and_then(|fields| fields.model.as_deref());
        named.or(self.deployment)
    }

    fn streams(&self) -> bool {
        self.fields
            .as_ref()
            .and_then(|fields| fields.stream)
            .unwrap_or(false)
    }

    fn wants_usage(&self) -> bool {
        let options = self
            .fields
            .as_ref()
            .and_then(|fields| fields.stream_options.as_ref());
        options.is_some_and(|options| options.include_usage)
    }

    /// The number of texts to embed.
    fn inputs(&self) -> usize {
        let input = self
            .fields
            .as_ref()
            .and_then(|fields| fields.input)
            .map(RawValue::get);
        let texts: Option<Vec<String>> = input.and_then(|input| serde_json::from_str(input).ok());
        texts.map_or(1, |texts| texts.len())
    }
}

/// The answer that a request gets when no rule is for it.
pub(super) fn usual(method: &Method, path: &str, asked: &Asked<'_>, pace: Pace) -> Action {
    if method == Method::GET {
        return match path.rsplit_once("/models") {
            Some((_, "")) => Action::json(
                200,
                &json!({"object": "list", "data": MODELS.map(model_object)}),
            ),
            Some((_, id)) => Action::json(200, &model_object(id.trim_start_matches('/'))),
            None => Action::error(404, "not_found", "no such path"),
        };
    }
    if method != Method::POST {
        return Action::error(405, "method_not_allowed", "no such method");
    }
    if asked.fields.is_none() {
        return Action::error(400, "invalid_json", "the body is no JSON object");
    }
    let model = serde_json::to_string(asked.model().unwrap_or_default()).unwrap_or_default();
    if path.ends_with("/chat/completions") {
        if asked.streams() {
            chat_stream(&model, asked.wants_usage(), pace)
        } else {
            chat(&model)
        }
    } else if path.ends_with("/completions") {
        if asked.streams() {
            text_stream(&model, asked.wants_usage(), pace)
        } else {
            text(&model)
        }
    } else if path.ends_with("/embeddings") {
        embeddings(&model, asked.inputs())
    } else if path.ends_with("/responses") {
        if asked.streams() {
            response_stream(&model)
        } else {
            json_text(response_object(&model, "completed"))
        }
    } else {
        Action::error(404, "not_found", "no such path")
    }
}

fn model_object(id: &str) -> serde_json::Value {
    json!({"id": id, "object": "model", "created": CREATED, "owned_by": "scripted"})
}

/// A JSON body that was written by hand, since the usual chat answer is a benchmark's fast path.
fn json_text(body: String) -> Action {
    Action::raw(200, "application/json", body)
}

const USAGE: &str = r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}"#;

fn chat(model: &str) -> Action {
    json_text(format!(
        r#"{{"id":"chatcmpl-scripted","object":"chat.completion","created":{CREATED},"model":{model},"choices":[{{"index":0,"message":{{"role":"assistant","content":"Hello from upstream."}},"logprobs":null,"finish_reason":"stop"}}],"usage":{USAGE}}}"#
    ))
}

fn chat_stream(model: &str, usage: bool, pace: Pace) -> Action {
    let head = format!(
        r#"data: {{"id":"chatcmpl-scripted","object":"chat.completion.chunk","created":{CREATED},"model":{model},"choices":["#
    );
    let tail = if usage {
        ",\"usage\":null}\n\n"
    } else {
        "}\n\n"
    };
    let mut events = Vec::new();
    for index in 0..pace.chunks {
        let role = if index == 0 {
            r#""role":"assistant","#
        } else {
            ""
        };
        events.push(format!(
            r#"{head}{{"index":0,"delta":{{{role}"content":"word{index} "}},"finish_reason":null}}]{tail}"#
        ));
    }
    let mut last = format!(r#"{head}{{"index":0,"delta":{{}},"finish_reason":"stop"}}]{tail}"#);
    if usage {
        last.push_str(&head);
        last.push_str("],\"usage\":");
        last.push_str(USAGE);
        last.push_str("}\n\n");
    }
    stream(events, last, pace)
}

fn text(model: &str) -> Action {
    json_text(format!(
        r#"{{"id":"cmpl-scripted","object":"text_completion","created":{CREATED},"model":{model},"choices":[{{"index":0,"text":"Hello from upstream.","logprobs":null,"finish_reason":"stop"}}],"usage":{USAGE}}}"#
    ))
}

fn text_stream(model: &str, usage: bool, pace: Pace) -> Action {
    let head = format!(
        r#"data: {{"id":"cmpl-scripted","object":"text_completion","created":{CREATED},"model":{model},"choices":["#
    );
    let events = (0..pace.chunks)
        .map(|index| {
            format!("{head}{{\"index\":0,\"text\":\"word{index} \",\"finish_reason\":null}}]}}\n\n")
        })
        .collect();
    let mut last = format!("{head}{{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}}]}}\n\n");
    if usage {
        last.push_str(&head);
        last.push_str("],\"usage\":");
        last.push_str(USAGE);
        last.push_str("}\n\n");
    }
    stream(events, last, pace)
}

/// Content events at the stream's pace, then the last events and `[DONE]` in one piece.
fn stream(events: Vec<String>, mut last: String, pace: Pace) -> Action {
    last.push_str("data: [DONE]\n\n");
    let mut pieces = chunks(events, pace.delay_ms);
    pieces.extend(chunks(vec![last], 0));
    Action::sse(pieces)
}

fn embeddings(model: &str, count: usize) -> Action {
    let rows: Vec<String> = (0..count)
        .map(|index| {
            format!(r#"{{"object":"embedding","index":{index},"embedding":[0.25,-0.5,0.125]}}"#)
        })
        .collect();
    json_text(format!(
        r#"{{"object":"list","data":[{}],"model":{model},"usage":{{"prompt_tokens":5,"total_tokens":5}}}}"#,
        rows.join(",")
    ))
}

fn response_object(model: &str, status: &str) -> String {
    format!(
        r#"{{"id":"resp_scripted","object":"response","created_at":{CREATED},"status":"{status}","model":{model},"output":[{{"id":"msg_scripted","type":"message","status":"completed","role":"assistant","content":[{{"type":"output_text","text":"Hello from upstream.","annotations":[]}}]}}],"usage":{{"input_tokens":9,"output_tokens":5,"total_tokens":14}}}}"#
    )
}

fn response_stream(model: &str) -> Action {
    let created = response_object(model, "in_progress");
    let completed = response_object(model, "completed");
    let events = vec![
        format!("event: response.created\ndata: {{\"type\":\"response.created\",\"response\":{created}}}\n\n"),
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}\n\n"
            .to_owned(),
        format!("event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{completed}}}\n\n"),
    ];
    Action::sse(chunks(events, 0))
}

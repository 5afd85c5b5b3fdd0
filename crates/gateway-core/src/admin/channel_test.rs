//! Testing a channel: one real call with a prompt as small as possible. Owns what is asked, by the channel's kind and
//! the model, and what counts as an answer. Whatever the upstream does is a result, never an error of ours.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::base_url_advice::advise;
use super::outbound::{CallBounds, Incoming, Outbound};
use super::{AdminSettings, document};
use crate::config::model::Provider;
#[cfg(feature = "schema")]
use crate::config::shapes::{ModelName, Name, never_null};
use crate::config::validate::{MAX_MODEL_CHARS, MAX_NAME_CHARS, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::ports::AdminPorts;
use crate::reply::{self, Reply};
use crate::units::{MIB, Timestamp};
use crate::wire::error_shape;
use crate::wire::padding;
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, EventScanner};

/// The bounds of a test. The time is the default of a request's time to the first byte, which some models need.
const LIMITS: CallBounds = CallBounds {
    time: Duration::from_mins(2),
    bytes: MIB,
};
/// Enough to see an answer begin, too little to cost anything.
const MAX_TOKENS: u32 = 16;
/// For models that know `max_completion_tokens` only: they think before they answer, and some refuse to begin when
/// there is no room for it.
const MAX_THINKING_TOKENS: u32 = 1024;

/// How a test ended.
#[derive(Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TestOutcome")
)]
pub struct TestResult {
    /// Whether the upstream gave a whole answer.
    ok: bool,
    /// The upstream's status; null: there was no response.
    #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 999)))]
    status: Option<u16>,
    /// From the call to the end of the answer.
    latency_ms: u64,
    /// From the call to the first event with content; null unless it was streamed.
    first_token_ms: Option<u64>,
    /// What went wrong, in the upstream's own words where it has some; null when it is ok.
    error: Option<String>,
}

/// What an admin wants to be tested.
#[derive(Default)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "TestRequest", transform = never_null)
)]
pub struct Wish {
    /// A client's model name. Absent: the first of the channel's models, else of its map or its deployments.
    #[cfg_attr(feature = "schema", schemars(with = "Option<ModelName>"))]
    model: Option<String>,
    /// Whether the answer shall be streamed.
    #[cfg_attr(feature = "schema", schemars(default))]
    stream: bool,
    /// The id of the key to use, also of one that is switched off. Absent: the first that can be used.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Name>"))]
    key: Option<String>,
}

impl Wish {
    fn read(value: &Value) -> Result<Self, GatewayError> {
        let (mut wish, mut problems) = (Self::default(), Problems::default());
        for (name, value) in value.as_object().into_iter().flatten() {
            match name.as_str() {
                "model" => wish.model = problems.text(name, value, MAX_MODEL_CHARS),
                "stream" => wish.stream = problems.boolean(name, value).unwrap_or_default(),
                "key" => wish.key = problems.text(name, value, MAX_NAME_CHARS),
                _ => problems.unknown("", name),
            }
        }
        problems.check("test").map(|()| wish)
    }
}

/// `POST channels/{id}/test`.
pub async fn run<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    id: &str,
    body: &Value,
) -> Result<Reply, GatewayError> {
    let wish = Wish::read(body)?;
    let document = document::load(ports).await?;
    let channel = document.channels.iter().find(|channel| channel.id == id);
    let channel =
        channel.ok_or_else(|| ErrorCode::NotFound.error("There is no channel with this id."))?;
    let model = wish
        .model
        .as_deref()
        .or_else(|| channel.served_models().next())
        .ok_or_else(|| {
            ErrorCode::InvalidValue
                .error("The channel names no model. Say which one to test with: `model`.")
                .with_param("model")
        })?;
    let outbound = Outbound::prepare(settings, channel, wish.key.as_deref())?;
    let upstream_model = outbound.upstream_model(model);
    // The one other kind of model that can be told by its name.
    let embeds = [model, upstream_model]
        .iter()
        .any(|name| name.to_lowercase().contains("embed"));
    let mut question = if embeds && channel.provider != Provider::Anthropic {
        TestRequest::embedding(upstream_model)
    } else {
        TestRequest::chat(channel.provider, upstream_model, wish.stream)
    };
    let mut outcome = ask(ports, &outbound, &question).await;
    if question.needs_other_limit(&outcome) {
        outcome = ask(ports, &outbound, &question).await;
    }
    let status = outcome.status;
    outcome.error = outcome.error.map(|error| advise(channel, status, error));
    ports.line(format_args!(
        "admin: channel {id} tested: {}",
        if outcome.ok { "it answers" } else { "it fails" }
    ));
    Ok(reply::json(StatusCode::OK, &outcome))
}

/// A request for a test.
struct TestRequest {
    operation: &'static str,
    model: String,
    body: Map<String, Value>,
    /// The member that every answer has.
    answer: &'static str,
    stream: bool,
}

impl TestRequest {
    fn chat(provider: Provider, model: &str, stream: bool) -> Self {
        let (operation, answer) = match provider {
            Provider::Anthropic => ("messages", "content"),
            Provider::OpenAi | Provider::Azure => ("chat/completions", "choices"),
        };
        let body = json!({
            "model": model,
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": MAX_TOKENS,
            "stream": stream
        });
        Self::new(operation, model, &body, answer, stream)
    }

    /// Embeddings cannot be streamed.
    fn embedding(model: &str) -> Self {
        let body = json!({"model": model, "input": "Hi"});
        Self::new("embeddings", model, &body, "data", false)
    }

    fn new(
        operation: &'static str,
        model: &str,
        body: &Value,
        answer: &'static str,
        stream: bool,
    ) -> Self {
        Self {
            operation,
            model: model.to_owned(),
            body: body.as_object().cloned().unwrap_or_default(),
            answer,
            stream,
        }
    }

    /// Whether the model refuses `max_tokens` and wants the newer member; then the question has it from now on.
    fn needs_other_limit(&mut self, outcome: &TestResult) -> bool {
        let asks_for_it = |text: &String| text.contains("max_completion_tokens");
        let is_refused =
            outcome.status == Some(400) && outcome.error.as_ref().is_some_and(asks_for_it);
        if !is_refused || self.body.remove("max_tokens").is_none() {
            return false;
        }
        let limit = Value::from(MAX_THINKING_TOKENS);
        self.body.insert("max_completion_tokens".to_owned(), limit);
        true
    }

    fn body(&self, dropped: &[String]) -> Bytes {
        let mut body = self.body.clone();
        body.retain(|name, _| !dropped.contains(name));
        Value::Object(body).to_string().into()
    }
}

async fn ask<P: AdminPorts>(ports: &P, outbound: &Outbound, question: &TestRequest) -> TestResult {
    let began = ports.now();
    let mut outcome = TestResult {
        ok: false,
        status: None,
        latency_ms: 0,
        first_token_ms: None,
        error: None,
    };
    let body = question.body(outbound.drop_params());
    let sent = outbound.send(
        ports,
        question.operation,
        &question.model,
        Some(body),
        LIMITS,
    );
    let read = match sent.await {
        Ok(mut incoming) => {
            outcome.status = Some(incoming.status.as_u16());
            let first = &mut outcome.first_token_ms;
            read(ports, outbound, question, &mut incoming, began, first).await
        }
        Err(error) => Err(error),
    };
    outcome.latency_ms = ports.now().since_ms(began);
    outcome.ok = read.is_ok();
    outcome.error = read.err().map(|error| outbound.redact(&error));
    outcome
}

async fn read<P: AdminPorts>(
    ports: &P,
    outbound: &Outbound,
    question: &TestRequest,
    incoming: &mut Incoming<'_, P>,
    began: Timestamp,
    first_token_ms: &mut Option<u64>,
) -> Result<(), String> {
    if !incoming.status.is_success() {
        return Err(outbound.refusal(incoming).await);
    }
    if let Some(reason) = incoming.unreadable() {
        return Err(reason);
    }
    if incoming.is("text/html") {
        return Err("the answer is a web page; is the base URL right?".to_owned());
    }
    match (question.stream, incoming.is("text/event-stream")) {
        (true, true) => {
            let mut events = StreamCheck::default();
            while let Some(piece) = incoming.next().await? {
                let is_over = events.take(piece)?;
                if events.has_content && first_token_ms.is_none() {
                    *first_token_ms = Some(ports.now().since_ms(began));
                }
                if is_over {
                    return Ok(());
                }
            }
            events.end()
        }
        (false, false) => answer(&incoming.whole().await?, question.answer),
        (true, false) => answer(&incoming.whole().await?, question.answer).and(Err(
            "the upstream answered, but in one piece: it does not stream".to_owned(),
        )),
        (false, true) => Err("the upstream streams, which was not asked for".to_owned()),
    }
}

/// Whether a whole body is an answer.
fn answer(body: &[u8], member: &str) -> Result<(), String> {
    let text = body.get(padding::before_json(body)..).unwrap_or_default();
    if signals::body_is_error(text) {
        return Err(message(text));
    }
    let value: Value = serde_json::from_slice(text)
        .map_err(|_| "the answer is not JSON; is the base URL right?".to_owned())?;
    let list = value.get(member).and_then(Value::as_array);
    if list.is_some_and(|list| member == "content" || !list.is_empty()) {
        Ok(())
    } else {
        Err(format!(
            "the answer has no `{member}`; is the base URL right?"
        ))
    }
}

fn message(error: &[u8]) -> String {
    error_shape::normalise(StatusCode::BAD_GATEWAY, error)
        .body
        .message
}

/// A stream that is read to its end.
#[derive(Default)]
struct StreamCheck {
    scanner: EventScanner,
    has_content: bool,
    is_finished: bool,
}

impl StreamCheck {
    /// Takes a piece; tells whether the stream has said that it is over.
    fn take(&mut self, piece: Bytes) -> Result<bool, String> {
        let block = self
            .scanner
            .push(piece)
            .map_err(|_| "one of its events never ends".to_owned())?;
        for event in block.events() {
            let data = sse::data(event);
            match signals::read(data.as_deref()).signal {
                Signal::Nothing => {}
                Signal::Content => self.has_content = true,
                Signal::Finish => {
                    self.has_content = true;
                    self.is_finished = true;
                }
                Signal::Done if self.has_content => return Ok(true),
                Signal::Done => return Err("the stream has no answer in it".to_owned()),
                Signal::Error => return Err(message(data.as_deref().unwrap_or_default())),
            }
        }
        Ok(false)
    }

    /// The end of the stream without `[DONE]`. What is left may be an error without the blank line after it.
    fn end(mut self) -> Result<(), String> {
        let (_, rest) = self.scanner.finish();
        let data = sse::data(&rest);
        let text = data.as_deref().unwrap_or(&rest);
        if signals::read(data.as_deref()).signal == Signal::Error || signals::body_is_error(text) {
            return Err(message(text));
        }
        if self.is_finished {
            return Ok(());
        }
        Err("the stream ended without a finish reason: it was cut off".to_owned())
    }
}

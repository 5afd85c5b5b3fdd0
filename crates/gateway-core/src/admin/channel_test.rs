//! Testing a channel: one real call with a prompt as small as possible. Owns what is asked, by the channel's kind and
//! the model, and what counts as an answer. Whatever the upstream does is a result, never an error of ours.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::base_url_advice::advise;
use super::outbound::Outbound;
use super::{AdminSettings, document};
#[cfg(feature = "schema")]
use crate::config::shapes::{ModelName, Name, never_null};
use crate::config::snapshot::Channel;
use crate::config::validate::{MAX_MODEL_CHARS, MAX_NAME_CHARS, Problems};
use crate::error::{ErrorCode, GatewayError};
use crate::ports::AdminPorts;
use crate::problem::{Problem, ProblemKind};
use crate::reply::{self, Reply};
use crate::units::{MIB, Timestamp};
use crate::upstream::call::{CallBounds, CallError, CallResponse, UpstreamClient};
use crate::upstream::provider::{TestCall, TestModel};
use crate::wire::body_params::BodyParams;
use crate::wire::dialect::Dialect;
use crate::wire::error_shape;
use crate::wire::members::Members;
use crate::wire::padding;
use crate::wire::signals::{self, Signal};
use crate::wire::sse::{self, EventScanner};

/// The bounds of a test. The time is the default of a request's time to the first byte, which some models need.
const BOUNDS: CallBounds = CallBounds {
    time: Duration::from_mins(2),
    bytes: MIB,
};
/// Enough to see an answer begin, too little to cost anything.
const MAX_TOKENS: u32 = 16;
/// For models that know `max_completion_tokens` only: they think before they answer, and some refuse to begin when
/// there is no room for it.
const MAX_THINKING_TOKENS: u32 = 1024;

/// Why a test failed.
#[derive(Debug, Error)]
enum TestError {
    #[error("{0}")]
    Call(#[from] CallError),
    /// In the upstream's words.
    #[error("{0}")]
    Rejected(String),
    #[error("the answer is a web page; is the base URL right?")]
    WebPage,
    #[error("the answer is not JSON; is the base URL right?")]
    NotJson,
    #[error("the answer has no `{0}`; is the base URL right?")]
    NoAnswer(&'static str),
    #[error("the upstream streams, which was not requested")]
    Streamed,
    #[error("the upstream answered, but in one piece: it does not stream")]
    NotStreamed,
    #[error("one of its events never ends")]
    EndlessEvent,
    #[error("the stream has no answer in it")]
    EmptyStream,
    #[error("the stream ended without a finish reason: it was cut off")]
    CutOff,
}

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

/// The test that an admin requests.
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
                .error("`model` is required: the channel names no model to test with.")
                .with_param("model")
                .with_details(vec![Problem::new("model", ProblemKind::Required)])
        })?;
    let outbound = Outbound::prepare(settings, &document, channel, wish.key.as_deref())?;
    let caller = outbound.caller(ports, BOUNDS);
    let upstream_model = caller.channel.upstream_model(model);
    let call = call_of(caller.channel, kind_of([model, &upstream_model]));
    let mut request = TestRequest::new(call, &upstream_model, wish.stream);
    let mut outcome = ask(&caller, &request).await;
    if request.needs_other_limit(&outcome) {
        outcome = ask(&caller, &request).await;
    }
    let status = outcome.status;
    outcome.error = outcome.error.map(|error| advise(channel, status, error));
    ports.line(format_args!(
        "admin: channel {id} tested: {}",
        if outcome.ok { "it answers" } else { "it fails" }
    ));
    Ok(reply::json(StatusCode::OK, &outcome))
}

/// How a channel is tested: in a dialect that it is configured for, or else as its kind is.
fn call_of(channel: &Channel, model: TestModel) -> TestCall {
    let kind = channel.endpoint.kind();
    match (model, channel.dialects.as_deref()) {
        (TestModel::Chat, Some(dialects)) if !dialects.contains(&Dialect::Chat) => {
            if dialects.contains(&Dialect::Messages) {
                TestCall::MESSAGES
            } else {
                TestCall::RESPONSES
            }
        }
        _ => kind.test_call(model),
    }
}

/// What a model is for, by the names that the client and the upstream have for it.
fn kind_of(names: [&str; 2]) -> TestModel {
    let is_embedding = |name: &&str| name.to_lowercase().contains("embed");
    if names.iter().any(is_embedding) {
        TestModel::Embedding
    } else {
        TestModel::Chat
    }
}

/// A request for a test.
struct TestRequest {
    call: TestCall,
    model: String,
    body: Map<String, Value>,
    is_streamed: bool,
}

impl TestRequest {
    fn new(call: TestCall, model: &str, wants_stream: bool) -> Self {
        let is_streamed = wants_stream && call.is_chat;
        let body = if call.is_chat {
            json!({
                "model": model,
                "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": MAX_TOKENS,
                "stream": is_streamed
            })
        } else {
            json!({"model": model, "input": "Hi"})
        };
        Self {
            call,
            model: model.to_owned(),
            body: body.as_object().cloned().unwrap_or_default(),
            is_streamed,
        }
    }

    /// Whether the model refuses `max_tokens` and requires the newer member; then the question has it from now on.
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

    fn body(&self, params: &BodyParams) -> Bytes {
        let body = Value::Object(self.body.clone()).to_string();
        let edited = Members::parse(body.as_bytes())
            .ok()
            .and_then(|members| members.rewrite(&params.edits(&members, None)));
        edited.map_or_else(|| body.into(), Bytes::from)
    }
}

async fn ask<P: AdminPorts>(caller: &UpstreamClient<'_, P>, request: &TestRequest) -> TestResult {
    let ports = caller.ports;
    let began = ports.now();
    let mut outcome = TestResult {
        ok: false,
        status: None,
        latency_ms: 0,
        first_token_ms: None,
        error: None,
    };
    let body = request.body(&caller.channel.params);
    let answer = caller.call(request.call.operation, &request.model, Some(body));
    let read = match answer.await {
        Ok(mut response) => {
            outcome.status = Some(response.status.as_u16());
            let first = &mut outcome.first_token_ms;
            read(ports, request, &mut response, began, first).await
        }
        Err(error) => Err(error.into()),
    };
    outcome.latency_ms = ports.now().since_ms(began);
    outcome.ok = read.is_ok();
    outcome.error = read.err().map(|error| caller.redact(&error.to_string()));
    outcome
}

async fn read<P: AdminPorts>(
    ports: &P,
    request: &TestRequest,
    response: &mut CallResponse<'_, P>,
    began: Timestamp,
    first_token_ms: &mut Option<u64>,
) -> Result<(), TestError> {
    if !response.status.is_success() {
        return Err(TestError::Rejected(response.rejection().await));
    }
    if response.is("text/html") {
        return Err(TestError::WebPage);
    }
    if request.is_streamed && response.is("text/event-stream") {
        let mut events = StreamCheck::default();
        while let Some(piece) = response.next().await? {
            let is_over = events.take(piece)?;
            if events.has_content && first_token_ms.is_none() {
                *first_token_ms = Some(ports.now().since_ms(began));
            }
            if is_over {
                return Ok(());
            }
        }
        return events.end();
    }
    if response.is("text/event-stream") {
        return Err(TestError::Streamed);
    }
    let whole = response.whole().await?;
    answer(&whole, request.call)?;
    if request.is_streamed {
        return Err(TestError::NotStreamed);
    }
    Ok(())
}

/// Whether a whole body is an answer.
fn answer(body: &[u8], call: TestCall) -> Result<(), TestError> {
    let text = body.get(padding::before_json(body)..).unwrap_or_default();
    if signals::body_is_error(text) {
        return Err(rejected(text));
    }
    let value: Value = serde_json::from_slice(text).map_err(|_| TestError::NotJson)?;
    let member = call.answer_member;
    let list = value.get(member).and_then(Value::as_array);
    if list.is_some_and(|list| call.may_be_empty || !list.is_empty()) {
        Ok(())
    } else {
        Err(TestError::NoAnswer(member))
    }
}

fn rejected(error: &[u8]) -> TestError {
    let error = error_shape::normalise(StatusCode::BAD_GATEWAY, error);
    TestError::Rejected(error.body.message)
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
    fn take(&mut self, piece: Bytes) -> Result<bool, TestError> {
        let block = self
            .scanner
            .push(piece)
            .map_err(|_| TestError::EndlessEvent)?;
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
                Signal::Done => return Err(TestError::EmptyStream),
                Signal::Error => return Err(rejected(data.as_deref().unwrap_or_default())),
            }
        }
        Ok(false)
    }

    /// The end of the stream without `[DONE]`. What is left may be an error without the blank line after it.
    fn end(mut self) -> Result<(), TestError> {
        let (_, rest) = self.scanner.finish();
        let data = sse::data(&rest);
        let text = data.as_deref().unwrap_or(&rest);
        if signals::read(data.as_deref()).signal == Signal::Error || signals::body_is_error(text) {
            return Err(rejected(text));
        }
        if self.is_finished {
            return Ok(());
        }
        Err(TestError::CutOff)
    }
}

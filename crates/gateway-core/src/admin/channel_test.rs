//! Testing a channel: one real call with a prompt as small as possible. Owns what is asked, by the channel's kind and
//! the model, and what counts as an answer. Whatever the upstream does is a result, never an error of ours.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::AdminSettings;
use super::base_url_advice::advise;
use super::outbound::Outbound;
use crate::config::model::{ChannelConfig, Document};
#[cfg(feature = "schema")]
use crate::config::shapes::{ModelName, Name, never_null};
use crate::config::snapshot::Channel;
use crate::config::validate::{MAX_MODEL_CHARS, MAX_NAME_CHARS, Problems};
use crate::error::GatewayError;
use crate::ledger::entry::outcome;
use crate::ledger::record::AttemptOutcome;
use crate::ports::AdminPorts;
use crate::problem::ProblemKind;
use crate::units::{MIB, Timestamp};
use crate::upstream::call::{CallBounds, CallError, CallResponse, UpstreamClient};
use crate::upstream::classify;
use crate::upstream::failure::Failure;
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
    /// In the upstream's words, and what kind of failure it is.
    #[error("{0}")]
    Rejected(String, Failure),
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

impl TestError {
    /// What became of the test, as of an attempt.
    const fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Rejected(_, failure) => outcome(*failure),
            Self::Call(CallError::TooSlow(_)) => AttemptOutcome::Timeout,
            Self::Call(CallError::Send(error)) => outcome(Failure::Unreachable(error.kind)),
            Self::Call(CallError::NotBuildable(_)) => AttemptOutcome::Unreachable,
            _ => AttemptOutcome::ServerError,
        }
    }
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
    pub ok: bool,
    /// The upstream's status; null: there was no response.
    #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 999)))]
    pub status: Option<u16>,
    /// From the call to the end of the answer.
    latency_ms: u64,
    /// From the call to the first event with content; null unless it was streamed.
    first_token_ms: Option<u64>,
    /// What went wrong, in the upstream's own words where it has some; null when it is ok.
    pub error: Option<String>,
    /// What became of it, as of an attempt; `None`: nothing was called.
    #[serde(skip)]
    pub outcome: Option<AttemptOutcome>,
}

impl TestResult {
    /// Before anything was called.
    const fn new() -> Self {
        Self {
            ok: false,
            status: None,
            latency_ms: 0,
            first_token_ms: None,
            error: None,
            outcome: None,
        }
    }

    /// Of a key for which no time was left.
    pub fn not_tested() -> Self {
        Self {
            error: Some("not tested: the tests of the other keys took all the time".to_owned()),
            ..Self::new()
        }
    }
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
    pub model: Option<String>,
    /// Whether the answer shall be streamed.
    #[cfg_attr(feature = "schema", schemars(default))]
    pub stream: bool,
    /// The id of the key to use, also of one that is switched off. Absent: the first that can be used.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Name>"))]
    pub key: Option<String>,
    /// `all` tests each key, also those that are switched off.
    #[cfg_attr(feature = "schema", schemars(with = "Option<AllKeys>"))]
    pub keys: Option<()>,
}

/// Which keys are tested.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(inline, rename_all = "lowercase")]
#[expect(dead_code, reason = "only described")]
enum AllKeys {
    All,
}

impl Wish {
    /// Reads the body of the request.
    pub fn read(value: &Value) -> Result<Self, GatewayError> {
        let (mut wish, mut problems) = (Self::default(), Problems::default());
        for (name, value) in value.as_object().into_iter().flatten() {
            match name.as_str() {
                "model" => wish.model = problems.text(name, value, MAX_MODEL_CHARS),
                "stream" => wish.stream = problems.boolean(name, value).unwrap_or_default(),
                "key" => wish.key = problems.text(name, value, MAX_NAME_CHARS),
                "keys" if value == "all" => wish.keys = Some(()),
                "keys" => problems.add(
                    name,
                    ProblemKind::InvalidChoice {
                        choices: vec!["all"],
                    },
                ),
                _ => problems.unknown("", name),
            }
        }
        if wish.keys.is_some() && wish.key.is_some() {
            problems.unknown("", "key");
        }
        problems.check("test").map(|()| wish)
    }
}

/// What is tested.
pub struct ChannelTest<'a> {
    /// How the admin API is set up.
    pub settings: &'a AdminSettings,
    /// The whole configuration.
    pub document: &'a Document,
    /// The channel.
    pub channel: &'a ChannelConfig,
    /// The client's name of the model.
    pub model: &'a str,
    /// Whether the answer shall be streamed.
    pub wants_stream: bool,
}

impl ChannelTest<'_> {
    /// One test with the key `wanted`, or the first that can be used; gives the id of the key as well.
    pub async fn run<P: AdminPorts>(
        &self,
        ports: &P,
        wanted: Option<&str>,
    ) -> Result<(String, TestResult), GatewayError> {
        self.run_within(ports, wanted, BOUNDS).await
    }

    async fn run_within<P: AdminPorts>(
        &self,
        ports: &P,
        wanted: Option<&str>,
        bounds: CallBounds,
    ) -> Result<(String, TestResult), GatewayError> {
        let (channel, model) = (self.channel, self.model);
        let outbound = Outbound::prepare(self.settings, self.document, channel, wanted)?;
        let caller = outbound.caller(ports, bounds);
        let upstream_model = caller.channel.upstream_model(model);
        let call = call_of(caller.channel, kind_of([model, &upstream_model]));
        let mut request = TestRequest::new(call, &upstream_model, self.wants_stream);
        let mut outcome = ask(&caller, &request).await;
        if request.needs_other_limit(&outcome) {
            outcome = ask(&caller, &request).await;
        }
        let status = outcome.status;
        outcome.error = outcome.error.map(|error| advise(channel, status, error));
        Ok((caller.key.id.clone(), outcome))
    }

    /// One of many tests. A key that cannot be used is a result.
    pub async fn with_key<P: AdminPorts>(
        &self,
        ports: &P,
        key: Option<&str>,
        time: Duration,
    ) -> TestResult {
        let bounds = CallBounds { time, ..BOUNDS };
        match self.run_within(ports, key, bounds).await {
            Ok((_, result)) => result,
            Err(error) => TestResult {
                error: Some(error.body.message),
                ..TestResult::new()
            },
        }
    }
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
    let mut outcome = TestResult::new();
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
    let found = read.as_ref().err().map(TestError::outcome);
    outcome.outcome = Some(found.unwrap_or(AttemptOutcome::Answered));
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
        let (message, failure) = response.error().await;
        return Err(TestError::Rejected(message, failure));
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
    let found = classify::outcome(StatusCode::OK, &error, &HeaderMap::new(), Timestamp(0));
    TestError::Rejected(error.body.message, found.failure)
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

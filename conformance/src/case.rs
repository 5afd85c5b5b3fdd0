//! A case: what a client asks, what the upstream plays, and what has to hold. Owns the vocabulary of the tables.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::client::Raw;
use crate::dialect::Dialect;
use crate::node::{Verdict, ensure, parse, same};
use crate::normal::{Answer, Asked};
use crate::read::{ErrorBody, Outcome};
use crate::route::Route;
use crate::upstream::{Received, Reply};
use crate::write;

/// What has to hold after a step.
pub type Check = Box<dyn Fn(&Seen) -> Verdict<()> + Send + Sync>;

/// Makes a request of what the step before has shown.
pub type Make = Box<dyn Fn(&Seen) -> Verdict<Value> + Send + Sync>;

/// The body of a request; the model's name is left open in it.
pub enum Ask {
    /// Known beforehand.
    Text(String),
    /// Made of what the step before has shown.
    After(Make),
}

/// How a request reaches the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// As clients of the dialect ask for an answer.
    Generate,
    /// An answer at another path; the model's name is left open in it.
    GenerateAt(&'static str),
    /// Another operation: method and path. In the path the model's name is left open, and so is the id of the answer
    /// before ([`ID`]).
    Other(Method, &'static str),
    /// As clients of the dialect ask for a stream, but they leave after its first event.
    Leave,
}

/// The placeholder for the id of the answer before in a path.
pub const ID: &str = "__ID__";

/// What the client identifies itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The key as clients of the dialect send it.
    Usual,
    /// The key in this header.
    Header(&'static str),
    /// The key in the query of the path.
    Query,
    /// A key that the gateway does not know, as clients of the dialect send it.
    Wrong,
}

/// One request.
pub struct Step {
    /// The upstreams whose model it names.
    pub route: Route,
    /// Its body.
    pub ask: Ask,
    /// Whether a stream is expected.
    pub stream: bool,
    /// How it is sent.
    pub call: Call,
    /// The client's credential.
    pub credential: Credential,
    /// Headers beside those of the client's dialect.
    pub headers: Vec<(&'static str, &'static str)>,
    /// What the upstream plays, the last one for all further requests.
    pub replies: Vec<Reply>,
    /// The same for the route's second upstream.
    pub second: Vec<Reply>,
    /// What has to hold.
    pub checks: Vec<Check>,
}

/// A case.
pub struct Case {
    /// What it is called.
    pub name: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// Who asks.
    pub client: Dialect,
    /// Who answers its first request.
    pub route: Route,
    /// Its requests in order.
    pub steps: Vec<Step>,
}

/// What a step has shown.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What the client has read.
    pub outcome: Outcome,
    /// The same in bytes.
    pub raw: Raw,
    /// What the client sent.
    pub sent: Bytes,
    /// What the upstreams received.
    pub received: Vec<Received>,
    /// Whether they received the client's key.
    pub leaks: bool,
}

impl Case {
    /// A case with one request, or more that are added to it.
    pub fn new(
        name: &str,
        client: Dialect,
        route: impl Into<Route>,
        about: &str,
        step: Step,
    ) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            client,
            route: route.into(),
            steps: vec![step],
        }
    }

    /// The same with one more request.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Step {
    /// A request with a body of JSON.
    pub fn new(route: impl Into<Route>, body: &Value) -> Self {
        Self::text(route, body.to_string())
    }

    /// A request with a body that is sent as it is written.
    pub fn text(route: impl Into<Route>, body: String) -> Self {
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        Self {
            route: route.into(),
            stream: parsed.get("stream").and_then(Value::as_bool) == Some(true),
            ask: Ask::Text(body),
            call: Call::Generate,
            credential: Credential::Usual,
            headers: Vec::new(),
            replies: Vec::new(),
            second: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// A conversation in the client's words.
    pub fn asking(client: Dialect, route: impl Into<Route>, asked: &Asked) -> Self {
        let mut step = Self::new(route, &write::request(client, asked));
        step.stream = asked.stream;
        step
    }

    /// A request that continues the step before.
    pub fn after(
        route: impl Into<Route>,
        ask: impl Fn(&Seen) -> Verdict<Value> + Send + Sync + 'static,
    ) -> Self {
        let mut step = Self::text(route, String::new());
        step.ask = Ask::After(Box::new(ask));
        step
    }

    /// The same with one more reply.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.replies.push(reply);
        self
    }

    /// The same with one more reply of the route's second upstream.
    #[must_use]
    pub fn second(mut self, reply: Reply) -> Self {
        self.second.push(reply);
        self
    }

    /// The same, sent in another way.
    #[must_use]
    pub fn call(mut self, call: Call) -> Self {
        self.call = call;
        self
    }

    /// The same with another credential.
    #[must_use]
    pub const fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with one more thing that has to hold.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Seen) -> Verdict<()> + Send + Sync + 'static) -> Self {
        self.checks.push(Box::new(check));
        self
    }
}

impl Seen {
    /// The answer, which there must be.
    ///
    /// # Errors
    /// When it is an error.
    pub fn answer(&self) -> Verdict<&Answer> {
        match &self.outcome {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Broken(error) => Err(format!("an error in the stream: {}", error.message)),
            Outcome::Refused(status, error) => {
                Err(format!("an error with {status}: {}", error.message))
            }
            other => Err(format!("{}, want an answer", other.words())),
        }
    }

    /// The JSON of an operation that is not an answer.
    ///
    /// # Errors
    /// When it is an error.
    pub fn json(&self) -> Verdict<&Value> {
        match &self.outcome {
            Outcome::Other(value) => Ok(value),
            Outcome::Refused(status, error) => {
                Err(format!("an error with {status}: {}", error.message))
            }
            other => Err(format!("{}, want JSON", other.words())),
        }
    }

    /// The id of what came back.
    ///
    /// # Errors
    /// When it has none.
    pub fn id(&self) -> Verdict<String> {
        let value = parse(&self.raw.body, "the answer")?;
        let id = value.get("id").and_then(Value::as_str);
        id.map(str::to_owned)
            .ok_or_else(|| "the answer has no id".to_owned())
    }

    /// What one of the upstreams received.
    pub fn received_by(&self, dialect: Dialect) -> Vec<&Received> {
        let all = self.received.iter();
        all.filter(|received| received.dialect == dialect).collect()
    }

    /// The error at the end of a stream, which there must be.
    ///
    /// # Errors
    /// When there is something else.
    pub fn broken(&self) -> Verdict<&ErrorBody> {
        match &self.outcome {
            Outcome::Broken(error) => Ok(error),
            other => Err(format!("{}, want an error in the stream", other.words())),
        }
    }

    /// The error in place of an answer, which there must be.
    ///
    /// # Errors
    /// When there is something else.
    pub fn refused(&self) -> Verdict<(u16, &ErrorBody)> {
        match &self.outcome {
            Outcome::Refused(status, error) => Ok((*status, error)),
            other => Err(format!("{}, want an error with a status", other.words())),
        }
    }

    /// A refusal of the gateway's own: a status, words that name the reason, and no call of the upstream.
    ///
    /// # Errors
    /// When it is something else.
    pub fn refused_here(&self, status: u16, word: &str) -> Verdict<&ErrorBody> {
        let (got, error) = self.refused()?;
        same("status", &got, &status)?;
        ensure(self.received.is_empty(), || {
            "the upstream was called".to_owned()
        })?;
        let param = error.param.as_deref().unwrap_or_default();
        let named = error.message.contains(word) || param.contains(word);
        ensure(named, || {
            format!("{:?} does not name {word:?}", error.message)
        })?;
        Ok(error)
    }

    /// The last request that the upstream received, which there must be.
    ///
    /// # Errors
    /// When there was none.
    pub fn request(&self) -> Verdict<&Received> {
        let last = self.received.last();
        last.ok_or_else(|| "the upstream was not called".to_owned())
    }

    /// What that request asks.
    ///
    /// # Errors
    /// When there was none, or it violates the vendor's rules.
    pub fn asked(&self) -> Verdict<&Asked> {
        self.request()?.asked.as_ref().map_err(Clone::clone)
    }
}

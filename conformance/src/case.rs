//! A case: what a client asks, what the upstream plays, and what has to hold. Owns the vocabulary of the tables.

use bytes::Bytes;
use serde_json::Value;

use crate::client::Raw;
use crate::dialect::Dialect;
use crate::node::{Verdict, ensure, same};
use crate::normal::{Answer, Asked};
use crate::read::{ErrorBody, Outcome};
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

/// One request.
pub struct Step {
    /// The upstream whose model it names.
    pub upstream: Dialect,
    /// Its body.
    pub ask: Ask,
    /// Whether a stream is expected.
    pub stream: bool,
    /// Headers beside those of the client's dialect.
    pub headers: Vec<(&'static str, &'static str)>,
    /// What the upstream plays, the last one for all further requests.
    pub replies: Vec<Reply>,
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
    /// Who answers, at first.
    pub upstream: Dialect,
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
    /// What the upstream received.
    pub received: Vec<Received>,
}

impl Case {
    /// A case with one request, or more that are added to it.
    pub fn new(name: &str, client: Dialect, upstream: Dialect, about: &str, step: Step) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            client,
            upstream,
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
    pub fn new(upstream: Dialect, body: &Value) -> Self {
        Self::text(upstream, body.to_string())
    }

    /// A request with a body that is sent as it is written.
    pub fn text(upstream: Dialect, body: String) -> Self {
        let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
        Self {
            upstream,
            stream: parsed.get("stream").and_then(Value::as_bool) == Some(true),
            ask: Ask::Text(body),
            headers: Vec::new(),
            replies: Vec::new(),
            checks: Vec::new(),
        }
    }

    /// A conversation in the client's words.
    pub fn asking(client: Dialect, upstream: Dialect, asked: &Asked) -> Self {
        let mut step = Self::new(upstream, &write::request(client, asked));
        step.stream = asked.stream;
        step
    }

    /// A request that continues the step before.
    pub fn after(
        upstream: Dialect,
        ask: impl Fn(&Seen) -> Verdict<Value> + Send + Sync + 'static,
    ) -> Self {
        let mut step = Self::text(upstream, String::new());
        step.ask = Ask::After(Box::new(ask));
        step
    }

    /// The same with one more reply.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.replies.push(reply);
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
        }
    }

    /// The error at the end of a stream, which there must be.
    ///
    /// # Errors
    /// When there is something else.
    pub fn broken(&self) -> Verdict<&ErrorBody> {
        match &self.outcome {
            Outcome::Broken(error) => Ok(error),
            Outcome::Answer(_) => Err("a whole answer, want an error in the stream".to_owned()),
            Outcome::Refused(status, _) => {
                Err(format!("the status {status}, want an error in the stream"))
            }
        }
    }

    /// The error in place of an answer, which there must be.
    ///
    /// # Errors
    /// When there is something else.
    pub fn refused(&self) -> Verdict<(u16, &ErrorBody)> {
        match &self.outcome {
            Outcome::Refused(status, error) => Ok((*status, error)),
            Outcome::Answer(_) => Err("an answer, want an error".to_owned()),
            Outcome::Broken(_) => Err("an error in a stream, want one with a status".to_owned()),
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

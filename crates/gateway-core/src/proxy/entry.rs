//! The ledger's record of a request under way. Owns what is gathered while the request is served, and the moment when
//! the record is finished: when its last holder (the request path, or the answer's body) lets it go, whatever happened.
//! The line in the log that says how a request ended is written here as well.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use http::StatusCode;

use super::{Gateway, routes};
use crate::config::model::{ClientKey, KeyLimits, Price};
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::ledger::price;
use crate::ledger::reason::Reason;
use crate::ledger::record::{Actor, AttemptOutcome, AttemptRecord, End, ModelKnown, RequestRecord};
use crate::limits::statements::Spent;
use crate::ports::{ProxyPorts, SendErrorKind};
use crate::units::Timestamp;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::usage::Usage;

/// The status in the ledger of a request whose client left before it had one (nginx's convention).
const CLIENT_GONE: u16 = 499;
/// Bytes of text per token, when tokens must be estimated: what OpenAI gives as a rule of thumb for English.
const BYTES_PER_TOKEN: u64 = 4;

/// A request on its way into the ledger.
pub struct Entry<P: ProxyPorts> {
    gateway: Rc<Gateway<P>>,
    snapshot: Rc<Snapshot>,
    record: RefCell<RequestRecord>,
    /// When each attempt began, and whether it is still under way.
    attempts: RefCell<Vec<(Timestamp, bool)>>,
    /// Bytes of text that the client was given.
    content_bytes: Cell<u64>,
    /// Bytes of text in the request.
    prompt_bytes: Cell<u64>,
    /// What tokens cost where the answer comes from.
    price: Cell<Option<Price>>,
    limits: KeyLimits,
    /// Whether it takes no tokens, whatever its answer says.
    is_free: bool,
    /// Whether nothing is kept of it.
    is_left_out: Cell<bool>,
}

/// An attempt's place in its request's entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptIndex(usize);

impl<P: ProxyPorts> Entry<P> {
    /// Begins when the client is known. Until anything else is, a request that ends was left by its client.
    pub fn begin(
        gateway: &Rc<Gateway<P>>,
        snapshot: &Rc<Snapshot>,
        client: &ClientKey,
        endpoint: Cow<'static, str>,
        request_id: &str,
    ) -> Rc<Self> {
        let is_free = routes::is_free(&endpoint);
        let record = RequestRecord {
            id: request_id.to_owned(),
            time: gateway.ports.now(),
            key: Actor {
                id: client.id.clone(),
                name: client.name.clone(),
            },
            endpoint,
            status: CLIENT_GONE,
            ..RequestRecord::default()
        };
        Rc::new(Self {
            gateway: Rc::clone(gateway),
            snapshot: Rc::clone(snapshot),
            record: RefCell::new(record),
            attempts: RefCell::default(),
            content_bytes: Cell::default(),
            prompt_bytes: Cell::default(),
            price: Cell::default(),
            limits: client.limits,
            is_free,
            is_left_out: Cell::default(),
        })
    }

    /// Notes what is asked for, with so many bytes of text.
    pub fn asked(&self, model: &str, stream: bool, text_bytes: u64) {
        let mut record = self.record.borrow_mut();
        model.clone_into(&mut record.model);
        if self.snapshot.names(model) {
            record.model_known = ModelKnown::Named;
        }
        record.stream = stream;
        self.prompt_bytes.set(text_bytes);
    }

    /// Notes that an attempt begins.
    pub fn attempt_begins(&self, channel: &Channel, key: &Key, model: &str) -> AttemptIndex {
        let mut record = self.record.borrow_mut();
        record.attempts.push(AttemptRecord {
            channel: channel.id.clone(),
            key: key.id.clone(),
            outcome: AttemptOutcome::Abandoned,
            status: None,
            ms: 0,
        });
        record.channel = Some(actor(channel));
        record.upstream_key = Some(key.id.clone()).filter(|id| !id.is_empty());
        record.upstream_model = Some(model.to_owned()).filter(|model| !model.is_empty());
        self.attempts
            .borrow_mut()
            .push((self.gateway.ports.now(), true));
        AttemptIndex(record.attempts.len() - 1)
    }

    /// Notes that an attempt has failed.
    pub fn attempt_failed(&self, index: AttemptIndex, failed: &FailedAttempt) {
        let status = failed.status.map(|status| status.as_u16());
        self.attempt_ends(index.0, outcome(failed.failure), status);
    }

    /// Notes that an attempt is answered, which ends all others.
    pub fn attempt_answered(
        &self,
        index: AttemptIndex,
        channel: &Channel,
        key: &Key,
        model: &str,
        status: StatusCode,
    ) {
        let ports = &self.gateway.ports;
        self.attempt_ends(index.0, AttemptOutcome::Answered, Some(status.as_u16()));
        self.abandon();
        let mut record = self.record.borrow_mut();
        let price = self.snapshot.price(channel, &record.model, model);
        self.price.set(price);
        record.status = status.as_u16();
        record.model_known = record.model_known.max(ModelKnown::Answered);
        record.first_byte_ms = Some(ports.now().since_ms(record.time));
        record.channel = Some(actor(channel));
        record.upstream_key = Some(key.id.clone()).filter(|id| !id.is_empty());
        record.upstream_model = Some(model.to_owned()).filter(|model| !model.is_empty());
    }

    fn attempt_ends(&self, index: usize, outcome: AttemptOutcome, status: Option<u16>) {
        let now = self.gateway.ports.now();
        if let Some((began, under_way)) = self.attempts.borrow_mut().get_mut(index)
            && let Some(attempt) = self.record.borrow_mut().attempts.get_mut(index)
        {
            *under_way = false;
            attempt.outcome = outcome;
            attempt.status = status;
            attempt.ms = now.since_ms(*began);
        }
    }

    /// Attempts that are still under way are wanted no more.
    fn abandon(&self) {
        let under_way: Vec<usize> = self
            .attempts
            .borrow()
            .iter()
            .enumerate()
            .filter_map(|(index, (_, under_way))| under_way.then_some(index))
            .collect();
        for index in under_way {
            self.attempt_ends(index, AttemptOutcome::Abandoned, None);
        }
    }

    /// Notes why the request has no answer. The first reason stays: it is the exact one.
    pub fn because(&self, reason: Reason) {
        self.record.borrow_mut().reason.get_or_insert(reason);
    }

    /// Notes an error that is the answer.
    pub fn refused(&self, status: StatusCode, end: End) {
        let mut record = self.record.borrow_mut();
        record.status = status.as_u16();
        record.end = end;
    }

    /// Neither the log nor the ledger shall hear of the request.
    pub fn leave_out(&self) {
        self.is_left_out.set(true);
    }

    /// Notes how an answer ended that had begun.
    pub fn close(&self, end: End) {
        self.record.borrow_mut().end = end;
    }

    /// Takes in tokens that the upstream states.
    pub fn take_in(&self, usage: Usage) {
        if self.is_free {
            return;
        }
        self.record.borrow_mut().usage.take_in(usage);
    }

    /// Notes that the client is given so many bytes of text.
    pub fn gave(&self, bytes: u64) {
        self.content_bytes.set(self.content_bytes.get() + bytes);
    }

    /// Estimates tokens where the upstream did not come to say them, or never does.
    fn estimate(&self, record: &mut RequestRecord) {
        let is_whole = record.end == End::Complete && record.usage != Usage::default();
        if record.first_byte_ms.is_none() || is_whole || self.is_free {
            return;
        }
        let content = self.content_bytes.get().div_ceil(BYTES_PER_TOKEN);
        if content > record.usage.completion_tokens {
            record.usage.completion_tokens = content;
            record.estimated = true;
        }
        // Also where the answer has no text, as embeddings, or did not come to it: the prompt was read.
        let prompt = self.prompt_bytes.get().div_ceil(BYTES_PER_TOKEN);
        if record.usage.prompt_tokens == 0 && prompt > 0 {
            record.usage.prompt_tokens = prompt;
            record.estimated = true;
        }
    }
}

impl<P: ProxyPorts> Drop for Entry<P> {
    fn drop(&mut self) {
        if self.is_left_out.get() {
            return;
        }
        self.abandon();
        let ports = &self.gateway.ports;
        let mut record = self.record.take();
        record.total_ms = ports.now().since_ms(record.time);
        self.estimate(&mut record);
        let price = self.price.get();
        record.cost_micro_usd = price.map_or(0, |price| price::cost_micro_usd(price, record.usage));
        let policy = ports.policy();
        if policy.wants(&record) {
            match policy.json(&record) {
                Some(json) => ports.finished_line(format_args!("{json}")),
                None => ports.finished_line(format_args!("{}", Line(&record))),
            }
        }
        if self.limits.count_usage() {
            let usage = record.usage;
            let spent = Spent {
                tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
                cost_micro_usd: record.cost_micro_usd,
            };
            self.gateway.charge(&record.key.id, spent);
        }
        let settings = &self.snapshot.settings;
        if settings.ledger {
            self.gateway.record(&record, settings);
        }
    }
}

/// One line that says what became of a request.
struct Line<'a>(&'a RequestRecord);

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        write!(formatter, "{} {}", record.id, record.status)?;
        if let Some(channel) = &record.channel {
            let key = record.upstream_key.as_deref().unwrap_or("-");
            write!(formatter, " from channel {:?} key {key}", channel.name)?;
        }
        let model = record.upstream_model.as_ref().unwrap_or(&record.model);
        write!(
            formatter,
            " model {model:?}: {} after {} ms",
            record.end.word(),
            record.total_ms
        )?;
        if let Some(first_byte_ms) = record.first_byte_ms {
            let Usage {
                prompt_tokens,
                completion_tokens,
                ..
            } = record.usage;
            write!(
                formatter,
                ", first byte after {first_byte_ms} ms, {prompt_tokens} + {completion_tokens} tokens"
            )?;
            if record.estimated {
                formatter.write_str(" (estimated)")?;
            }
        }
        Ok(())
    }
}

fn actor(channel: &Channel) -> Actor {
    Actor {
        id: channel.id.clone(),
        name: channel.name.clone(),
    }
}

const fn outcome(failure: Failure) -> AttemptOutcome {
    match failure {
        Failure::Unreachable(SendErrorKind::Timeout) => AttemptOutcome::Timeout,
        Failure::Unreachable(SendErrorKind::ClientGone) => AttemptOutcome::Abandoned,
        Failure::Unreachable(_) => AttemptOutcome::Unreachable,
        Failure::ServerError => AttemptOutcome::ServerError,
        Failure::Throttled => AttemptOutcome::Throttled,
        Failure::KeyRefused => AttemptOutcome::KeyRefused,
        Failure::ModelUnknown | Failure::OperationUnsupported => AttemptOutcome::ModelUnknown,
        Failure::RequestRefused => AttemptOutcome::RequestRefused,
    }
}

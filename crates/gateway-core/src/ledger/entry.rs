//! The ledger's record of a request under way. Owns what is gathered while the request is served, and the moment when
//! the record is finished: when its last holder (the request path, or the answer's body) drops it, whatever happened.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::StatusCode;

use super::reason::Reason;
use super::record::{Actor, AttemptOutcome, AttemptRecord, End, ModelKnown, RequestRecord};
use super::service::LedgerService;
use super::{detail, log_line, price};
use crate::config::model::{ClientKey, Price};
use crate::config::snapshot::{Channel, Key, Snapshot};
use crate::error::GatewayError;
use crate::limits::service::LimitsService;
use crate::limits::usage::{Consumed, LimitStatus, Reservation, Settlement};
use crate::ports::{ProxyPorts, SendErrorKind};
use crate::units::Timestamp;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::wire::usage::Usage;

/// The status in the ledger of a request whose client left before it had one (nginx's convention).
const CLIENT_GONE: u16 = 499;
/// Bytes of text per token, when tokens must be estimated: what OpenAI gives as a rule of thumb for English.
pub const BYTES_PER_TOKEN: u64 = 4;

/// A request on its way into the ledger.
pub struct Entry<P: ProxyPorts> {
    ledger: Rc<LedgerService<P>>,
    limits: Rc<LimitsService<P>>,
    snapshot: Rc<Snapshot>,
    record: RefCell<RequestRecord>,
    /// When each attempt began, and whether it is still under way.
    attempts: RefCell<Vec<(Timestamp, bool)>>,
    /// Bytes of text that the client was given.
    content_bytes: Cell<u64>,
    /// Bytes of text in the request.
    prompt_bytes: Cell<u64>,
    /// What requests cost where the answer comes from.
    price: RefCell<Option<Price>>,
    /// Whether the client key's limits count tokens or costs.
    counts_usage: bool,
    /// What is reserved of them for the request.
    reserved: Cell<Reservation>,
    /// Whether it takes no tokens, whatever its answer says.
    is_free: Cell<bool>,
    /// Whether nothing is kept of it.
    is_left_out: Cell<bool>,
}

/// How a request begins.
#[derive(Clone, Debug)]
pub struct RequestStart<'a> {
    /// Its id.
    pub id: &'a str,
    /// The client key.
    pub client: &'a ClientKey,
    /// The path, as [`RequestRecord`] keeps it.
    pub endpoint: Cow<'static, str>,
    /// Whether it takes no tokens, whatever its answer says.
    pub is_free: bool,
}

/// An attempt's place in its request's entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttemptIndex(usize);

impl<P: ProxyPorts> Entry<P> {
    /// Begins when the client is known. Until anything else is, a request that ends was left by its client.
    pub fn begin(
        ledger: &Rc<LedgerService<P>>,
        limits: &Rc<LimitsService<P>>,
        snapshot: &Rc<Snapshot>,
        request: RequestStart<'_>,
    ) -> Rc<Self> {
        let client = request.client;
        let record = RequestRecord {
            id: request.id.to_owned(),
            time: ledger.ports().now(),
            key: Actor {
                id: client.id.clone(),
                name: client.name.clone(),
            },
            endpoint: request.endpoint,
            status: CLIENT_GONE,
            ..RequestRecord::default()
        };
        Rc::new(Self {
            ledger: Rc::clone(ledger),
            limits: Rc::clone(limits),
            snapshot: Rc::clone(snapshot),
            record: RefCell::new(record),
            attempts: RefCell::default(),
            content_bytes: Cell::default(),
            prompt_bytes: Cell::default(),
            price: RefCell::default(),
            counts_usage: client.limits.count_usage(),
            reserved: Cell::default(),
            is_free: Cell::new(request.is_free),
            is_left_out: Cell::default(),
        })
    }

    fn now(&self) -> Timestamp {
        self.ledger.ports().now()
    }

    /// Notes what is requested, with so many bytes of text.
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
            detail: None,
        });
        record.channel = Some(actor(channel));
        record.upstream_key = Some(key.id.clone()).filter(|id| !id.is_empty());
        record.upstream_model = Some(model.to_owned()).filter(|model| !model.is_empty());
        self.attempts.borrow_mut().push((self.now(), true));
        AttemptIndex(record.attempts.len() - 1)
    }

    /// Notes that an attempt at `channel` has failed.
    pub fn attempt_failed(&self, index: AttemptIndex, failed: &FailedAttempt, channel: &Channel) {
        let status = failed.status.map(|status| status.as_u16());
        let outcome = outcome(failed.failure);
        self.attempt_ends(index.0, outcome, status);
        if outcome != AttemptOutcome::Abandoned
            && let Some(attempt) = self.record.borrow_mut().attempts.get_mut(index.0)
        {
            attempt.detail = self.detail(&failed.error.message, Some(channel));
        }
    }

    /// Notes that the answer of `channel`, which had begun, broke off; `why` is nothing that the upstream said.
    pub fn broke(&self, why: &str, channel: &Channel) {
        self.close(End::UpstreamBroke);
        self.because(Reason::StreamIncomplete);
        let mut record = self.record.borrow_mut();
        let mut attempts = record.attempts.iter_mut();
        if let Some(answered) = attempts.find(|it| it.outcome == AttemptOutcome::Answered) {
            answered.detail = self.detail(why, Some(channel));
        }
    }

    /// What is kept of an error's message, if any of it may be kept.
    fn detail(&self, message: &str, channel: Option<&Channel>) -> Option<String> {
        let settings = &self.snapshot.settings;
        let is_kept = settings.ledger && settings.log_error_details;
        is_kept.then(|| detail::detail(message, channel)).flatten()
    }

    /// Notes that an attempt is answered, which ends all others. The model has the name that the channel was chosen by, which
    /// prices are for, and the upstream's name.
    pub fn attempt_answered(
        &self,
        index: AttemptIndex,
        channel: &Channel,
        key: &Key,
        [chosen_model, model]: [&str; 2],
        status: StatusCode,
    ) {
        self.attempt_ends(index.0, AttemptOutcome::Answered, Some(status.as_u16()));
        self.abandon();
        let mut record = self.record.borrow_mut();
        let price = self.snapshot.price(channel, chosen_model, model);
        self.price.replace(price.cloned());
        record.status = status.as_u16();
        record.model_known = record.model_known.max(ModelKnown::Answered);
        record.first_byte_ms = Some(self.now().since_ms(record.time));
        // Mostly it is the attempt that began last, which is noted already.
        if record.channel.as_ref().is_none_or(|it| it.id != channel.id) {
            record.channel = Some(actor(channel));
        }
        let key = Some(&key.id).filter(|id| !id.is_empty());
        if record.upstream_key.as_ref() != key {
            record.upstream_key = key.cloned();
        }
        let model = Some(model).filter(|model| !model.is_empty());
        if record.upstream_model.as_deref() != model {
            record.upstream_model = model.map(str::to_owned);
        }
    }

    fn attempt_ends(&self, index: usize, outcome: AttemptOutcome, status: Option<u16>) {
        let now = self.now();
        if let Some((began, under_way)) = self.attempts.borrow_mut().get_mut(index)
            && let Some(attempt) = self.record.borrow_mut().attempts.get_mut(index)
        {
            *under_way = false;
            attempt.outcome = outcome;
            attempt.status = status;
            attempt.ms = now.since_ms(*began);
        }
    }

    /// Ends attempts that are still under way.
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

    /// Notes that the client key is over one of its limits.
    pub fn over_limit(&self, exceeded: LimitStatus) {
        self.because(exceeded.measure.into());
        self.record.borrow_mut().exceeded = Some(exceeded);
    }

    /// Notes what is reserved of the client key's limits until the request ends.
    pub fn reserved(&self, reservation: Reservation) {
        self.reserved.set(reservation);
    }

    /// Notes an error that is the answer.
    pub fn refused(&self, status: StatusCode, end: End) {
        let mut record = self.record.borrow_mut();
        record.status = status.as_u16();
        record.end = end;
    }

    /// Notes that the request was rejected with this error of the gateway's own.
    pub fn rejected(&self, error: &GatewayError) {
        let reason = Reason::of_error(error.status, error.body.code.as_deref());
        self.because(reason);
        self.refused(error.status, End::Refused);
        // Of a path that does not exist the endpoint holds what may be shown.
        if reason != Reason::UnknownPath {
            self.record.borrow_mut().detail = self.detail(&error.body.message, None);
        }
    }

    /// Sets whether the request takes no tokens, whatever its answer says: those of a response that is made in the
    /// background are taken by the request that first gets all of it.
    pub fn set_free(&self, is_free: bool) {
        self.is_free.set(is_free);
    }

    /// Whether the request takes no tokens, as far as is known.
    pub fn is_free(&self) -> bool {
        self.is_free.get()
    }

    /// Keeps the request out of log and ledger.
    pub fn leave_out(&self) {
        self.is_left_out.set(true);
    }

    /// Notes how an answer ended that had begun.
    pub fn close(&self, end: End) {
        self.record.borrow_mut().end = end;
    }

    /// Adds tokens that the upstream states.
    pub fn take_in(&self, usage: Usage) {
        self.record.borrow_mut().usage.take_in(usage);
    }

    /// Adds bytes of text that the client is given.
    pub fn gave(&self, bytes: u64) {
        self.content_bytes.set(self.content_bytes.get() + bytes);
    }

    /// Ends the record: prices the request, writes its line in the log, and hands it to limits and ledger.
    fn finish(&self) {
        if self.is_left_out.get() {
            return;
        }
        self.abandon();
        let mut record = self.record.take();
        record.total_ms = self.now().since_ms(record.time);
        if self.is_free.get() {
            record.usage = Usage::default();
        }
        self.estimate(&mut record);
        let price = self.price.take().filter(|_| !self.is_free.get());
        record.cost_micro_usd =
            price.map_or(0, |price| price::cost_micro_usd(&price, record.usage));
        let ports = self.ledger.ports();
        if let Some(line) = log_line::of(&record, ports.policy()) {
            ports.finished_line(format_args!("{line}"));
        }
        if self.counts_usage {
            let usage = record.usage;
            let consumed = Consumed {
                tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
                cost_micro_usd: record.cost_micro_usd,
            };
            let settlement = Settlement {
                reserved: self.reserved.take(),
                consumed,
            };
            self.limits.settle(&record.key.id, settlement);
        }
        let settings = &self.snapshot.settings;
        if settings.ledger {
            self.ledger.record(&record, settings);
        }
    }

    /// Estimates tokens that the upstream did not state.
    fn estimate(&self, record: &mut RequestRecord) {
        let is_whole = record.end == End::Complete && record.usage.has_tokens();
        if record.first_byte_ms.is_none() || is_whole || self.is_free.get() {
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
        self.finish();
        self.ledger.ended(&self.snapshot);
    }
}

fn actor(channel: &Channel) -> Actor {
    Actor {
        id: channel.id.clone(),
        name: channel.name.clone(),
    }
}

/// What became of an attempt that failed so.
pub const fn outcome(failure: Failure) -> AttemptOutcome {
    match failure {
        Failure::Unreachable(SendErrorKind::Timeout) => AttemptOutcome::Timeout,
        Failure::Unreachable(SendErrorKind::ClientGone) => AttemptOutcome::Abandoned,
        Failure::Unreachable(_) => AttemptOutcome::Unreachable,
        Failure::ServerError => AttemptOutcome::ServerError,
        Failure::Throttled => AttemptOutcome::Throttled,
        Failure::KeyRefused => AttemptOutcome::KeyRefused,
        Failure::ModelUnknown | Failure::OperationUnsupported => AttemptOutcome::ModelUnknown,
        Failure::RequestRefused | Failure::Untranslatable => AttemptOutcome::RequestRefused,
    }
}

//! One call, over as many attempts as it needs. Owns the loop that takes candidates from the [`Plan`], one after the
//! other or, where the channel asks for it, one beside the other. What an attempt is, is `attempt`'s; what an answer
//! is worth is decided in `answer`, what a failure means in `crate::attempt`.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{self, Either};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::attempt::{Attempt, Finished};
use super::body::Received;
use super::entry::{AttemptIndex, Entry};
use super::payload::Payload;
use super::routes::Operation;
use super::{Gateway, candidates, model, query};
use crate::attempt::plan::{Candidate, Plan};
use crate::attempt::{exhausted, unsupported};
use crate::config::model::ClientKey;
use crate::config::snapshot::{Channel, Snapshot};
use crate::error::{ErrorStyle, GatewayError};
use crate::health::cooldown::Phase;
use crate::ledger::reason::Reason;
use crate::ledger::record::End;
use crate::ports::{Clock, ProxyPorts, SendErrorKind};
use crate::reply::Reply;
use crate::units::Timestamp;
use crate::upstream::failure::{FailedAttempt, Failure};

/// The channel that answered, or the last one that was tried.
const X_GATEWAY_CHANNEL: HeaderName = HeaderName::from_static("x-gateway-channel");
/// How many attempts the request took.
const X_GATEWAY_ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");

/// One call of a client.
pub struct Call<'a, P: ProxyPorts> {
    /// What is asked for.
    pub operation: Operation,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The client's path and query.
    pub uri: &'a Uri,
    /// The value of `Via` that is added to them.
    pub via: Option<&'a HeaderValue>,
    /// Who calls.
    pub client: &'a ClientKey,
    /// The request's id, for the log.
    pub request_id: &'a str,
    /// Its record in the ledger.
    pub entry: &'a Rc<Entry<P>>,
}

/// Tries candidates until one answers or none is left.
pub async fn run<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Snapshot,
    call: &Call<'_, P>,
    body: Received,
) -> Result<Reply, GatewayError> {
    // 1. Find the model: it decides who may be asked.
    let payload = Payload::parse(call.headers, &body.bytes, &snapshot.acted_on)?;
    let wanted = model::wanted(&payload, call.operation, snapshot)?;
    let model = wanted.name.as_ref();
    let text_bytes = payload.text_bytes(&body.bytes);
    call.entry.asked(model, payload.is_stream(), text_bytes);
    if let Err(error) = model::check(&wanted, &payload, call.operation, call.client, snapshot) {
        if !model.is_empty() {
            call.entry.because(Reason::ModelNotAllowed);
        }
        return Err(error);
    }
    query::check(call.uri)?;
    // 2. Put the channels that serve it in order.
    let ports = &gateway.ports;
    let session = candidates::session(snapshot, call.headers, &payload);
    let mut plan = candidates::plan(snapshot, model, session.as_deref(), || ports.next_u64())?;
    let received = ports.now();
    let course = Course {
        gateway,
        snapshot,
        call,
        payload: &payload,
        model,
        received,
        deadline: received.plus_ms(snapshot.settings.total_timeout_ms),
    };
    // 3. Attempts until one answers, no candidate is left, or the time to the first byte is over.
    let mut story = Story::default();
    let mut running = Running::new();
    let mut wants_next = true;
    loop {
        let mut early = None;
        if wants_next {
            let is_hedge = !running.is_empty();
            let next = course.next(&mut plan, is_hedge);
            let next = beside(&mut running, next, &mut early).await;
            match next {
                Some(attempt) => {
                    story.begin(&attempt);
                    running.push(Box::pin(attempt.make(call, &payload, &body, wanted.said())));
                }
                None if early.is_some() => {}
                None if running.is_empty() => return Ok(course.exhausted(&plan, &story)),
                None => story.stop_hedging(),
            }
        }
        // 4. Wait for an outcome; beside an attempt that is late the next one starts, if its channel asks for that.
        if early.is_none() {
            early = first(&mut running, story.hedge_after(), ports).await;
        }
        let Some(Finished { attempt, outcome }) = early else {
            wants_next = true;
            continue;
        };
        let failed = match outcome {
            // What still runs beside it is dropped here, which ends its calls.
            Ok(reply) => return Ok(labelled(reply, Some(attempt.channel), story.attempts)),
            Err(failed) => failed,
        };
        // 5. Learn from a failure, for this request and for all others.
        attempt.log(&failed, story.attempts);
        plan.failed(attempt.candidate, failed.failure);
        attempt.failed_with(&failed);
        if failed.failure == Failure::RequestRefused {
            let reply = refused(failed, call.operation.errors);
            call.entry.because(Reason::UpstreamRefused);
            call.entry.refused(reply.status(), End::Refused);
            return Ok(labelled(reply, Some(attempt.channel), story.attempts));
        }
        story.end(&attempt, failed, model);
        wants_next = running.is_empty();
    }
}

/// Attempts under way, seldom more than one. Not `FuturesUnordered`: having polled all it has, that wakes its task once
/// more, which costs an instance another turn of each request.
type Running<T> = Vec<Pin<Box<T>>>;

/// The next outcome; `None` when nothing is under way.
async fn outcome<T: Future>(running: &mut Running<T>) -> Option<T::Output> {
    poll_fn(|context| {
        for place in 0..running.len() {
            if let Poll::Ready(outcome) = running[place].as_mut().poll(context) {
                drop(running.swap_remove(place));
                return Poll::Ready(Some(outcome));
            }
        }
        if running.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    })
    .await
}

/// The first outcome; `None` when `hedge_after` is over before there is one.
async fn first<T: Future>(
    running: &mut Running<T>,
    hedge_after: Option<Duration>,
    clock: &impl Clock,
) -> Option<T::Output> {
    let outcome = outcome(running);
    match hedge_after {
        None => outcome.await,
        Some(hedge_after) => {
            match future::select(pin!(outcome), pin!(clock.sleep(hedge_after))).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => None,
            }
        }
    }
}

/// The next candidate, which may take a moment to be had, while attempts go on that are late already. One of them
/// that ends meanwhile is `early`; nobody else is needed any more when it brings the answer.
async fn beside<'a, P: ProxyPorts, T: Future<Output = Finished<'a, P>>>(
    running: &mut Running<T>,
    next: impl Future<Output = Option<Attempt<'a, P>>>,
    early: &mut Option<Finished<'a, P>>,
) -> Option<Attempt<'a, P>> {
    if running.is_empty() {
        return next.await;
    }
    // An outcome that is there already is looked at first.
    match future::select(pin!(outcome(running)), pin!(next)).await {
        Either::Right((attempt, _)) => attempt,
        Either::Left((finished, next)) => {
            *early = finished;
            match early {
                Some(finished) if finished.is_last() => None,
                _ => next.await,
            }
        }
    }
}

/// What stays the same over all attempts of a request.
struct Course<'a, P: ProxyPorts> {
    gateway: &'a Rc<Gateway<P>>,
    snapshot: &'a Snapshot,
    call: &'a Call<'a, P>,
    payload: &'a Payload<'a>,
    model: &'a str,
    /// When the request came.
    received: Timestamp,
    /// When the time to the first byte is over.
    deadline: Timestamp,
}

impl<'a, P: ProxyPorts> Course<'a, P> {
    /// The next candidate, ready to be called; `None` when there is none or no time left.
    async fn next(&self, plan: &mut Plan, is_hedge: bool) -> Option<Attempt<'a, P>> {
        loop {
            let now = self.gateway.ports.now();
            if now >= self.deadline {
                return None;
            }
            let phase = |candidate| {
                candidates::resolve(self.snapshot, candidate).map_or(
                    Phase::Ready,
                    |(channel, key)| {
                        let model = channel.upstream_model(self.model);
                        self.gateway
                            .phase(channel, key, self.call.operation, model, now)
                    },
                )
            };
            let next = if is_hedge {
                plan.next_beside(phase)
            } else {
                plan.next(phase)
            }?;
            let (channel, key) = candidates::resolve(self.snapshot, next.candidate)?;
            let mut attempt = Attempt {
                gateway: self.gateway,
                candidate: next.candidate,
                channel,
                key,
                model: channel.upstream_model(self.model),
                operation: self.call.operation,
                request_id: self.call.request_id,
                entry: self.call.entry,
                index: AttemptIndex::default(),
                received: self.received,
                deadline: self.deadline,
                began: now,
                wants_stream: self.payload.is_stream(),
                wants_usage: self.payload.asks_usage(),
                asks_usage: self.payload.wants_usage_asked(self.call.operation, channel),
                probe: Cell::default(),
            };
            if next.is_probe {
                let Some(probe) = self.gateway.probe(channel, attempt.who(), now).await else {
                    plan.postpone(next.candidate);
                    continue;
                };
                attempt.probe = Cell::new(Some(probe));
                attempt.began = self.gateway.ports.now();
            }
            attempt.index = self.call.entry.attempt_begins(channel, key, attempt.model);
            return Some(attempt);
        }
    }

    /// The answer when nobody is left to be asked.
    fn exhausted(&self, plan: &Plan, story: &Story<'_>) -> Reply {
        let now = self.gateway.ports.now();
        let retry_after_ms = plan.retry_at().map(|until| until.since_ms(now));
        let is_out_of_time = now >= self.deadline;
        let error = if story.lacks_operation && !is_out_of_time {
            let endpoint = format!("POST {}", self.call.operation.endpoint);
            unsupported::error(&endpoint, self.model, &story.failed)
        } else {
            exhausted::error(self.model, &story.failed, retry_after_ms, is_out_of_time)
        };
        let reason = Reason::of_error(error.status, error.body.code.as_deref());
        let reply = error.into_reply_as(self.call.operation.errors);
        if !story.is_client_gone() {
            self.call.entry.because(reason);
            let end = if story.failed.is_empty() {
                End::Refused
            } else {
                End::UpstreamBroke
            };
            self.call.entry.refused(reply.status(), end);
        }
        labelled(reply, story.last, story.attempts)
    }
}

/// What has happened so far.
#[derive(Default)]
struct Story<'a> {
    /// Attempts that were begun.
    attempts: usize,
    /// The channel that failed last.
    last: Option<&'a Channel>,
    failed: Vec<FailedAttempt>,
    /// Whether each of them says that the upstream has no such operation.
    lacks_operation: bool,
    /// Attempts under way, the latest last, with the time after which they are late.
    under_way: Vec<(Candidate, Option<Duration>)>,
}

impl<'a> Story<'a> {
    fn begin<P: ProxyPorts>(&mut self, attempt: &Attempt<'a, P>) {
        self.attempts += 1;
        self.under_way
            .push((attempt.candidate, attempt.channel.hedge_after));
    }

    fn end<P: ProxyPorts>(&mut self, attempt: &Attempt<'a, P>, failed: FailedAttempt, model: &str) {
        let lacks_operation = unsupported::lacks_operation(&failed, [model, attempt.model]);
        self.lacks_operation = lacks_operation && (self.lacks_operation || self.failed.is_empty());
        self.failed.push(failed);
        self.last = Some(attempt.channel);
        self.under_way
            .retain(|(candidate, _)| *candidate != attempt.candidate);
    }

    /// How long the latest attempt may go without an answer before another one starts beside it.
    fn hedge_after(&self) -> Option<Duration> {
        self.under_way.last()?.1
    }

    /// Whether the calls were ended since the client has left.
    fn is_client_gone(&self) -> bool {
        let client_gone = Failure::Unreachable(SendErrorKind::ClientGone);
        self.failed
            .iter()
            .any(|failed| failed.failure == client_gone)
    }

    /// There is nobody left to start.
    fn stop_hedging(&mut self) {
        for (_, hedge_after) in &mut self.under_way {
            *hedge_after = None;
        }
    }
}

/// The upstream found fault with the request itself: its own status and words, in our shape.
fn refused(failure: FailedAttempt, style: ErrorStyle) -> Reply {
    let status = failure.status.unwrap_or(http::StatusCode::BAD_REQUEST);
    let error = GatewayError {
        status,
        body: failure.error,
        retry_after_s: None,
        exhausted: false,
        allow: None,
        details: Vec::new(),
    };
    let mut reply = error.into_reply_as(style);
    // The error's own content type stays: it is our JSON, whatever the upstream's was.
    failure.headers.into_iter().for_each(|(name, value)| {
        if let Some(name) = name.filter(|name| *name != CONTENT_TYPE) {
            reply.headers_mut().append(name, value);
        }
    });
    reply
}

fn labelled(mut reply: Reply, channel: Option<&Channel>, attempts: usize) -> Reply {
    let headers = reply.headers_mut();
    if let Some(channel) = channel {
        headers.insert(X_GATEWAY_CHANNEL, channel.name_header.clone());
    }
    headers.insert(X_GATEWAY_ATTEMPTS, HeaderValue::from(attempts));
    reply
}

//! One request, over as many attempts as it needs. Owns the loop that takes candidates from the [`Plan`], one after the
//! other or, where the channel enables hedging, in parallel. The single attempt is `send`'s; whether a response counts
//! is decided in `answer`, what a failure means in `upstream::classify`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{self, Either};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};

use super::attempt::Attempt;
use super::body::Received;
use super::candidates::Choice;
use super::channel_dialect::{lacks, upstream_operation};
use super::context::{ChosenBy, ClientRequest, RequestContext, Sent};
use super::flight::Flight;
use super::history::History;
use super::kept_turn::{Continued, RequestTurn};
use super::operation::{RoutedCall, Streaming};
use super::payload::{self, Payload};
use super::send::{self, Finished};
use super::{
    Gateway, candidates, estimate, headers, model, operation, query, response_origin, session,
    token_count,
};
use crate::attempt::plan::Plan;
use crate::attempt::{exhausted, unsupported};
use crate::config::snapshot::{Channel, Snapshot};
use crate::dialect::Translation;
use crate::dialect::overflow::{self, ContextOverflow};
use crate::error::{ErrorStyle, GatewayError, printable};
use crate::health::cooldown::Phase;
use crate::ledger::entry::{AttemptIndex, Entry};
use crate::ledger::reason::Reason;
use crate::ledger::record::End;
use crate::ports::{Clock, ProxyPorts};
use crate::reply::{self, Reply};
use crate::upstream::failure::{FailedAttempt, Failure};

/// The channel that answered, or the last one that was tried.
const X_GATEWAY_CHANNEL: HeaderName = HeaderName::from_static("x-gateway-channel");
/// How many attempts the request took.
const X_GATEWAY_ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");
/// What has chosen the channel, where its priority shares requests by load.
const X_GATEWAY_BALANCE: HeaderName = HeaderName::from_static("x-gateway-balance");
/// Parts of the request that the channel's dialect has no equivalent of.
const X_GATEWAY_DROPPED: HeaderName = HeaderName::from_static("x-gateway-dropped");

/// Tries candidates until one answers or none is left. `continued`: what the body continues.
pub async fn run<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Rc<Snapshot>,
    request: &ClientRequest<'_, P>,
    body: Received,
    continued: Option<Continued>,
) -> Result<Reply, GatewayError> {
    // 1. Find the model: it decides which channels are candidates.
    let (head, entry, call) = (request.head, request.entry, request.call);
    let operation = call.operation;
    let payload = Payload::parse(&head.headers, &body.bytes, &snapshot.acted_on)
        .inspect_err(|_| note_apparent_model(entry, call, &body))?;
    let wanted = model::wanted(&payload, call, snapshot)
        .inspect_err(|_| note_apparent_model(entry, call, &body))?;
    let model = wanted.name.as_ref();
    let wants_stream = match operation.streaming {
        Streaming::Requested => payload.is_stream(),
        Streaming::Always => true,
        Streaming::Never => false,
    };
    let text_bytes = payload.text_bytes(&body.bytes);
    entry.asked(model, wants_stream, text_bytes);
    if let Err(error) = model::check(&wanted, &payload, operation, request.client, snapshot) {
        if !model.is_empty() {
            entry.because(Reason::ModelNotAllowed);
        }
        return Err(error);
    }
    query::check(&head.uri)?;
    // 2. Put the channels that serve it in order.
    let ports = &gateway.ports;
    let named = session::of(&snapshot.settings, &head.headers, &payload);
    let received = ports.now();
    let name = model.to_owned();
    let chain = snapshot.chain(&name);
    let stored = response_origin::plan(gateway, snapshot, request, &payload, chain).await?;
    let chosen_by = match (&stored, &named) {
        (Some(_), _) => ChosenBy::StoredResponse,
        (None, Some(_)) => ChosenBy::Session,
        (None, None) => ChosenBy::Balance,
    };
    let choice = Choice {
        gateway,
        snapshot,
        path: operation.path,
        session: named.as_deref(),
        now: received,
    };
    let mut plan = match stored {
        Some(plan) => plan,
        None => choice.plan(model, chain)?,
    };
    if operation.counts_tokens() {
        // Other channels would answer that they have no such operation.
        plan.retain(|turn| {
            let model = chain.get(turn.model).map_or(name.as_str(), String::as_str);
            snapshot.channel(turn.channel).is_some_and(|channel| {
                let model = channel.upstream_model(model);
                let lacks = |dialect| lacks(gateway, channel, &model, dialect, received);
                token_count::has_operation(operation, channel, lacks)
            })
        });
    }
    // Now it is known what the request may use of its key's limits.
    estimate::reserve(snapshot, request, &payload, text_bytes, chain).await?;
    let turn = RequestTurn::of(
        gateway,
        &snapshot.settings,
        (request.client, operation),
        &payload,
        &body.bytes,
        continued,
    );
    let context = Rc::new(RequestContext {
        gateway: Rc::clone(gateway),
        snapshot: Rc::clone(snapshot),
        operation,
        request_id: request.request_id.to_owned(),
        entry: Rc::clone(entry),
        model: name,
        chosen_by,
        received,
        deadline: received.plus_ms(snapshot.settings.total_timeout_ms),
        wants_stream,
        wants_usage: payload.asks_usage(),
        leaves_out_thinking: Cell::default(),
        wants_list: operation.streaming == Streaming::Always && !query::wants_events(&head.uri),
        response_owner: response_origin::owner(operation, &payload, request.client, snapshot),
        turn,
        followed: RefCell::default(),
    });
    let sent = Sent {
        head,
        body: &body,
        payload: &payload,
        model: &wanted,
    };
    Ok(attempts(&context, plan, &sent).await)
}

/// Records the model that a body seems to name which is rejected.
fn note_apparent_model<P: ProxyPorts>(entry: &Entry<P>, call: &RoutedCall, body: &Received) {
    if call.model.is_none()
        && let Some(model) = payload::apparent_model(&body.bytes)
    {
        entry.asked(printable(&model), false, 0);
    }
}

/// Makes attempts until one answers, no candidate is left, or the time to the first byte is over.
async fn attempts<P: ProxyPorts>(
    context: &Rc<RequestContext<P>>,
    mut plan: Plan,
    sent: &Sent<'_>,
) -> Reply {
    let mut history = History::default();
    let mut running = Running::new();
    let mut wants_next = true;
    loop {
        let mut early = None;
        if wants_next {
            let is_hedge = !running.is_empty();
            let has_failed = !is_hedge && history.attempts > 0;
            let next = next(context, sent, &mut plan, is_hedge, has_failed);
            match beside(&mut running, next, &mut early).await {
                Some(attempt) => {
                    history.begin(&attempt);
                    running.push(Box::pin(send::make(attempt, sent)));
                }
                None if early.is_some() => {}
                None if running.is_empty() => {
                    let reply = exhausted(context, sent, &plan, &history);
                    return labelled(reply, history.last, history.attempts, context.chosen_by);
                }
                None => history.stop_hedging(),
            }
        }
        // The next attempt starts in parallel to a late one, if its channel enables hedging.
        if early.is_none() {
            early = first(&mut running, history.hedge_after(), context.ports()).await;
        }
        let Some(Finished { attempt, outcome }) = early else {
            wants_next = true;
            continue;
        };
        let failed = match outcome {
            // Attempts that still run in parallel are dropped here, which ends their calls.
            Ok(mut reply) => {
                if let Some(dropped) = headers::dropped(&attempt.dropped.borrow()) {
                    reply.headers_mut().insert(X_GATEWAY_DROPPED, dropped);
                }
                return labelled(
                    reply,
                    Some(attempt.channel),
                    history.attempts,
                    context.chosen_by,
                );
            }
            Err(failed) => failed,
        };
        // Record a failure, for this request and for all others.
        attempt.log(&failed, history.attempts);
        attempt.failed_with(&failed);
        let is_repeated = attempt.learns_signature(&failed);
        if is_repeated || History::learns(&attempt, &failed) {
            plan.again(attempt.candidate);
        } else {
            plan.failed(attempt.candidate, failed.failure);
        }
        if failed.failure == Failure::RequestRefused && !is_repeated {
            let reply = refused(failed, &attempt.translation, context.errors());
            context.entry.because(Reason::UpstreamRefused);
            context.entry.refused(reply.status(), End::Refused);
            return labelled(
                reply,
                Some(attempt.channel),
                history.attempts,
                context.chosen_by,
            );
        }
        history.end(&attempt, failed);
        wants_next = running.is_empty();
    }
}

/// Attempts in progress, rarely more than one. Not `FuturesUnordered`: after polling everything it wakes its task
/// again, which costs another turn per request.
type Running<T> = Vec<Pin<Box<T>>>;

/// The next outcome; `None` when no attempt is in progress.
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

/// The next candidate, which may take a moment, while late attempts continue. One of them that ends meanwhile is
/// `early`; no further attempt is needed when it has the answer.
async fn beside<'a, P: ProxyPorts, T: Future<Output = Finished<'a, P>>>(
    running: &mut Running<T>,
    next: impl Future<Output = Option<Attempt<'a, P>>>,
    early: &mut Option<Finished<'a, P>>,
) -> Option<Attempt<'a, P>> {
    if running.is_empty() {
        return next.await;
    }
    // An outcome that is already available comes first.
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

/// The next candidate, ready to be called; `None` when there is none or no time left.
async fn next<'a, P: ProxyPorts>(
    context: &'a Rc<RequestContext<P>>,
    sent: &Sent<'_>,
    plan: &mut Plan,
    is_hedge: bool,
    has_failed: bool,
) -> Option<Attempt<'a, P>> {
    let gateway = &context.gateway;
    if has_failed {
        gateway.health.refresh_after_failure().await;
    }
    loop {
        let now = gateway.ports.now();
        if now >= context.deadline {
            return None;
        }
        let phase = |candidate| {
            candidates::resolve(&context.snapshot, candidate).map_or(
                Phase::Ready,
                |(channel, key)| {
                    let name = || {
                        let path = context.operation.path;
                        let model = channel.upstream_model(context.model_of(candidate));
                        let operation = upstream_operation(gateway, path, channel, &model, now);
                        operation::health_name(operation, model)
                    };
                    gateway.health.phase(&channel.id, &key.id, name, now)
                },
            )
        };
        let next = if is_hedge {
            plan.next_beside(phase)
        } else {
            plan.next(phase)
        }?;
        let (channel, key) = candidates::resolve(&context.snapshot, next.candidate)?;
        let path = context.operation.path;
        let model = channel.upstream_model(context.model_of(next.candidate));
        let lacks = |dialect| lacks(gateway, channel, &model, dialect, now);
        let translation = Translation::choose(path, channel, lacks, sent.payload.streamed());
        let mut attempt = Attempt {
            context,
            candidate: next.candidate,
            channel,
            key,
            model,
            translation,
            index: AttemptIndex::default(),
            began: now,
            probe: Cell::default(),
            flight: RefCell::default(),
            answer_context: RefCell::default(),
            dropped: RefCell::default(),
        };
        if next.is_probe {
            let timeout = channel.timeouts.connect + channel.timeouts.first_byte;
            let probe = gateway.health.probe(attempt.target(), timeout, now).await;
            let Some(probe) = probe else {
                plan.postpone(next.candidate);
                continue;
            };
            attempt.probe = Cell::new(Some(probe));
            attempt.began = gateway.ports.now();
        }
        attempt.flight = RefCell::new(Flight::begin(context, channel));
        attempt.index = context.entry.attempt_begins(channel, key, &attempt.model);
        return Some(attempt);
    }
}

/// The answer when no candidate is left.
fn exhausted<P: ProxyPorts>(
    context: &RequestContext<P>,
    sent: &Sent<'_>,
    plan: &Plan,
    history: &History<'_>,
) -> Reply {
    if context.operation.counts_tokens() && !history.is_client_gone() {
        return token_count::estimated(context, sent);
    }
    let now = context.ports().now();
    let retry_after_ms = plan.retry_at().map(|until| until.since_ms(now));
    let is_out_of_time = now >= context.deadline;
    let error = if let Some(untranslatable) = history.untranslatable() {
        untranslatable
    } else if history.lacks_operation && !is_out_of_time {
        let endpoint = format!("POST {}", context.operation.endpoint);
        unsupported::error(&endpoint, &context.model, &history.failed)
    } else {
        exhausted::error(
            &context.model,
            &history.failed,
            retry_after_ms,
            is_out_of_time,
        )
    };
    let reason = Reason::of_error(error.status, error.body.code.as_deref());
    let reply = error.into_reply_as(context.errors());
    if !history.is_client_gone() {
        context.entry.because(reason);
        let end = if history.failed.is_empty() || history.untranslatable.is_some() {
            End::Refused
        } else {
            End::UpstreamBroke
        };
        context.entry.refused(reply.status(), end);
    }
    reply
}

/// The upstream rejected the request itself: its own status and message, in our shape; but a context overflow in the
/// words that clients parse.
fn refused(failure: FailedAttempt, translation: &Translation, style: ErrorStyle) -> Reply {
    let mut status = failure.status.unwrap_or(http::StatusCode::BAD_REQUEST);
    let mut body = failure.error;
    if let Some(overflow) = ContextOverflow::of_error(body.code.as_deref(), &body.message) {
        body.code = Some(overflow::CODE.to_owned());
        overflow::KIND.clone_into(&mut body.kind);
        if translation.is_between_dialects() {
            status = http::StatusCode::BAD_REQUEST;
            if style == ErrorStyle::Anthropic {
                body.message = overflow.anthropic_message();
            }
        }
    }
    let error = GatewayError {
        status,
        body,
        retry_after_s: None,
        exhausted: false,
        allow: None,
        details: Vec::new(),
    };
    let mut reply = error.into_reply_as(style);
    // The error's own content type stays: the body is our JSON, not the upstream's.
    failure.headers.into_iter().for_each(|(name, value)| {
        if let Some(name) = name.filter(|name| *name != CONTENT_TYPE) {
            reply.headers_mut().append(name, value);
        }
    });
    reply
}

/// The reply with the channel, how many attempts there were, and what has chosen the channel where that was not the weights.
pub fn labelled(
    mut reply: Reply,
    channel: Option<&Channel>,
    attempts: usize,
    chosen_by: ChosenBy,
) -> Reply {
    let headers = reply.headers_mut();
    if let Some(channel) = channel {
        headers.insert(X_GATEWAY_CHANNEL, channel.name_header.clone());
        if let Some(rule) = chosen_by.rule(channel) {
            headers.insert(X_GATEWAY_BALANCE, HeaderValue::from_static(rule));
        }
    }
    headers.insert(X_GATEWAY_ATTEMPTS, reply::number(attempts));
    reply
}

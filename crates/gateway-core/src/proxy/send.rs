//! Makes an attempt: builds the upstream's request from the client's, sends it, and has the answer judged. Owns the
//! edits of the body; headers and URLs are built elsewhere.

use std::cell::Cell;

use bytes::Bytes;
use http::Request;

use super::answer;
use super::attempt::Attempt;
use super::context::Sent;
use super::payload::{Changes, Payload};
use super::{headers, query};
use crate::dialect::answer::AnswerContext;
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::traits::known;
use crate::dialect::untranslatable::Untranslatable;
use crate::dialect::{request, strip};
use crate::ports::{ProxyPorts, SendError, SendErrorKind};
use crate::reply::Reply;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::upstream::request::Hops;
use crate::upstream::send::send;
use crate::upstream::{self};
use crate::wire::dialect::Dialect;
use crate::wire::members::Members;

/// An attempt that has ended.
pub struct Finished<'a, P: ProxyPorts> {
    /// The attempt.
    pub attempt: Attempt<'a, P>,
    /// Its outcome.
    pub outcome: Result<Reply, FailedAttempt>,
}

impl<P: ProxyPorts> Finished<'_, P> {
    /// Whether no other candidate can change what the client gets.
    pub fn is_last(&self) -> bool {
        match &self.outcome {
            Ok(_) => true,
            Err(failed) => matches!(
                failed.failure,
                Failure::RequestRefused | Failure::Unreachable(SendErrorKind::ClientGone)
            ),
        }
    }
}

/// Calls the upstream and reads its response until it can be judged. Dropping it early ends the call as well.
pub async fn make<'a, P: ProxyPorts>(attempt: Attempt<'a, P>, sent: &Sent<'_>) -> Finished<'a, P> {
    let outcome = call(&attempt, sent).await;
    Finished { attempt, outcome }
}

async fn call<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    sent: &Sent<'_>,
) -> Result<Reply, FailedAttempt> {
    let ports = attempt.ports();
    let untranslatable = Cell::new(None);
    let once = async || {
        let room = sent.body.room_for_copy(ports).await?;
        let body = body(attempt, sent).map_err(|error| {
            untranslatable.set(Some(error));
            not_sent("the request cannot be translated".to_owned())
        })?;
        let body = sent.body.keep(body, room);
        let request = build(attempt, sent, body)
            .map_err(|error| not_sent(format!("no request could be built: {error}")))?;
        ports.send(request, attempt.timeouts()).await
    };
    let deadline = attempt.context.deadline;
    let response = send(ports, deadline, once, |error| attempt.log_repeated(error)).await;
    let response = response.map_err(|error| match untranslatable.take() {
        Some(reason) => attempt.untranslatable(&reason),
        None => attempt.unreachable(error),
    })?;
    answer::read(attempt, response).await
}

/// The body for the upstream.
fn body<P: ProxyPorts>(attempt: &Attempt<'_, P>, sent: &Sent<'_>) -> Result<Bytes, Untranslatable> {
    let body = match attempt.translation.between() {
        Some(dialects) => translated(attempt, sent, dialects),
        None => Ok(edited(attempt, sent)),
    }?;
    if attempt.context.leaves_out_thinking.get() {
        return Ok(strip::without_thinking(&body).map_or(body, Bytes::from));
    }
    Ok(body)
}

/// The client's body with the changes that the channel needs.
fn edited<P: ProxyPorts>(attempt: &Attempt<'_, P>, sent: &Sent<'_>) -> Bytes {
    let changes = Changes {
        model: (attempt.model != sent.model.said()).then_some(&attempt.model),
        params: &attempt.channel.params,
        added: attempt.translation.added_member(),
    };
    let stripped = stripped(attempt, &sent.body.bytes);
    match stripped {
        None => sent.payload.for_upstream(&sent.body.bytes, &changes),
        // It was parsed once already, so it can be parsed again.
        Some(stripped) => with_changes(stripped, &changes),
    }
}

/// The client's body without reasoning that the upstream would reject; `None`: there is none.
fn stripped<P: ProxyPorts>(attempt: &Attempt<'_, P>, body: &[u8]) -> Option<Vec<u8>> {
    let dialect = attempt.translation.dialect?;
    let stripped = strip::without_envelopes(dialect, body);
    if dialect != Dialect::Messages || !known::verifies_thinking(attempt.channel) {
        return stripped;
    }
    let signed = strip::without_unsigned(stripped.as_deref().unwrap_or(body));
    signed.or(stripped)
}

/// The body in the channel's dialect. What the answer needs of the request is kept for it.
fn translated<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    sent: &Sent<'_>,
    dialects: (Dialect, Dialect),
) -> Result<Bytes, Untranslatable> {
    let context = attempt.context;
    let traits = known::of(attempt.channel, dialects.1, &attempt.model);
    let envelope = EnvelopeKey::derive(context.snapshot.state_secret());
    let request = request::translate(
        dialects,
        &sent.body.bytes,
        context.wants_stream,
        &traits,
        &envelope,
    )?;
    let answer_context = AnswerContext {
        model: context.model.clone(),
        request_id: context.request_id.clone(),
        created: attempt.began.unix_seconds(),
        registry: request.registry,
        wants_usage: context.wants_usage,
        is_list: context.wants_list,
        echo: request.echo,
        previous: context.turn.previous.clone(),
        keeper: context.turn.keeper(),
        envelope,
    };
    attempt.answer_context.replace(Some(answer_context));
    attempt.dropped.replace(request.dropped);
    if attempt.channel.params.is_empty() {
        return Ok(request.body.into());
    }
    let changes = Changes {
        model: None,
        params: &attempt.channel.params,
        added: None,
    };
    Ok(with_changes(request.body, &changes))
}

fn with_changes(body: Vec<u8>, changes: &Changes<'_>) -> Bytes {
    let whole = Bytes::from(body);
    match Members::parse(&whole) {
        Ok(members) => Payload::Json(members).for_upstream(&whole, changes),
        Err(_) => whole,
    }
}

fn build<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    sent: &Sent<'_>,
    body: Bytes,
) -> Result<Request<Bytes>, http::Error> {
    let (channel, translation) = (attempt.channel, &attempt.translation);
    let mut uri = channel
        .endpoint
        .uri(translation.operation, &attempt.model)?;
    let is_translated = translation.is_between_dialects();
    // Parameters of one API mean nothing in another one.
    if uri.query().is_none() && !channel.endpoint.kind().owns_query() && !is_translated {
        uri = query::added(uri, &sent.head.uri)?;
    }
    let hops = Hops {
        client: Some(&sent.head.headers),
        own: attempt.context.snapshot.via.as_ref(),
    };
    let headers = match translation.dialect.filter(|_| is_translated) {
        None => headers::to_upstream(&sent.head.headers),
        Some(dialect) => headers::translated(&sent.head.headers, dialect),
    };
    Ok(upstream::request::build(
        channel,
        attempt.key,
        uri,
        headers,
        hops,
        Some(body),
    ))
}

/// Nothing was sent.
const fn not_sent(detail: String) -> SendError {
    SendError {
        kind: SendErrorKind::Denied,
        detail,
    }
}

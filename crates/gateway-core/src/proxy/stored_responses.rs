//! Calls about a stored response: it is read, deleted, cancelled, or its input is listed. Owns the one attempt at the
//! channel and key that made it, and that the usage of a response made in the background is counted once. What the
//! upstream answers is passed on as it is, errors included.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode, Uri};
use url::form_urlencoded;

use super::attempt::Attempt;
use super::context::{ChosenBy, ClientRequest, RequestContext};
use super::in_flight::InFlightAnswer;
use super::kept_turn::RequestTurn;
use super::stored_path::{StoredAction, StoredCall};
use super::{
    Gateway, answer, candidates, forward, headers, kept_responses, query, response_origin,
};
use crate::attempt::exhausted;
use crate::config::snapshot::Snapshot;
use crate::dialect::Translation;
use crate::error::{ErrorCode, GatewayError, printable};
use crate::ledger::reason::Reason;
use crate::ledger::record::End;
use crate::ledger::response_record::ResponseRecord;
use crate::ports::{ProxyPorts, SendError, SendErrorKind};
use crate::reply::{BrokenBody, Reply, ReplyBody};
use crate::units::MIB;
use crate::upstream::body::{self, UpstreamBody};
use crate::upstream::decoded::Decoded;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::upstream::request::Hops;
use crate::upstream::{self, send::send};
use crate::wire::sse::{EventBlock, EventScanner};
use crate::wire::usage::Usage;
use crate::wire::{media, response_id, signals, usage};

/// Longer answers are passed on as they come, and not searched for their usage.
const MAX_WHOLE_BYTES: usize = 4 * MIB;
/// The parameters of the query string that the calls have. Others are not passed on.
const PARAMETERS: [&str; 8] = [
    "after",
    "before",
    "include",
    "include[]",
    "include_obfuscation",
    "limit",
    "order",
    "starting_after",
];
/// Whether a response is followed as a stream.
const STREAM: &str = "stream";

/// Makes the call at the upstream that has the response.
pub async fn run<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Rc<Snapshot>,
    request: &ClientRequest<'_, P>,
    call: &StoredCall,
) -> Result<Reply, GatewayError> {
    query::check(&request.head.uri)?;
    if !snapshot.settings.ledger {
        return Err(ErrorCode::UnsupportedOperation.error(
            "The gateway does not record where responses are stored: its setting `ledger` is off. An admin can switch it on.",
        ));
    }
    let kept = kept_responses::answer(gateway, snapshot, request, call).boxed_local();
    if let Some(reply) = kept.await? {
        return Ok(reply);
    }
    let found = response_origin::find(gateway, snapshot, request.client, &call.id).await?;
    let Some(record) = found else {
        let shown = printable(&call.id);
        return Err(ErrorCode::NotFound.error(format!(
            "Response with id `{shown}` not found. It was not made through this gateway with this API key, was not stored, \
             or is deleted or too old."
        )));
    };
    let candidate = response_origin::candidate(snapshot, &record);
    let resolved = candidate.and_then(|candidate| {
        let (channel, key) = candidates::resolve(snapshot, candidate)?;
        Some((candidate, channel, key))
    });
    let Some((candidate, channel, key)) = resolved else {
        return Err(ErrorCode::NotFound.error(format!(
            "The response `{}` cannot be reached: the channel or the upstream key that made it is removed or disabled.",
            record.id
        )));
    };
    let context = context(gateway, snapshot, request, call, &record);
    let model = channel.upstream_model(context.model_of(candidate));
    let attempt = Attempt {
        flight: RefCell::default(),
        context: &context,
        candidate,
        channel,
        key,
        translation: Translation::choose(context.operation.path, channel, |_| false, None),
        index: request.entry.attempt_begins(channel, key, &model),
        began: context.received,
        probe: Cell::default(),
        answer_context: RefCell::default(),
        dropped: RefCell::default(),
        model,
    };
    let reply = match attempt_call(&attempt, request, call, &record).await {
        Ok(reply) => reply,
        Err(failed) => failure(&attempt, failed),
    };
    if call.action == StoredAction::Delete && reply.status().is_success() {
        gateway.responses.remove(&record);
    }
    Ok(forward::labelled(
        reply,
        Some(channel),
        1,
        context.chosen_by,
    ))
}

fn context<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Rc<Snapshot>,
    request: &ClientRequest<'_, P>,
    call: &StoredCall,
    record: &ResponseRecord,
) -> Rc<RequestContext<P>> {
    let received = gateway.ports.now();
    let pairs = form_urlencoded::parse(request.head.uri.query().unwrap_or_default().as_bytes());
    let asks = |(name, value): (Cow<'_, str>, Cow<'_, str>)| name == STREAM && value == "true";
    let wants_stream = call.action == StoredAction::Retrieve && { pairs }.any(asks);
    request.entry.asked(&record.model, wants_stream, 0);
    Rc::new(RequestContext {
        gateway: Rc::clone(gateway),
        snapshot: Rc::clone(snapshot),
        operation: request.call.operation,
        request_id: request.request_id.to_owned(),
        entry: Rc::clone(request.entry),
        model: record.model.clone(),
        chosen_by: ChosenBy::StoredResponse,
        received,
        deadline: received.plus_ms(snapshot.settings.total_timeout_ms),
        wants_stream,
        wants_usage: false,
        leaves_out_thinking: Cell::default(),
        wants_list: false,
        response_owner: None,
        turn: RequestTurn::default(),
        followed: RefCell::default(),
    })
}

async fn attempt_call<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    request: &ClientRequest<'_, P>,
    call: &StoredCall,
    record: &ResponseRecord,
) -> Result<Reply, FailedAttempt> {
    let ports = attempt.ports();
    let once = async || {
        let request = build(attempt, request, call).map_err(|error| SendError {
            kind: SendErrorKind::Denied,
            detail: format!("no request could be built: {error}"),
        })?;
        ports.send(request, attempt.timeouts()).await
    };
    let deadline = attempt.context.deadline;
    let response = send(ports, deadline, once, |error| attempt.log_repeated(error)).await;
    let response = response.map_err(|error| attempt.unreachable(error))?;
    read(attempt, response, record).await
}

fn build<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    request: &ClientRequest<'_, P>,
    call: &StoredCall,
) -> Result<Request<Bytes>, http::Error> {
    let channel = attempt.channel;
    let uri = channel.endpoint.uri(&call.path(), &attempt.model)?;
    let uri = with_parameters(uri, request.head.uri.query().unwrap_or_default())?;
    let hops = Hops {
        client: Some(&request.head.headers),
        own: attempt.context.snapshot.via.as_ref(),
    };
    let mut headers = headers::to_upstream(&request.head.headers);
    let body = (call.action == StoredAction::Cancel).then(Bytes::new);
    headers.remove(CONTENT_TYPE);
    let mut built = upstream::request::build(channel, attempt.key, uri, headers, hops, body);
    *built.method_mut() = call.method();
    Ok(built)
}

/// The URI with those of the client's parameters that the calls have, as they are written.
fn with_parameters(uri: Uri, client: &str) -> Result<Uri, http::Error> {
    let is_passed = |pair: &&str| {
        let mut names = form_urlencoded::parse(pair.as_bytes());
        !pair.contains(';')
            && names.any(|(name, _)| name == STREAM || PARAMETERS.contains(&name.as_ref()))
    };
    let passed: Vec<&str> = client.split('&').filter(is_passed).collect();
    if passed.is_empty() {
        return Ok(uri);
    }
    let separator = if uri.query().is_some() { '&' } else { '?' };
    let own = uri.path_and_query().map_or("/", |own| own.as_str());
    let path_and_query = format!("{own}{separator}{}", passed.join("&"));
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(path_and_query.parse()?);
    Ok(Uri::from_parts(parts)?)
}

/// The upstream's response: its answer, or an error.
async fn read<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    response: Response<P::Body>,
    record: &ResponseRecord,
) -> Result<Reply, FailedAttempt> {
    let (parts, body) = response.into_parts();
    let (mut body, readable) = Decoded::new(body, &parts.headers, attempt.memory());
    if !parts.status.is_success() {
        let text = if readable.is_ok() {
            answer::read_error(attempt, &mut body).await
        } else {
            Bytes::new()
        };
        return Err(attempt.rejected(parts.status, &parts.headers, &text));
    }
    readable.map_err(|error| attempt.useless(&error.to_string()))?;
    if media::essence(&parts.headers).eq_ignore_ascii_case("text/event-stream") {
        attempt.answered(false);
        let answer = InFlightAnswer::open(attempt, parts.status);
        let pieces = followed(body, answer, record.clone());
        return Ok(headers::reply(parts.status, &parts.headers, pieces));
    }
    let end = attempt.first_event_by();
    let first = attempt.next_before(&mut body, end).await?;
    let first = first.unwrap_or_default();
    if first.first() == Some(&b'<') {
        return Err(attempt.useless("the answer is a web page, is the base URL right?"));
    }
    let whole = answer::read_whole(attempt, first, &mut body, MAX_WHOLE_BYTES).await?;
    attempt.answered(true);
    let answer = InFlightAnswer::open(attempt, parts.status);
    let body = match whole {
        Ok(whole) => {
            settle_whole(&answer, record, &whole).await;
            answer.complete();
            ReplyBody::Whole(whole)
        }
        Err(beginning) => answer::pieces(beginning, body, answer, None),
    };
    Ok(headers::reply(parts.status, &parts.headers, body))
}

/// Counts the usage of a response that was made in the background and has come to its end.
async fn settle_whole<P: ProxyPorts>(
    answer: &InFlightAnswer<P>,
    record: &ResponseRecord,
    whole: &[u8],
) {
    let is_of_response = response_id::of_body(whole).as_deref() == Some(&*record.id);
    if record.is_unsettled && is_of_response {
        settle(answer, record, usage::of_body(whole)).await;
    }
}

async fn settle<P: ProxyPorts>(
    answer: &InFlightAnswer<P>,
    record: &ResponseRecord,
    usage: Option<Usage>,
) {
    let Some(usage) = usage.filter(Usage::has_tokens) else {
        return;
    };
    if answer.context.gateway.responses.settle(record).await {
        answer.context.entry.set_free(false);
        answer.take_in(usage);
    }
}

/// The stream of a response, as it comes.
fn followed<P: ProxyPorts>(
    body: UpstreamBody<P>,
    answer: InFlightAnswer<P>,
    record: ResponseRecord,
) -> ReplyBody {
    let scanner = EventScanner::counted(answer.context.gateway.memory().share());
    let scanner = record.is_unsettled.then_some(scanner);
    let state = (Some(body), answer, record, scanner);
    let pieces = stream::unfold(
        state,
        |(body, answer, mut record, mut scanner)| async move {
            let mut body = body?;
            match body::next(&mut body).await {
                Some(Ok(chunk)) => {
                    // Events that are too long, or for which there is no memory, are passed on unread.
                    let block = scanner.as_mut().and_then(|it| it.push(chunk.clone()).ok());
                    let usage = block
                        .iter()
                        .flat_map(EventBlock::events)
                        .filter_map(|event| signals::of(event).usage)
                        .find(Usage::has_tokens);
                    if usage.is_some() {
                        settle(&answer, &record, usage).await;
                        record.is_unsettled = false;
                    }
                    let scanner = scanner.filter(|_| block.is_some() && record.is_unsettled);
                    Some((Ok(chunk), (Some(body), answer, record, scanner)))
                }
                Some(Err(error)) => {
                    if error.kind != SendErrorKind::ClientGone {
                        answer.broke(&error.detail, None, Failure::ServerError);
                    }
                    Some((Err(BrokenBody), (None, answer, record, None)))
                }
                None => {
                    answer.complete();
                    None
                }
            }
        },
    );
    ReplyBody::Pieces(Box::pin(pieces))
}

/// The answer when the upstream gave none. Its own verdict about the response or the call is passed on.
fn failure<P: ProxyPorts>(attempt: &Attempt<'_, P>, failed: FailedAttempt) -> Reply {
    let context = attempt.context;
    attempt.log(&failed, 1);
    let is_verdict = matches!(
        failed.failure,
        Failure::RequestRefused | Failure::ModelUnknown | Failure::OperationUnsupported
    );
    let client_gone = failed.failure == Failure::Unreachable(SendErrorKind::ClientGone);
    let (error, reason, end) = if is_verdict {
        let entry = &context.entry;
        entry.attempt_failed(attempt.index, &failed, attempt.channel);
        let error = GatewayError {
            status: failed.status.unwrap_or(StatusCode::BAD_REQUEST),
            body: failed.error,
            retry_after_s: None,
            exhausted: false,
            allow: None,
            details: Vec::new(),
        };
        (error, Reason::UpstreamRefused, End::Refused)
    } else {
        attempt.failed_with(&failed);
        let is_out_of_time = context.ports().now() >= context.deadline;
        let error = exhausted::error(&context.model, &[failed], None, is_out_of_time);
        let reason = Reason::of_error(error.status, error.body.code.as_deref());
        (error, reason, End::UpstreamBroke)
    };
    let reply = error.into_reply_as(context.errors());
    if !client_gone {
        context.entry.because(reason);
        context.entry.refused(reply.status(), end);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_the_calls_are_added_and_no_others() {
        let added = |uri: &'static str, client: &str| {
            with_parameters(Uri::from_static(uri), client)
                .unwrap()
                .to_string()
        };
        let plain = "https://a.example/v1/responses/resp_1";
        assert_eq!(added(plain, ""), plain);
        assert_eq!(added(plain, "key=sk-1&api-key=x&model=m"), plain);
        assert_eq!(
            added(
                plain,
                "include[]=a&key=sk-1&stream=true&include%5B%5D=b;key=c"
            ),
            format!("{plain}?include[]=a&stream=true")
        );
        let azure = "https://a.example/openai/responses/resp_1?api-version=1";
        assert_eq!(
            added(azure, "limit=2&api-version=9"),
            format!("{azure}&limit=2")
        );
    }
}

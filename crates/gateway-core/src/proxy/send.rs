//! Makes an attempt: builds the upstream's request from the client's, sends it, and has the answer judged. Owns the
//! edits of the body; headers and URLs are built elsewhere.

use bytes::Bytes;
use http::Request;

use super::answer;
use super::attempt::Attempt;
use super::context::Sent;
use super::payload::Changes;
use super::{headers, query};
use crate::ports::{ProxyPorts, SendError, SendErrorKind};
use crate::reply::Reply;
use crate::upstream::failure::{FailedAttempt, Failure};
use crate::upstream::request::{self, Hops};
use crate::upstream::send::send;

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
    let once = async || {
        let room = sent.body.room_for_copy(ports).await?;
        let request = build(attempt, sent).map_err(|error| not_buildable(&error))?;
        let request = request.map(|copy| sent.body.keep(copy, room));
        ports.send(request, attempt.timeouts()).await
    };
    let deadline = attempt.context.deadline;
    let response = send(ports, deadline, once, |error| attempt.log_repeated(error)).await;
    let response = response.map_err(|error| attempt.unreachable(error))?;
    answer::read(attempt, response).await
}

fn build<P: ProxyPorts>(
    attempt: &Attempt<'_, P>,
    sent: &Sent<'_>,
) -> Result<Request<Bytes>, http::Error> {
    let (channel, translation) = (attempt.channel, &attempt.translation);
    let mut uri = channel.endpoint.uri(translation.operation, attempt.model)?;
    if uri.query().is_none() && !channel.endpoint.kind().owns_query() {
        uri = query::added(uri, &sent.head.uri)?;
    }
    let changes = Changes {
        model: (attempt.model != sent.model.said()).then_some(attempt.model),
        dropped: &channel.drop_params,
        added: translation.added_member(),
    };
    let body = sent.payload.for_upstream(&sent.body.bytes, &changes);
    let hops = Hops {
        client: Some(&sent.head.headers),
        own: attempt.context.snapshot.via.as_ref(),
    };
    let headers = headers::to_upstream(&sent.head.headers);
    Ok(request::build(
        channel,
        attempt.key,
        uri,
        headers,
        hops,
        Some(body),
    ))
}

/// The channel's settings and the model's name do not form a URL.
fn not_buildable(error: &http::Error) -> SendError {
    SendError {
        kind: SendErrorKind::Denied,
        detail: format!("no request could be built: {error}"),
    }
}

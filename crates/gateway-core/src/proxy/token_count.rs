//! `count_tokens`, `input_tokens` and `countTokens`: which channels can answer them, and the estimate where none does. A client that
//! gets no number, or one that leaves parts out, never compacts its conversation.

use http::{HeaderName, HeaderValue, StatusCode};

use super::context::{RequestContext, Sent};
use super::operation::Operation;
use crate::config::snapshot::Channel;
use crate::dialect::envelope::EnvelopeKey;
use crate::dialect::{choice, count, gemini, request};
use crate::error::{ErrorCode, ErrorStyle};
use crate::ledger::record::End;
use crate::ports::ProxyPorts;
use crate::reply::{self, Reply};
use crate::wire::dialect::Dialect;

/// Marks an answer that is an estimate of the gateway.
const X_GATEWAY_ESTIMATED: HeaderName = HeaderName::from_static("x-gateway-estimated");

/// The dialect of the requests that an operation counts.
fn dialect(operation: Operation) -> Dialect {
    match operation.errors {
        ErrorStyle::Gemini => Dialect::Gemini,
        ErrorStyle::Anthropic => Dialect::Messages,
        ErrorStyle::OpenAi => Dialect::Responses,
    }
}

/// Whether a channel may have the operation itself: it comes with the dialect, and no channel is called in Gemini's.
/// `lacks`: whether the channel has answered that it lacks a dialect.
pub fn has_operation(
    operation: Operation,
    channel: &Channel,
    lacks: impl Fn(Dialect) -> bool,
) -> bool {
    let own = dialect(operation);
    choice::choose(own, channel, lacks) == own
}

/// The estimate for a request that no channel has counted.
pub fn estimated<P: ProxyPorts>(context: &RequestContext<P>, sent: &Sent<'_>) -> Reply {
    let style = context.errors();
    let dialect = dialect(context.operation);
    let envelope = EnvelopeKey::derive(context.snapshot.state_secret());
    let conversation = match request::read(dialect, &sent.body.bytes, false, &envelope) {
        Ok(conversation) => conversation,
        Err(error) => {
            let error = ErrorCode::Untranslatable
                .error(error.message)
                .with_param(&*error.param);
            context.entry.rejected(&error);
            return error.into_reply_as(style);
        }
    };
    let tokens = count::input_tokens(&conversation);
    let body = match dialect {
        Dialect::Gemini => gemini::encode_count(tokens),
        Dialect::Responses => {
            format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#).into_bytes()
        }
        _ => format!(r#"{{"input_tokens":{tokens}}}"#).into_bytes(),
    };
    context.entry.refused(StatusCode::OK, End::Complete);
    let mut reply = reply::json_bytes(StatusCode::OK, body.into());
    let headers = reply.headers_mut();
    headers.insert(X_GATEWAY_ESTIMATED, HeaderValue::from_static("true"));
    reply
}

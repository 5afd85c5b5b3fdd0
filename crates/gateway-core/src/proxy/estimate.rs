//! What a request may use, before an upstream has answered it: for the limits of its client key. Owns the members that
//! bound an answer. They decide nothing else, and the estimate gives way to the real figures when the request has ended, so
//! that a body which another parser reads differently gains nothing by it.

use futures_util::FutureExt as _;

use super::context::ClientRequest;
use super::operation::Operation;
use super::payload::Payload;
use crate::config::snapshot::Snapshot;
use crate::error::GatewayError;
use crate::ledger::entry::BYTES_PER_TOKEN;
use crate::ledger::price;
use crate::limits::usage::Consumed;
use crate::ports::ProxyPorts;
use crate::wire::members::Members;
use crate::wire::usage::Usage;

/// The tokens of an answer that the request does not bound.
const DEFAULT_COMPLETION_TOKENS: u64 = 1_000;
/// No model answers with more; what a request states beyond that is not meant as a bound.
const MAX_COMPLETION_TOKENS: u64 = 1_000_000;
/// The most answers to one request that any API gives.
const MAX_ANSWERS: u64 = 128;

/// The members that bound the tokens of an answer; of several the largest counts.
const BOUNDS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
/// Gemini has them in an object.
const GEMINI_CONFIG: &str = "generationConfig";

/// Checks the limits of the client key that ask what a request for one of the models of `chain` may consume, and reserves
/// that.
pub async fn reserve<P: ProxyPorts>(
    snapshot: &Snapshot,
    request: &ClientRequest<'_, P>,
    payload: &Payload<'_>,
    text_bytes: u64,
    chain: &[String],
) -> Result<(), GatewayError> {
    if !request.limits.is_due() {
        return Ok(());
    }
    let estimate = estimate(snapshot, request, payload, text_bytes, chain);
    // Boxed: few requests need it.
    request.limits.pass(estimate).boxed_local().await
}

/// The price is the highest of the channels that may answer.
fn estimate<P: ProxyPorts>(
    snapshot: &Snapshot,
    request: &ClientRequest<'_, P>,
    payload: &Payload<'_>,
    text_bytes: u64,
    chain: &[String],
) -> Consumed {
    let usage = usage(payload, request.call.operation, text_bytes);
    let limits = &request.client.limits;
    let has_budget =
        limits.daily_budget_micro_usd.is_some() || limits.monthly_budget_micro_usd.is_some();
    let mut cost_micro_usd = 0;
    for model in chain.iter().filter(|_| has_budget) {
        for entry in snapshot.entries(model) {
            let price = snapshot.channel(entry.index).and_then(|channel| {
                let upstream_model = channel.upstream_model(model);
                snapshot.price(channel, model, &upstream_model)
            });
            let cost = price.map_or(0, |price| price::cost_micro_usd(price, usage));
            cost_micro_usd = cost.max(cost_micro_usd);
        }
    }
    Consumed {
        tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens),
        cost_micro_usd,
    }
}

fn usage(payload: &Payload<'_>, operation: Operation, text_bytes: u64) -> Usage {
    let Payload::Json(members) = payload else {
        return Usage {
            prompt_tokens: text_bytes.div_ceil(BYTES_PER_TOKEN),
            ..Usage::default()
        };
    };
    let answers = number(members, "n").unwrap_or(1).clamp(1, MAX_ANSWERS);
    let is_image = operation.path.starts_with("images/");
    Usage {
        prompt_tokens: text_bytes.div_ceil(BYTES_PER_TOKEN),
        completion_tokens: completion_tokens(members, operation, answers),
        images: if is_image { answers } else { 0 },
        ..Usage::default()
    }
}

fn completion_tokens(members: &Members<'_>, operation: Operation, answers: u64) -> u64 {
    let (bound, answers) = match operation.path {
        "chat/completions" | "completions" | "messages" | "responses" | "responses/compact" => {
            let bounds = BOUNDS.iter().filter_map(|name| number(members, name));
            (bounds.max(), answers)
        }
        "generateContent" | "streamGenerateContent" => {
            let config = members.raw(GEMINI_CONFIG);
            let config = config.and_then(|raw| Members::parse(raw.as_bytes()).ok());
            let in_config = |name| config.as_ref().and_then(|config| number(config, name));
            let answers = in_config("candidateCount").unwrap_or(1);
            (in_config("maxOutputTokens"), answers.clamp(1, MAX_ANSWERS))
        }
        _ => return 0,
    };
    let each = bound.unwrap_or(DEFAULT_COMPLETION_TOKENS);
    each.min(MAX_COMPLETION_TOKENS) * answers
}

/// A member that is a number of something. Others, such as −1 for "no bound", say nothing.
fn number(members: &Members<'_>, name: &str) -> Option<u64> {
    members.raw(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::super::operation;
    use super::*;
    use crate::wire::acted_on::ActedOn;

    fn estimated(path: &str, body: &str) -> (u64, u64, u64) {
        let gemini = operation::GEMINI.into_iter().find(|it| it.path == path);
        let operation = gemini.or_else(|| operation::below_v1(path)).unwrap();
        let payload = Payload::parse(&HeaderMap::new(), body.as_bytes(), &ActedOn::default());
        let payload = payload.unwrap();
        let usage = usage(&payload, operation, payload.text_bytes(body.as_bytes()));
        (usage.prompt_tokens, usage.completion_tokens, usage.images)
    }

    #[test]
    fn an_answer_is_estimated_by_what_bounds_it() {
        for (path, body, completion, images) in [
            ("chat/completions", "{}", 1_000, 0),
            ("chat/completions", r#"{"max_tokens":50}"#, 50, 0),
            (
                "chat/completions",
                r#"{"max_completion_tokens":60,"max_tokens":50}"#,
                60,
                0,
            ),
            ("chat/completions", r#"{"max_tokens":50,"n":3}"#, 150, 0),
            ("chat/completions", r#"{"n":1000000}"#, 128_000, 0),
            ("chat/completions", r#"{"max_tokens":null,"n":0}"#, 1_000, 0),
            ("completions", r#"{"max_tokens":-1}"#, 1_000, 0),
            ("completions", r#"{"max_tokens":"7"}"#, 1_000, 0),
            (
                "messages",
                r#"{"max_tokens":18446744073709551615}"#,
                1_000_000,
                0,
            ),
            ("responses", r#"{"max_output_tokens":70}"#, 70, 0),
            (
                "generateContent",
                r#"{"generationConfig":{"maxOutputTokens":80,"candidateCount":2}}"#,
                160,
                0,
            ),
            (
                "streamGenerateContent",
                r#"{"generationConfig":7}"#,
                1_000,
                0,
            ),
            ("embeddings", r#"{"max_tokens":50}"#, 0, 0),
            ("moderations", "{}", 0, 0),
            ("images/generations", r#"{"n":2}"#, 0, 2),
        ] {
            let estimated = estimated(path, body);
            let prompt = u64::try_from(body.len()).unwrap().div_ceil(4);
            assert_eq!(estimated, (prompt, completion, images), "{path} {body}");
        }
    }

    #[test]
    fn of_a_form_the_prompt_counts() {
        let mut headers = HeaderMap::new();
        let media = "multipart/form-data; boundary=b".parse().unwrap();
        headers.insert(http::header::CONTENT_TYPE, media);
        let body =
            "--b\r\ncontent-disposition: form-data; name=prompt\r\n\r\n12345678\r\n--b--\r\n";
        let payload = Payload::parse(&headers, body.as_bytes(), &ActedOn::default()).unwrap();
        let operation = operation::below_v1("audio/transcriptions").unwrap();
        let usage = usage(&payload, operation, payload.text_bytes(body.as_bytes()));
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (2, 0));
    }
}

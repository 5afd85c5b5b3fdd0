//! Counting input tokens: the upstream's own count where it has one, else an estimate of everything that is in a request.
//!
//! A count of 0, or of the text alone, keeps agents from compacting their conversation in time.

use http::Method;
use serde_json::{Value, json};

use super::{case, pairs};
use crate::case::{Call, Case, Seen, Step};
use crate::cases::matrix::{Pair, Template, question};
use crate::dialect::{Dialect, Operation, UPSTREAMS};
use crate::node::{Verdict, ensure, same};
use crate::play::MODEL;
use crate::upstream::{Reply, Say};
use crate::write;

/// What the scripted upstreams count.
const COUNTED: u64 = 4321;

/// Fillers are this long, in characters.
const LONG: usize = 8_000;

const PLAIN: Template = ("count", "input tokens are counted, and never 0", |pair| {
    let mut body = write::request(pair.client, &question());
    if let Some(members) = body.as_object_mut() {
        for name in [
            "max_tokens",
            "max_output_tokens",
            "store",
            "generationConfig",
        ] {
            members.remove(name);
        }
    }
    counted(pair, &body, 2..=200)
});

const PARTS: [Template; 5] = [
    ("count-system", "instructions count", |pair| {
        let mut body = hello();
        body["system"] = json!([{"type": "text", "text": filler()}]);
        counted(pair, &body, LENGTHS)
    }),
    ("count-tools", "declarations of tools count", |pair| {
        let mut body = hello();
        body["tools"] = json!([tool(&filler())]);
        counted(pair, &body, LENGTHS)
    }),
    ("count-call", "arguments of calls count", |pair| {
        counted(pair, &called(&filler(), &json!("Done.")), LENGTHS)
    }),
    ("count-result", "results of tools count", |pair| {
        let result = json!([{"type": "text", "text": filler()}]);
        counted(pair, &called("a", &result), LENGTHS)
    }),
    ("count-document", "documents count", |pair| {
        let mut body = hello();
        body["messages"][0]["content"] = json!([
            {"type": "text", "text": "Read it."},
            {"type": "document", "source":
                {"type": "text", "media_type": "text/plain", "data": filler()}},
        ]);
        counted(pair, &body, LENGTHS)
    }),
];

/// From ten characters a token to one: all real counts of plain words lie between.
const LENGTHS: std::ops::RangeInclusive<u64> = 800..=9_000;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = pairs(
        &[Dialect::Messages, Dialect::Responses, Dialect::Gemini],
        &PLAIN,
    );
    for template in &PARTS {
        let messages = UPSTREAMS.map(|upstream| Pair {
            client: Dialect::Messages,
            upstream,
        });
        cases.extend(messages.map(|pair| case(pair, template)));
    }
    cases
}

fn filler() -> String {
    "every word counts ".chars().cycle().take(LONG).collect()
}

fn tool(description: &str) -> Value {
    json!({"name": "read", "description": description, "input_schema":
        {"type": "object", "properties": {"path": {"type": "string"}}}})
}

fn hello() -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}]})
}

fn called(path: &str, result: &Value) -> Value {
    json!({"model": MODEL, "tools": [tool("Reads.")], "messages": [
        {"role": "user", "content": "Read it."},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_01count", "name": "read", "input": {"path": path}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_01count", "content": result}]},
    ]})
}

fn counted(pair: Pair, body: &Value, estimates: std::ops::RangeInclusive<u64>) -> Step {
    let path = match pair.client {
        Dialect::Messages => "/v1/messages/count_tokens",
        Dialect::Gemini => "/v1beta/models/__MODEL__:countTokens",
        _ => "/v1/responses/input_tokens",
    };
    let own = match pair.upstream {
        Dialect::Responses => json!({"object": "response.input_tokens", "input_tokens": COUNTED}),
        _ => json!({"input_tokens": COUNTED}),
    };
    let step = Step::new(pair.upstream, body).call(Call::Other(Method::POST, path));
    step.reply(Reply::new(Say::Json(own))).check(move |seen| {
        let count = count(pair, seen)?;
        let generates =
            |received: &crate::upstream::Received| received.operation != Operation::Count;
        ensure(!seen.received.iter().any(generates), || {
            "the upstream was asked for an answer".to_owned()
        })?;
        if !seen.received.is_empty() || pair.client == pair.upstream {
            return same("the upstream's own count", &count, &COUNTED);
        }
        ensure(estimates.contains(&count), || {
            format!(
                "the estimate is {count}, want {} to {}",
                estimates.start(),
                estimates.end()
            )
        })
    })
}

fn count(pair: Pair, seen: &Seen) -> Verdict<u64> {
    let body = seen.json()?;
    let name = match pair.client {
        Dialect::Gemini => "totalTokens",
        _ => "input_tokens",
    };
    let count = body.get(name).and_then(Value::as_u64);
    count.ok_or_else(|| format!("`{name}` is missing in {body}"))
}

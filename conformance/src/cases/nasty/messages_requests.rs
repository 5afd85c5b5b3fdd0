//! Cases 11 to 18: requests of Messages clients.

use serde_json::json;

use super::{answered, case, fine, hello, messages, without};
use crate::case::{Case, Seen, Step};
use crate::dialect::Dialect;
use crate::node::{Verdict, ensure, same};
use crate::normal::{Answer, Part, Stop};
use crate::play::{MODEL, messages::signature};
use crate::upstream::{Reply, Say};

const PAIR: (Dialect, Dialect) = (Dialect::Messages, Dialect::Chat);
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

pub(super) fn cases() -> Vec<Case> {
    vec![
        strange_id(),
        signed_history(),
        image_in_result(),
        empty_error(),
        forced_search(),
        optional_fields(),
        billing_header(),
        same_bytes(),
    ]
}

fn strange_id() -> Case {
    let call = Part::call("functions.Bash:0", "Bash", r#"{"path":"a"}"#);
    let answer = Answer::new(vec![call], Stop::Calls);
    let first = Step::new(Dialect::Chat, &messages(&hello(), false))
        .reply(Reply::new(Say::Answer(answer)))
        .check(|seen| same("calls", &seen.answer()?.calls().len(), &1));
    let next = |seen: &Seen| {
        let answer = seen.answer()?;
        let id = &answer.calls()[0].id;
        Ok(messages(
            &json!([
                {"role": "user", "content": "Say hello."},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": id, "name": "Bash", "input": {"path": "a"}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": id, "content": "hello"}]},
            ]),
            false,
        ))
    };
    let about = "an id that Messages does not allow, taken to Anthropic in the next turn";
    case(11, PAIR, about, first).then(answered(Step::after(Dialect::Messages, next)))
}

fn signed_history() -> Case {
    let turns = json!([
        {"role": "user", "content": "Say hello."},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": signature()},
            {"type": "redacted_thinking", "data": signature()},
            {"type": "text", "text": "Hello."}]},
        {"role": "user", "content": "Again."},
    ]);
    let step = answered(Step::new(Dialect::Chat, &messages(&turns, false)));
    let step = step.check(|seen| without(&seen.request()?.body, &signature()));
    case(
        12,
        PAIR,
        "thinking with Anthropic's signatures in the history",
        step,
    )
}

fn image_in_result() -> Case {
    let source = json!({"type": "base64", "media_type": "image/png", "data": PIXEL});
    let turns = json!([
        {"role": "user", "content": "Show me."},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "a"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
                {"type": "text", "text": "a picture"}, {"type": "image", "source": source}]},
            {"type": "text", "text": "What is it?"}]},
    ]);
    let step = answered(Step::new(Dialect::Chat, &messages(&turns, false))).check(|seen| {
        let asked = seen.asked()?;
        let after = asked.turns.get(2..).unwrap_or_default();
        same("messages after the call", &after.len(), &2)?;
        let is_result = matches!(after[0].parts.as_slice(),
            [Part::Result { text, .. }] if text.contains("a picture"));
        ensure(is_result, || format!("the result is {:?}", after[0]))?;
        let has_image = after[1]
            .parts
            .iter()
            .any(|part| matches!(part, Part::Image(_, data) if data == PIXEL));
        let has_text = after[1]
            .parts
            .iter()
            .any(|part| matches!(part, Part::Text(text) if text.contains("What is it?")));
        ensure(has_image && has_text, || {
            format!("the message after it is {:?}", after[1])
        })
    });
    case(
        13,
        PAIR,
        "a result with text and image, then text of the user",
        step,
    )
}

fn empty_error() -> Case {
    let turns = json!([
        {"role": "user", "content": "Show me."},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "a"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [], "is_error": true}]},
    ]);
    let step = answered(Step::new(Dialect::Chat, &messages(&turns, false))).check(|seen| {
        let last = seen.asked()?.turns.last();
        let text = last.and_then(|turn| match turn.parts.as_slice() {
            [Part::Result { text, .. }] => Some(text.trim().to_lowercase()),
            _ => None,
        });
        ensure(
            text.as_ref().is_some_and(|text| text.starts_with("error")),
            || format!("the result is {text:?}"),
        )
    });
    case(14, PAIR, "an empty result that is an error", step)
}

fn forced_search() -> Case {
    let mut body = messages(&hello(), true);
    body["tools"] = json!([{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]);
    body["tool_choice"] = json!({"type": "tool", "name": "web_search"});
    let step = Step::new(Dialect::Chat, &body)
        .reply(fine())
        .check(|seen| seen.refused_here(400, "search").map(drop));
    case(
        15,
        PAIR,
        "the only tool is a forced web search, which the upstream lacks",
        step,
    )
}

fn optional_fields() -> Case {
    let mut body = messages(&hello(), false);
    body["thinking"] = json!({"type": "adaptive"});
    body["context_management"] = json!({"edits": [{"type": "clear_thinking_20251015"}]});
    body["future_field"] = json!({"a": 1});
    let step = answered(Step::new(Dialect::Chat, &body)).check(|seen| {
        for name in ["\"thinking\"", "context_management", "future_field"] {
            without(&seen.request()?.body, name)?;
        }
        Ok(())
    });
    case(
        16,
        PAIR,
        "optional and unknown fields for an upstream that has none of them",
        step,
    )
}

fn billing_header() -> Case {
    let mut body = messages(&hello(), false);
    body["system"] = json!([
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.9; cc_entrypoint=cli; cch=a1b2c;"},
        {"type": "text", "text": "You are A.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be B."},
    ]);
    let step = answered(Step::new(Dialect::Chat, &body)).check(|seen| {
        let system = seen.asked()?.system.as_deref();
        same("instructions", &system, &Some("You are A.\nBe B."))
    });
    case(
        17,
        PAIR,
        "Claude Code's billing header before the instructions",
        step,
    )
}

fn same_bytes() -> Case {
    let text = format!(
        "{{ \"max_tokens\":4096,\"model\" : \"{MODEL}\",\n \"temperature\":1.0, \"thinking\":{{\"type\":\"adaptive\"}},\
         \"system\":[{{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc_version=2.1.9;\"}},\
         {{\"text\":\"Gr\\u00fc\\u00dfe \\/\",\"type\":\"text\",\"cache_control\":{{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}}}],\
         \"messages\":[{{\"role\":\"user\",\"content\":\"a\"}},{{\"role\":\"assistant\",\"content\":[\
         {{\"signature\":\"{}\",\"thinking\":\"\",\"type\":\"thinking\"}},{{\"type\":\"text\",\"text\":\"b\"}}]}},\
         {{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"c\"}}]}}]}}",
        signature()
    );
    let beta = "context-1m-2025-08-07,interleaved-thinking-2025-05-14";
    let step = answered(Step::text(Dialect::Messages, text))
        .header("anthropic-beta", beta)
        .check(move |seen| {
            let request = seen.request()?;
            same(
                "the body but for the model",
                &without_model(&request.bytes)?,
                &without_model(&seen.sent)?,
            )?;
            let got = request.headers.get("anthropic-beta").map(String::as_str);
            same("anthropic-beta", &got, &Some(beta))
        });
    let pair = (Dialect::Messages, Dialect::Messages);
    case(18, pair, "the same dialect on both sides: bytes pass", step)
}

/// A body without the model's name, which gateways may map.
fn without_model(bytes: &[u8]) -> Verdict<String> {
    let text = String::from_utf8_lossy(bytes);
    let Some(at) = text.find("conf-messages-") else {
        return Err("the body names no model".to_owned());
    };
    let start = text[..at].rfind('"').unwrap_or(at);
    let end = text[at..].find('"').map_or(text.len(), |end| at + end);
    Ok(format!("{}{}", &text[..start], &text[end..]))
}

//! Case 30: encrypted reasoning that travels through a Messages client, back to its upstream and to another one.

use serde_json::{Value, json};

use super::{answered, case, hello, messages, without};
use crate::case::{Case, Seen, Step};
use crate::dialect::Dialect;
use crate::node::{Verdict, ensure};
use crate::normal::{Answer, Part, Stop};
use crate::play::responses::{REASONING_ID, ciphertext};
use crate::upstream::{Reply, Say};

/// An id as long as those that an MCP bridge of Codex makes.
fn long_id() -> String {
    format!("call_{}", "0123456789".repeat(9).split_at(89).0)
}

pub(super) fn cases() -> Vec<Case> {
    let call = Part::call("call_conf", "read_file", r#"{"path":"a"}"#);
    let answer = Answer::new(vec![Part::thinking("Hm."), call], Stop::Calls);
    let mut body = messages(&hello(), true);
    body["thinking"] = json!({"type": "adaptive"});
    let first = Step::new(Dialect::Responses, &body)
        .reply(Reply::new(Say::Answer(answer)))
        .check(|seen| {
            let signed = seen
                .answer()?
                .parts
                .iter()
                .any(|part| matches!(part, Part::Thinking { state: Some(_), .. }));
            ensure(signed, || "the reasoning came without its state".to_owned())
        });
    let replay = answered(Step::after(Dialect::Responses, history)).check(|seen| {
        let state = Some(ciphertext());
        let came_back = seen.asked()?.turns.iter().any(|turn| {
            turn.parts
                .iter()
                .any(|part| matches!(part, Part::Thinking { state: other, .. } if *other == state))
        });
        ensure(came_back, || {
            "the ciphertext did not come back to its upstream".to_owned()
        })
    });
    // The same conversation, as failover would take it to another vendor.
    let elsewhere = Step::after(Dialect::Messages, |seen: &Seen| {
        serde_json::from_slice(&seen.sent)
            .map(|body: Value| renamed(body))
            .map_err(|error| error.to_string())
    });
    let elsewhere = answered(elsewhere).check(|seen| {
        without(&seen.request()?.body, &ciphertext())?;
        without(&seen.request()?.body, REASONING_ID)
    });
    let pair = (Dialect::Messages, Dialect::Responses);
    let about = "reasoning returns to its upstream, and reaches no other; a long id is shortened";
    vec![case(30, pair, about, first).then(replay).then(elsewhere)]
}

fn renamed(mut body: Value) -> Value {
    body["model"] = json!(crate::play::MODEL);
    body
}

/// The next turn: the answer as the client keeps it, behind an older turn with a long id.
fn history(seen: &Seen) -> Verdict<Value> {
    let mut blocks = Vec::new();
    for part in &seen.answer()?.parts {
        match part {
            Part::Thinking {
                text,
                state: Some(state),
            } if text.is_empty() => {
                blocks.push(json!({"type": "redacted_thinking", "data": state}));
            }
            Part::Thinking { text, state } => {
                blocks.push(json!({"type": "thinking", "thinking": text, "signature": state}));
            }
            Part::Call(call) => blocks.push(json!({"type": "tool_use", "id": call.id,
                "name": call.name, "input": {"path": "a"}})),
            Part::Text(text) => blocks.push(json!({"type": "text", "text": text})),
            _ => {}
        }
    }
    let answer = seen.answer()?;
    let Some(call) = answer.calls().first().map(|call| call.id.clone()) else {
        return Err("the answer has no call".to_owned());
    };
    let result = |id: &str| {
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": "contents"}]})
    };
    let mut body = messages(
        &json!([
            {"role": "user", "content": "Say hello."},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": long_id(), "name": "list_files", "input": {"path": "."}}]},
            result(&long_id()),
            {"role": "assistant", "content": blocks},
            result(&call),
        ]),
        false,
    );
    body["thinking"] = json!({"type": "adaptive"});
    Ok(body)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_long_id_has_94_characters() {
        assert_eq!(super::long_id().len(), 94);
    }
}

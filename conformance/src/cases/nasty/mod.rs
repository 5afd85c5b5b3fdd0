//! The thirty cases that translators of the field are known to get wrong. Owns what they share.

mod chat_requests;
mod codex;
mod messages_requests;
mod messages_streams;
mod state;

use serde_json::{Value, json};

use crate::case::{Case, Step};
use crate::dialect::Dialect;
use crate::node::{Verdict, ensure};
use crate::normal::{Answer, Part, Stop};
use crate::play::MODEL;
use crate::upstream::{Reply, Say};

/// All of them, in order.
pub fn all() -> Vec<Case> {
    let families = [
        messages_streams::cases(),
        messages_requests::cases(),
        chat_requests::cases(),
        codex::cases(),
        state::cases(),
    ];
    let mut cases: Vec<Case> = families.into_iter().flatten().collect();
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

fn name(number: usize) -> String {
    format!("nasty-{number:02}")
}

/// A JSON Schema with one path.
fn path_schema() -> Value {
    json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]})
}

/// A request of Messages with tools.
fn messages(turns: &Value, stream: bool) -> Value {
    let tool =
        |name: &str| json!({"name": name, "description": name, "input_schema": path_schema()});
    json!({
        "model": MODEL,
        "max_tokens": 4096,
        "stream": stream,
        "tools": [tool("read_file"), tool("list_files"), tool("Bash")],
        "messages": turns,
    })
}

/// A request of Chat Completions with tools.
fn chat(messages: &Value) -> Value {
    let tool = |name: &str| {
        json!({"type": "function", "function":
            {"name": name, "description": name, "parameters": path_schema()}})
    };
    json!({
        "model": MODEL,
        "max_completion_tokens": 1000,
        "tools": [tool("read_file"), tool("list_files")],
        "messages": messages,
    })
}

/// One turn of the user.
fn hello() -> Value {
    json!([{"role": "user", "content": "Say hello."}])
}

/// The plainest reply.
fn fine() -> Reply {
    let answer = Answer::new(vec![Part::text("Done.")], Stop::End);
    Reply::new(Say::Answer(answer))
}

/// A step whose upstream says "Done." and whose client hears it.
fn answered(step: Step) -> Step {
    step.reply(fine()).check(|seen| {
        let text = seen.answer()?.text();
        ensure(text == "Done.", || format!("the answer is {text:?}"))
    })
}

/// A body must not contain a text anywhere.
fn without(body: &Value, text: &str) -> Verdict<()> {
    ensure(!body.to_string().contains(text), || {
        format!("the upstream received {text:?}")
    })
}

/// A case of one pair.
fn case(number: usize, pair: (Dialect, Dialect), about: &str, step: Step) -> Case {
    Case::new(&name(number), pair.0, pair.1, about, step)
}

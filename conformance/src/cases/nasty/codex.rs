//! Cases 26 to 29: Responses clients, such as Codex, on a Chat Completions upstream.

use serde_json::{Value, json};

use super::{answered, case, fine, path_schema};
use crate::case::{Case, Step};
use crate::dialect::Dialect;
use crate::node::{ensure, same};
use crate::normal::{Answer, Part, Stop};
use crate::play::MODEL;
use crate::play::chat::{DONE, chunk};
use crate::sse;
use crate::upstream::{Cut, Reply, Say};

const PAIR: (Dialect, Dialect) = (Dialect::Responses, Dialect::Chat);
const PATCH: &str =
    "*** Begin Patch\n*** Update File: a.rs\n-let a = \"1\";\n+let a = \"2\";\n*** End Patch\n";

pub(super) fn cases() -> Vec<Case> {
    vec![
        codex_tools(),
        no_finish(),
        text_between(),
        unknown_response(),
    ]
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

fn function(name: &str) -> Value {
    json!({"type": "function", "name": name, "description": name,
        "parameters": path_schema(), "strict": false})
}

/// A request with the members that Codex sends.
fn request(input: &Value) -> Value {
    json!({
        "model": MODEL,
        "instructions": "You are a coding agent.",
        "input": input,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": true,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": false,
        "stream": true,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199-conf",
        "client_metadata": {"session": "0199-conf"},
    })
}

fn codex_tools() -> Case {
    let tools = json!({"type": "additional_tools", "role": "developer", "tools": [
        {"type": "namespace", "name": "mcp__docs", "description": "Docs", "tools": [function("search")]},
        {"type": "namespace", "name": "functions", "description": "", "tools": [function("exec_command")]},
        {"type": "custom", "name": "apply_patch", "description": "Edits files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
    ]});
    let wrapped = json!({"input": PATCH}).to_string();
    let answer = Answer::new(
        vec![
            Part::call("call_1", "apply_patch", &wrapped),
            Part::call("call_2", "mcp__docs__search", r#"{"path":"a"}"#),
        ],
        Stop::Calls,
    );
    let step = Step::new(Dialect::Chat, &request(&json!([tools, user("Fix it.")])))
        .reply(Reply::new(Say::Answer(answer)).cut(Cut::Bytes))
        .check(|seen| {
            let asked = seen.asked()?;
            let mut names: Vec<&str> = asked.tools.iter().map(|tool| tool.name.as_str()).collect();
            names.sort_unstable();
            let want = vec!["apply_patch", "exec_command", "mcp__docs__search"];
            same("declared tools", &names, &want)
        })
        .check(|seen| {
            let calls = seen.answer()?.calls();
            same("number of calls", &calls.len(), &2)?;
            same("the patch", &calls[0].arguments.as_str(), &PATCH)?;
            same("the second name", &calls[1].name.as_str(), &"search")?;
            let mut done = Vec::new();
            for frame in sse::read(&seen.raw.body)? {
                let event: Value = serde_json::from_str(&frame.data).unwrap_or_default();
                if event["type"] == "response.output_item.done" {
                    done.push(event["item"].clone());
                }
            }
            let kind = &done.first().unwrap_or(&Value::Null)["type"];
            ensure(kind == "custom_tool_call", || {
                format!("the patch is a {kind}")
            })?;
            let namespace = &done.get(1).unwrap_or(&Value::Null)["namespace"];
            ensure(namespace == "mcp__docs", || {
                format!("the namespace is {namespace}")
            })
        });
    case(
        26,
        PAIR,
        "Codex's tools: namespaces and a freeform patch",
        step,
    )
}

fn no_finish() -> Case {
    let events = vec![
        chunk(&json!({"role": "assistant", "content": ""}), None),
        chunk(&json!({"content": "All "}), None),
        chunk(&json!({"content": "done."}), None),
        DONE.to_owned(),
    ];
    let step = Step::new(Dialect::Chat, &request(&json!([user("Go.")])))
        .reply(Reply::new(Say::Events(events)))
        .check(|seen| same("text", &seen.answer()?.text().as_str(), &"All done."));
    case(27, PAIR, "the upstream never sends a finish reason", step)
}

fn text_between() -> Case {
    let call = |id: &str| {
        json!({"type": "function_call", "call_id": id, "name": "exec_command",
            "arguments": "{\"path\":\"a\"}"})
    };
    let output = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": id});
    let said = json!({"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "Looking."}]});
    let input = json!([
        user("Go."),
        call("call_a"),
        call("call_b"),
        said,
        output("call_a"),
        output("call_b"),
    ]);
    let mut body = request(&input);
    body["tools"] = json!([function("exec_command")]);
    let step = answered(Step::new(Dialect::Chat, &body)).check(|seen| {
        let asked = seen.asked()?;
        let assistants = asked.turns.iter().filter(|turn| turn.assistant).count();
        same("assistant messages", &assistants, &1)?;
        same("turns", &asked.canonical().turns.len(), &3)
    });
    case(28, PAIR, "text between two calls and their outputs", step)
}

fn unknown_response() -> Case {
    let mut body = request(&json!([user("Go on.")]));
    body["previous_response_id"] = json!("resp_unknown");
    let step = Step::new(Dialect::Chat, &body).reply(fine()).check(|seen| {
        let error = seen.refused_here(400, "previous_response_id")?;
        let param = error.param.as_deref();
        same("param", &param, &Some("previous_response_id"))?;
        let code = error.code.as_deref();
        same("code", &code, &Some("previous_response_not_found"))
    });
    case(29, PAIR, "an unknown response is continued", step)
}

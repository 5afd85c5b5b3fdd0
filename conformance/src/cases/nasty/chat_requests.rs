//! Cases 19 to 25: Chat Completions clients on a Messages upstream.

use serde_json::{Value, json};

use super::{answered, case, chat, fine, hello};
use crate::case::{Case, Step};
use crate::dialect::Dialect;
use crate::node::{ensure, same};
use crate::normal::{Choice, Part, Usage};
use crate::play::{self, messages as play_messages};
use crate::read::Outcome;
use crate::upstream::{Reply, Say};

const PAIR: (Dialect, Dialect) = (Dialect::Chat, Dialect::Messages);

pub(super) fn cases() -> Vec<Case> {
    vec![
        results_out_of_order(),
        orphans(),
        broken_arguments(),
        choices(),
        small_budget(),
        overloaded(),
        cache_usage(),
    ]
}

fn made_call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "read_file", "arguments": arguments}})
}

fn tool(id: &str, content: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": content})
}

fn user(content: &str) -> Value {
    json!({"role": "user", "content": content})
}

fn results_out_of_order() -> Case {
    let calls = ["call_a", "call_b", "call_c"].map(|id| made_call(id, r#"{"path":"a"}"#));
    let history = json!([
        user("Read three."),
        {"role": "assistant", "content": null, "tool_calls": calls},
        tool("call_c", "of c"), tool("call_a", "of a"), tool("call_b", "of b"),
        user("And now?"),
    ]);
    let step = answered(Step::new(Dialect::Messages, &chat(&history))).check(|seen| {
        let asked = seen.asked()?.canonical();
        same("turns", &asked.turns.len(), &3)?;
        let want = vec![
            Part::result("#0", "of a"),
            Part::result("#1", "of b"),
            Part::result("#2", "of c"),
            Part::text("And now?"),
        ];
        same("the last turn", &asked.turns[2].parts, &want)
    });
    case(
        19,
        PAIR,
        "three results out of order, then text of the user",
        step,
    )
}

fn orphans() -> Case {
    let history = json!([
        user("Read."),
        tool("call_gone", "orphaned contents"),
        {"role": "assistant", "content": null, "tool_calls": [
            made_call("call_a", r#"{"path":"a"}"#), made_call("call_b", r#"{"path":"b"}"#)]},
        tool("call_a", "of a"),
        user("And now?"),
    ]);
    let step = answered(Step::new(Dialect::Messages, &chat(&history))).check(|seen| {
        let request = seen.request()?;
        let turns = &seen.asked()?.turns;
        let kept = turns.first().is_some_and(|turn| {
            turn.parts
                .iter()
                .any(|part| matches!(part, Part::Text(text) if text.contains("orphaned contents")))
        });
        ensure(kept, || "the orphaned result is lost".to_owned())?;
        let blocks = request.body["messages"][2]["content"].as_array();
        let is_error = blocks.is_some_and(|blocks| {
            blocks
                .iter()
                .any(|block| block["type"] == "tool_result" && block["is_error"] == true)
        });
        ensure(is_error, || {
            "the call without a result has no error for one".to_owned()
        })
    });
    case(
        20,
        PAIR,
        "a result without its call, and a call without its result",
        step,
    )
}

fn broken_arguments() -> Case {
    let history = json!([
        user("Read."),
        {"role": "assistant", "content": null, "tool_calls": [made_call("call_broken", "{\"a\":")]},
        tool("call_broken", "of a"),
    ]);
    let step = Step::new(Dialect::Messages, &chat(&history))
        .reply(fine())
        .check(|seen| {
            let error = seen.refused_here(400, "")?;
            let text = format!("{} {:?}", error.message, error.param);
            let names = ["call_broken", "read_file", "tool_calls"];
            ensure(names.iter().any(|name| text.contains(name)), || {
                format!("{text:?} does not name the call")
            })
        });
    case(21, PAIR, "arguments in the history that are no JSON", step)
}

fn choices() -> Case {
    let mut body = chat(&hello());
    body["parallel_tool_calls"] = json!(false);
    let first = answered(Step::new(Dialect::Messages, &body)).check(|seen| {
        let asked = seen.asked()?;
        same("choice", &asked.choice, &Some(Choice::Auto))?;
        same("parallel", &asked.parallel, &Some(false))
    });
    let mut body = chat(&hello());
    body["tool_choice"] = json!({"type": "allowed_tools", "allowed_tools": {
        "mode": "required", "tools": [{"type": "function", "function": {"name": "list_files"}}]}});
    let second = answered(Step::new(Dialect::Messages, &body)).check(|seen| {
        let asked = seen.asked()?;
        let names: Vec<&str> = asked.tools.iter().map(|tool| tool.name.as_str()).collect();
        same("declared tools", &names, &vec!["list_files"])?;
        let is_forced = match &asked.choice {
            Some(Choice::Any) => true,
            Some(Choice::Tool(name)) => name == "list_files",
            _ => false,
        };
        ensure(is_forced, || format!("the choice is {:?}", asked.choice))
    });
    case(
        22,
        PAIR,
        "no parallel calls without a choice; allowed tools",
        first,
    )
    .then(second)
}

fn small_budget() -> Case {
    let mut body = chat(&hello());
    body["reasoning_effort"] = json!("high");
    let step = answered(Step::new(Dialect::Messages, &body))
        .check(|seen| same("longest answer", &seen.asked()?.max_tokens, &Some(1000)));
    case(23, PAIR, "high effort within 1000 tokens", step)
}

fn streamed() -> Value {
    let mut body = chat(&hello());
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    body
}

fn overloaded() -> Case {
    let message = "Overloaded";
    let error = play::named(&play::error(
        Dialect::Messages,
        "overloaded_error",
        None,
        message,
    ));
    let usage = Usage {
        input: 5,
        ..Usage::default()
    };
    let text = json!({"type": "text_delta", "text": "Half"});
    let after = vec![
        play_messages::start(&usage),
        play_messages::block_start(0, &json!({"type": "text", "text": ""})),
        play_messages::delta(0, &text),
        error.clone(),
    ];
    let first = Step::new(Dialect::Messages, &streamed())
        .reply(Reply::new(Say::Events(after)))
        .check(|seen| seen.broken().map(drop));
    let second = Step::new(Dialect::Messages, &streamed())
        .reply(Reply::new(Say::Events(vec![error])))
        .check(|seen| {
            let is_error = !matches!(seen.outcome, Outcome::Answer(_));
            ensure(is_error, || "an answer, want an error".to_owned())
        });
    case(24, PAIR, "overloaded after text, and before", first).then(second)
}

fn cache_usage() -> Case {
    let usage = Usage {
        input: 125,
        cached: 100,
        written: 20,
        output: 1,
        reasoning: 0,
    };
    let text = json!({"type": "text_delta", "text": "Done."});
    let mut events = vec![
        play_messages::start(&usage),
        play_messages::block_start(0, &json!({"type": "text", "text": ""})),
        play_messages::delta(0, &text),
        play_messages::block_stop(0),
    ];
    events.extend(play_messages::end("end_turn", &json!({"output_tokens": 3})));
    let step = Step::new(Dialect::Messages, &streamed())
        .reply(Reply::new(Say::Events(events)))
        .check(|seen| {
            let Some(got) = seen.answer()?.usage else {
                return Err("no usage".to_owned());
            };
            same("prompt tokens", &got.input, &125)?;
            same("cached tokens", &got.cached, &100)?;
            same("completion tokens", &got.output, &3)
        });
    case(25, PAIR, "caches at the start, output at the end", step)
}

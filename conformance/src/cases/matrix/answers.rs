//! Templates about answers: text, calls, ends, usage, reasoning, whole and as streams.

use super::{Pair, TEXT, Template, question, same_answer, streaming, with_tools};
use crate::case::Step;
use crate::dialect::Dialect;
use crate::node::{ensure, same};
use crate::normal::{Answer, Part, Stop, Usage};
use crate::upstream::{Cut, Reply, Say};

pub(super) const TEMPLATES: &[Template] = &[
    ("text", "a text arrives whole", |pair| {
        plain(pair, false, &Answer::new(vec![Part::text(TEXT)], Stop::End))
    }),
    (
        "text-stream",
        "a streamed text arrives, cut at any byte",
        |pair| plain(pair, true, &Answer::new(vec![Part::text(TEXT)], Stop::End)),
    ),
    (
        "call",
        "a call arrives whole, and is why the answer ends",
        |pair| calling(pair, false, vec![pair.call(0, "read_file", ARGUMENTS)]),
    ),
    (
        "call-stream",
        "a streamed call arrives, cut at any byte",
        |pair| calling(pair, true, vec![pair.call(0, "read_file", ARGUMENTS)]),
    ),
    (
        "call-text-stream",
        "text before a call stays before it",
        |pair| {
            let parts = vec![Part::text(TEXT), pair.call(0, "read_file", ARGUMENTS)];
            calling(pair, true, parts)
        },
    ),
    (
        "call-empty",
        "a call without arguments has an empty object",
        |pair| calling(pair, false, vec![pair.call(0, "list_files", "{}")]),
    ),
    ("call-empty-stream", "the same as a stream", |pair| {
        calling(pair, true, vec![pair.call(0, "list_files", "{}")])
    }),
    ("parallel", "two calls at once arrive whole", |pair| {
        calling(pair, false, two_calls(pair))
    }),
    (
        "parallel-stream",
        "two calls at once arrive in a stream",
        |pair| calling(pair, true, two_calls(pair)),
    ),
    ("stop-length", "an answer that was cut says so", |pair| {
        plain(
            pair,
            false,
            &Answer::new(vec![Part::text("Half a")], Stop::Length),
        )
    }),
    (
        "stop-length-stream",
        "a stream that was cut says so",
        |pair| {
            plain(
                pair,
                true,
                &Answer::new(vec![Part::text("Half a")], Stop::Length),
            )
        },
    ),
    (
        "stop-filter",
        "an answer that was filtered says so",
        |pair| {
            plain(
                pair,
                false,
                &Answer::new(vec![Part::text("I can")], Stop::Filter),
            )
        },
    ),
    (
        "stop-filter-stream",
        "a stream that was filtered says so",
        |pair| {
            plain(
                pair,
                true,
                &Answer::new(vec![Part::text("I can")], Stop::Filter),
            )
        },
    ),
    (
        "usage",
        "usage with cached input and reasoning is reported in full",
        |pair| counting(pair, false),
    ),
    (
        "usage-stream",
        "usage of a stream is the same as of a whole answer",
        |pair| counting(pair, true),
    ),
    ("thinking", "reasoning never mixes with the text", |pair| {
        thinking(pair, false)
    }),
    (
        "thinking-stream",
        "streamed reasoning never mixes with the text",
        |pair| thinking(pair, true),
    ),
];

const ARGUMENTS: &str = r#"{"path":"src/lib \"ä\".rs"}"#;

fn two_calls(pair: Pair) -> Vec<Part> {
    vec![
        pair.call(0, "read_file", ARGUMENTS),
        pair.call(1, "list_files", r#"{"path":"."}"#),
    ]
}

fn plain(pair: Pair, stream: bool, answer: &Answer) -> Step {
    let asked = question();
    let asked = if stream { streaming(asked) } else { asked };
    let reply = Reply::new(Say::Answer(answer.clone())).cut(Cut::Bytes);
    same_answer(pair.step(&asked).reply(reply), answer)
}

fn calling(pair: Pair, stream: bool, parts: Vec<Part>) -> Step {
    let asked = with_tools(question());
    let asked = if stream { streaming(asked) } else { asked };
    let answer = Answer::new(parts, Stop::Calls);
    let reply = Reply::new(Say::Answer(answer.clone())).cut(Cut::Bytes);
    same_answer(pair.step(&asked).reply(reply), &answer)
}

fn counting(pair: Pair, stream: bool) -> Step {
    let says_reasoning = pair.upstream != Dialect::Messages;
    let usage = Usage {
        input: 125,
        cached: 100,
        written: if says_reasoning { 0 } else { 20 },
        output: 30,
        reasoning: if says_reasoning { 12 } else { 0 },
    };
    let mut answer = Answer::new(vec![Part::text(TEXT)], Stop::End);
    answer.usage = Some(usage);
    let asked = question();
    let asked = if stream { streaming(asked) } else { asked };
    let step = pair.step(&asked).reply(Reply::new(Say::Answer(answer)));
    step.check(move |seen| {
        let Some(got) = seen.answer()?.usage else {
            return Err("no usage".to_owned());
        };
        same("input", &got.input, &usage.input)?;
        same("cached input", &got.cached, &usage.cached)?;
        same("output", &got.output, &usage.output)?;
        if pair.client == Dialect::Messages && pair.upstream == Dialect::Messages {
            same("input written to a cache", &got.written, &usage.written)?;
        }
        if pair.client != Dialect::Messages {
            same("reasoning", &got.reasoning, &usage.reasoning)?;
        }
        Ok(())
    })
}

fn thinking(pair: Pair, stream: bool) -> Step {
    const THOUGHT: &str = "Let me think about it.";
    let parts = vec![Part::thinking(THOUGHT), Part::text(TEXT)];
    let answer = Answer::new(parts, Stop::End);
    let asked = question();
    let asked = if stream { streaming(asked) } else { asked };
    let reply = Reply::new(Say::Answer(answer.clone())).cut(Cut::Bytes);
    let step = same_answer(pair.step(&asked).reply(reply), &answer);
    step.check(|seen| {
        for part in &seen.answer()?.parts {
            if let Part::Thinking { text, .. } = part {
                ensure(text.is_empty() || text == THOUGHT, || {
                    format!("the reasoning is {text:?}")
                })?;
            }
        }
        Ok(())
    })
}

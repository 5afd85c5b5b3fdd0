//! Templates about requests: what the upstream must receive.

use super::{Pair, Template, question, streaming, with_tools};
use crate::case::Step;
use crate::dialect::Dialect;
use crate::node::{ensure, same};
use crate::normal::{Answer, Asked, Choice, Part, Stop, Turn};
use crate::upstream::{Reply, Say};

pub(super) const TEMPLATES: &[Template] = &[
    ("system", "instructions arrive as such", |pair| {
        let mut asked = question();
        asked.system = Some("Be brief.\nBe kind.".to_owned());
        arrives(pair, asked)
    }),
    ("turns", "a conversation arrives turn by turn", |pair| {
        let mut asked = question();
        asked
            .turns
            .push(Turn::assistant(vec![Part::text("Hello, all.")]));
        asked
            .turns
            .push(Turn::user(vec![Part::text("Again, in Latin.")]));
        arrives(pair, asked)
    }),
    (
        "image",
        "an image arrives byte for byte, after its text",
        |pair| {
            let mut asked = question();
            let image = Part::Image("image/png".to_owned(), PIXEL.to_owned());
            asked.turns = vec![Turn::user(vec![Part::text("What is this?"), image])];
            arrives(pair, asked)
        },
    ),
    ("limits", "limits and temperature arrive", |pair| {
        let mut asked = question();
        asked.temperature = Some(0.5);
        asked.max_tokens = Some(321);
        if pair.client != Dialect::Responses && pair.upstream != Dialect::Responses {
            asked.stop = vec!["END".to_owned(), "\n\nHuman:".to_owned()];
        }
        arrives(pair, asked)
    }),
    ("tools", "declarations arrive with their schemas", |pair| {
        arrives(pair, with_tools(question()))
    }),
    ("tool-choice", "a forced tool arrives", |pair| {
        let mut asked = with_tools(question());
        asked.choice = Some(Choice::Tool("list_files".to_owned()));
        arrives_with_call(pair, asked)
    }),
    (
        "tool-choice-any",
        "that some tool is forced arrives",
        |pair| {
            let mut asked = with_tools(question());
            asked.choice = Some(Choice::Any);
            arrives_with_call(pair, asked)
        },
    ),
    (
        "one-call-at-once",
        "that calls must not be parallel arrives",
        |pair| {
            let mut asked = with_tools(question());
            // Gemini's clients cannot say it.
            asked.parallel = (pair.client != Dialect::Gemini).then_some(false);
            arrives(pair, asked)
        },
    ),
    (
        "tool-result",
        "a result arrives directly after its call",
        |pair| {
            let mut asked = with_tools(question());
            let call = client_call(0, "read_file", r#"{"path":"a"}"#);
            asked.turns.push(Turn::assistant(vec![call]));
            asked
                .turns
                .push(Turn::user(vec![result(0, "contents of a")]));
            arrives(pair, asked)
        },
    ),
    (
        "tool-results",
        "two results and what the user adds arrive in order",
        |pair| {
            let mut asked = with_tools(question());
            let first = client_call(0, "read_file", r#"{"path":"a"}"#);
            let second = client_call(1, "list_files", r#"{"path":"b"}"#);
            let said = Part::text("Let me look.");
            asked.turns.push(Turn::assistant(vec![said, first, second]));
            let added = Part::text("Hurry.");
            asked.turns.push(Turn::user(vec![
                result(0, "of a"),
                result(1, "of b"),
                added,
            ]));
            arrives(pair, asked)
        },
    ),
    (
        "tool-loop-stream",
        "two rounds of calls and results arrive, and a stream answers",
        |pair| {
            let mut asked = streaming(with_tools(question()));
            for (number, path) in ["a", "b"].into_iter().enumerate() {
                let arguments = format!(r#"{{"path":"{path}"}}"#);
                let call = client_call(number, "read_file", &arguments);
                asked.turns.push(Turn::assistant(vec![call]));
                asked.turns.push(Turn::user(vec![result(number, path)]));
            }
            arrives(pair, asked)
        },
    ),
];

/// One pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn client_call(number: usize, name: &str, arguments: &str) -> Part {
    Part::call(&format!("call_history{number}"), name, arguments)
}

fn result(number: usize, text: &str) -> Part {
    Part::result(&format!("call_history{number}"), text)
}

fn arrives(pair: Pair, asked: Asked) -> Step {
    let answer = Answer::new(vec![Part::text("Salvete.")], Stop::End);
    arrives_and(pair, asked, &answer)
}

fn arrives_with_call(pair: Pair, asked: Asked) -> Step {
    let call = pair.call(0, "list_files", r#"{"path":"."}"#);
    arrives_and(pair, asked, &Answer::new(vec![call], Stop::Calls))
}

fn arrives_and(pair: Pair, asked: Asked, answer: &Answer) -> Step {
    let step = pair
        .step(&asked)
        .reply(Reply::new(Say::Answer(answer.clone())));
    super::same_answer(step, answer).check(move |seen| {
        let (got, want) = (seen.asked()?.canonical(), asked.canonical());
        same("instructions", &got.system, &want.system)?;
        same("turns", &got.turns, &want.turns)?;
        same("tools", &got.tools, &want.tools)?;
        if want.choice.is_some() {
            same("choice of tools", &got.choice, &want.choice)?;
        }
        if want.parallel.is_some() {
            same("parallel calls", &got.parallel, &want.parallel)?;
        }
        same("longest answer", &got.max_tokens, &want.max_tokens)?;
        same("stop sequences", &got.stop, &want.stop)?;
        let is_same = match (got.temperature, want.temperature) {
            (Some(got), Some(want)) => (got - want).abs() < 1e-9,
            (got, want) => got == want,
        };
        ensure(is_same, || {
            format!(
                "temperature: got {:?}, want {:?}",
                got.temperature, want.temperature
            )
        })
    })
}

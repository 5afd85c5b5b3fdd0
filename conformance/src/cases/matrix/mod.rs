//! Every client dialect on every upstream dialect, generated from templates. Owns the list of templates.

mod answers;
mod errors;
mod requests;

use crate::case::{Case, Step};
use crate::dialect::{CLIENTS, Dialect, UPSTREAMS};
use crate::normal::{Answer, Asked, Part, Tool, Turn};
use crate::play::MODEL;

/// A pair of dialects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) client: Dialect,
    pub(super) upstream: Dialect,
}

/// A template: its name, what it is about, and its only request.
pub(super) type Template = (&'static str, &'static str, fn(Pair) -> Step);

/// All templates for all pairs.
pub fn all() -> Vec<Case> {
    let templates = [answers::TEMPLATES, requests::TEMPLATES, errors::TEMPLATES];
    let mut cases = Vec::new();
    for (name, about, step) in templates.into_iter().flatten() {
        for client in CLIENTS {
            for upstream in UPSTREAMS {
                let name = format!("{name}/{client}-to-{upstream}");
                let step = step(Pair { client, upstream });
                cases.push(Case::new(&name, client, upstream, about, step));
            }
        }
    }
    cases
}

/// A text with characters of one to four bytes.
pub(super) const TEXT: &str = "Grüße an alle: 世界 and 🌍, said \"plainly\".\nSecond line.";

/// A question without anything else.
pub(super) fn question() -> Asked {
    Asked {
        model: MODEL.to_owned(),
        turns: vec![Turn::user(vec![Part::text("Say hello to all.")])],
        max_tokens: Some(512),
        ..Asked::default()
    }
}

/// The same as a stream.
pub(super) fn streaming(asked: Asked) -> Asked {
    Asked {
        stream: true,
        ..asked
    }
}

/// The same with two tools.
pub(super) fn with_tools(asked: Asked) -> Asked {
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: format!("The tool {name}."),
        schema: serde_json::json!({
            "type": "object",
            "properties": {"path": {"type": "string", "description": "Where"}},
            "required": ["path"],
        }),
    };
    Asked {
        tools: vec![tool("read_file"), tool("list_files")],
        ..asked
    }
}

impl Pair {
    pub(super) fn step(self, asked: &Asked) -> Step {
        Step::asking(self.client, self.upstream, asked)
    }

    /// An id as the upstream's vendor makes them.
    fn call_id(self, number: usize) -> String {
        match self.upstream {
            Dialect::Messages => format!("toolu_01conf{number}"),
            _ => format!("call_conf{number}"),
        }
    }

    fn call(self, number: usize, name: &str, arguments: &str) -> Part {
        Part::call(&self.call_id(number), name, arguments)
    }
}

/// What both sides hold after an answer: the same text and calls, the same end.
pub(super) fn same_answer(step: Step, answer: &Answer) -> Step {
    let want = answer.clone();
    step.check(move |seen| {
        let got = seen.answer()?;
        crate::node::same("the answer", &got.canonical(), &want.canonical())?;
        crate::node::same("its end", &got.stop, &want.stop)
    })
}

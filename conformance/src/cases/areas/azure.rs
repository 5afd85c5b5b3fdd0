//! Clients of Azure OpenAI: its paths, and its header for the key.

use serde_json::Value;

use super::pairs;
use crate::case::{Ask, Call, Case, Credential, Step};
use crate::cases::matrix::{Pair, TEXT, Template, question, same_answer, streaming};
use crate::dialect::Dialect;
use crate::normal::{Answer, Part, Stop};
use crate::upstream::{Cut, Reply, Say};

const DEPLOYMENT: &str = "/openai/deployments/__MODEL__/chat/completions?api-version=2024-10-21";

const CHAT: [Template; 3] = [
    (
        "azure-deployment",
        "the deployment in the path is the model",
        |pair| deployment(pair, false),
    ),
    ("azure-deployment-stream", "the same as a stream", |pair| {
        deployment(pair, true)
    }),
    (
        "azure-v1",
        "the v1 API has the model in the body, and Azure's header for the key",
        |pair| azure(pair, false, "/openai/v1/chat/completions"),
    ),
];

const RESPONSES: [Template; 1] = [("azure-v1", "the same for Responses", |pair| {
    azure(pair, true, "/openai/v1/responses")
})];

pub(super) fn cases() -> Vec<Case> {
    let chat = CHAT.iter().flat_map(|one| pairs(&[Dialect::Chat], one));
    let responses = RESPONSES
        .iter()
        .flat_map(|one| pairs(&[Dialect::Responses], one));
    chat.chain(responses).collect()
}

/// The SDK sends the model in the body too, other clients do not: it must not be needed.
fn deployment(pair: Pair, stream: bool) -> Step {
    let mut step = azure(pair, stream, DEPLOYMENT);
    if let Ask::Text(text) = &mut step.ask {
        let mut body: Value = serde_json::from_str(text).unwrap_or_default();
        if let Some(members) = body.as_object_mut() {
            members.remove("model");
        }
        *text = body.to_string();
    }
    step
}

fn azure(pair: Pair, stream: bool, path: &'static str) -> Step {
    let answer = Answer::new(vec![Part::text(TEXT)], Stop::End);
    let asked = question();
    let asked = if stream { streaming(asked) } else { asked };
    let step = pair
        .step(&asked)
        .call(Call::GenerateAt(path))
        .credential(Credential::Header("api-key"));
    let reply = Reply::new(Say::Answer(answer.clone())).cut(Cut::Bytes);
    same_answer(step.reply(reply), &answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deployment_is_left_open_in_the_path_and_not_in_the_body() {
        assert!(DEPLOYMENT.contains(crate::play::MODEL));
        let pair = Pair {
            client: Dialect::Chat,
            upstream: Dialect::Chat,
        };
        let Ask::Text(text) = deployment(pair, true).ask else {
            panic!("a text");
        };
        assert!(text.contains("\"stream\":true") && !text.contains("\"model\""));
    }
}

//! What a gateway refuses itself, in each client's words, and keys that stay where they belong.

use super::{case, clients, pairs};
use crate::case::{Call, Case, Credential, Step};
use crate::cases::matrix::{Pair, TEXT, Template, question, same_answer};
use crate::dialect::{CLIENTS, Dialect, UPSTREAMS};
use crate::node::{Verdict, ensure};
use crate::normal::{Answer, Part, Stop};
use crate::read::ErrorBody;
use crate::upstream::{Reply, Say};

const OWN: [Template; 3] = [
    (
        "own-key",
        "an unknown client key is refused in the client's words",
        unknown_key,
    ),
    (
        "own-model",
        "an unknown model is refused in the client's words",
        unknown_model,
    ),
    (
        "own-json",
        "a body that is no JSON is refused in the client's words",
        no_json,
    ),
];

const SECRET: Template = (
    "own-secret",
    "the client's key does not reach the upstream",
    |pair| secret(pair, Credential::Usual),
);

const QUERY_KEY: Template = (
    "own-query-key",
    "a key in the query is accepted, and does not reach the upstream",
    |pair| secret(pair, Credential::Query),
);

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = OWN.iter().flat_map(clients).collect();
    cases.extend(pairs(&CLIENTS, &SECRET));
    let gemini = UPSTREAMS.map(|upstream| Pair {
        client: Dialect::Gemini,
        upstream,
    });
    cases.extend(gemini.map(|pair| case(pair, &QUERY_KEY)));
    cases
}

fn fine() -> (Answer, Reply) {
    let answer = Answer::new(vec![Part::text(TEXT)], Stop::End);
    (answer.clone(), Reply::new(Say::Answer(answer)))
}

/// A refusal without a call of an upstream, with one of these statuses and types.
fn refused(
    step: Step,
    statuses: &'static [u16],
    kinds: &'static [&'static str],
    says: fn(&ErrorBody) -> bool,
) -> Step {
    step.reply(fine().1).check(move |seen| -> Verdict<()> {
        let (status, error) = seen.refused()?;
        ensure(statuses.contains(&status), || {
            format!("the status is {status}, want one of {statuses:?}")
        })?;
        ensure(seen.received.is_empty(), || {
            "the upstream was called".to_owned()
        })?;
        ensure(kinds.contains(&error.kind.as_str()), || {
            format!("the type is {:?}, want one of {kinds:?}", error.kind)
        })?;
        ensure(says(error), || format!("the error is {error:?}"))
    })
}

fn unknown_key(pair: Pair) -> Step {
    let step = pair.step(&question()).credential(Credential::Wrong);
    match pair.client {
        Dialect::Messages => refused(step, &[401], &["authentication_error"], |_| true),
        // Google's own server says 400 with the reason API_KEY_INVALID.
        Dialect::Gemini => refused(
            step,
            &[400, 401, 403],
            &["INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED"],
            |_| true,
        ),
        _ => refused(
            step,
            &[401],
            &["invalid_request_error", "authentication_error"],
            |error| error.code.as_deref() == Some("invalid_api_key"),
        ),
    }
}

fn unknown_model(pair: Pair) -> Step {
    const NAME: &str = "no-such-model";
    let mut asked = question();
    NAME.clone_into(&mut asked.model);
    let step = pair.step(&asked);
    match pair.client {
        Dialect::Messages => refused(step, &[404], &["not_found_error"], |_| true),
        Dialect::Gemini => {
            let step = step.call(Call::GenerateAt(
                "/v1beta/models/no-such-model:generateContent",
            ));
            refused(step, &[404], &["NOT_FOUND"], |_| true)
        }
        _ => refused(
            step,
            &[400, 404],
            &["invalid_request_error", "not_found_error"],
            |error| error.code.as_deref() == Some("model_not_found"),
        ),
    }
}

fn no_json(pair: Pair) -> Step {
    let half = "{\"model\": \"__MODEL__\", \"messages\": [";
    let step = Step::text(pair.upstream, half.to_owned());
    match pair.client {
        Dialect::Gemini => refused(step, &[400], &["INVALID_ARGUMENT"], |_| true),
        _ => refused(step, &[400], &["invalid_request_error"], |_| true),
    }
}

fn secret(pair: Pair, credential: Credential) -> Step {
    let (answer, reply) = fine();
    let step = pair.step(&question()).credential(credential).reply(reply);
    same_answer(step, &answer).check(|seen| {
        ensure(!seen.leaks, || {
            "the client's key reached the upstream".to_owned()
        })
    })
}

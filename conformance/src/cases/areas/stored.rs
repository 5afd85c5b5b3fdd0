//! Responses that the upstream has stored: they are found where they were made, and refused where nothing is stored.

use http::Method;
use serde_json::{Value, json};

use crate::case::{Call, Case, Seen, Step};
use crate::dialect::Dialect;
use crate::node::{Verdict, ensure, same};
use crate::normal::{Answer, Part, Stop};
use crate::play::{self, MODEL};
use crate::upstream::{Reply, Say};

const ONE: &str = "/v1/responses/__ID__";
const ITEMS: &str = "/v1/responses/__ID__/input_items";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        native(
            "continue",
            "the id of a stored response reaches the upstream that made it",
            made().then(continued()),
        ),
        native(
            "get",
            "a stored response is fetched from the upstream that made it",
            made().then(fetched()),
        ),
        native("input-items", "so is its input", made().then(listed())),
        native(
            "delete",
            "a stored response is deleted at the upstream that made it",
            made().then(deleted()),
        ),
        native(
            "unknown",
            "an unknown id is refused, and named as the vendor names it",
            Made(vec![unknown()]),
        ),
        native(
            "get-unknown",
            "an unknown response is not found",
            Made(vec![not_found()]),
        ),
    ];
    for upstream in [Dialect::Chat, Dialect::Messages] {
        cases.push(translated(
            "refused",
            upstream,
            "without a store the id is refused, not ignored",
            refused(
                upstream,
                "previous_response_id",
                &json!("resp_67ccd2bed1ec8190b14f964abc054267"),
            ),
        ));
        cases.push(translated(
            "background",
            upstream,
            "without a store a response cannot be made in the background",
            refused(upstream, "background", &json!(true)),
        ));
    }
    cases
}

/// Steps of a case.
struct Made(Vec<Step>);

impl Made {
    fn then(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }
}

fn native(name: &str, about: &str, steps: Made) -> Case {
    case(name, Dialect::Responses, about, steps.0)
}

fn translated(name: &str, upstream: Dialect, about: &str, step: Step) -> Case {
    case(name, upstream, about, vec![step])
}

fn case(name: &str, upstream: Dialect, about: &str, steps: Vec<Step>) -> Case {
    Case {
        name: format!("stored-{name}/responses-to-{upstream}"),
        about: about.to_owned(),
        client: Dialect::Responses,
        route: upstream.into(),
        steps,
    }
}

fn answer() -> Answer {
    Answer::new(vec![Part::text("Stored.")], Stop::End)
}

fn body() -> Value {
    json!({"model": MODEL, "input": "Say hello.", "store": true})
}

/// The first request of most cases: a response that is stored.
fn made() -> Made {
    let step = Step::new(Dialect::Responses, &body()).reply(Reply::new(Say::Answer(answer())));
    Made(vec![step.check(|seen| {
        seen.answer()?;
        let store = &seen.request()?.body["store"];
        ensure(*store != json!(false), || {
            "the upstream was asked not to store".to_owned()
        })
    })])
}

fn continued() -> Step {
    let ask = |seen: &Seen| {
        let mut body = body();
        body["previous_response_id"] = json!(seen.id()?);
        Ok(body)
    };
    let step = Step::after(Dialect::Responses, ask).reply(Reply::new(Say::Answer(answer())));
    step.check(|seen| {
        seen.answer()?;
        let id = seen.request()?.body["previous_response_id"].as_str();
        ensure(id.is_some_and(is_upstreams), || {
            format!("the upstream received the id {id:?}")
        })
    })
}

/// An id as the scripted upstream makes them.
fn is_upstreams(id: &str) -> bool {
    id.starts_with("resp_conf-responses-")
}

/// The upstream received one request with this method, below the id that it had given.
fn reached(seen: &Seen, method: &str) -> Verdict<()> {
    let line = &seen.request()?.line;
    let prefix = format!("{method} ");
    let id = line.split("/responses/").last().unwrap_or_default();
    ensure(line.starts_with(&prefix) && is_upstreams(id), || {
        format!("the upstream received {line}")
    })
}

fn other(method: Method, path: &'static str, reply: Value) -> Step {
    Step::text(Dialect::Responses, String::new())
        .call(Call::Other(method, path))
        .reply(Reply::new(Say::Json(reply)))
}

fn fetched() -> Step {
    other(Method::GET, ONE, play::whole(Dialect::Responses, &answer())).check(|seen| {
        reached(seen, "GET")?;
        same("object", &seen.json()?["object"], &json!("response"))
    })
}

fn listed() -> Step {
    let item = json!({"id": "msg_conf", "type": "message", "role": "user", "status": "completed",
        "content": [{"type": "input_text", "text": "Say hello."}]});
    let list = json!({"object": "list", "data": [item], "first_id": "msg_conf",
        "last_id": "msg_conf", "has_more": false});
    other(Method::GET, ITEMS, list).check(|seen| {
        reached(seen, "GET")?;
        same("object", &seen.json()?["object"], &json!("list"))
    })
}

fn deleted() -> Step {
    let gone =
        json!({"id": format!("resp_{}", play::SCRIPT), "object": "response", "deleted": true});
    other(Method::DELETE, ONE, gone).check(|seen| {
        reached(seen, "DELETE")?;
        same("deleted", &seen.json()?["deleted"], &json!(true))
    })
}

fn unknown() -> Step {
    let mut body = body();
    body["previous_response_id"] = json!("resp_67ccd2bed1ec8190b14f964abc054267");
    let error = json!({"error": {
        "message": "Previous response with id 'resp_67ccd2bed1ec8190b14f964abc054267' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }});
    let step = Step::new(Dialect::Responses, &body).reply(Reply::error(400, error));
    step.check(|seen| {
        let (status, error) = seen.refused()?;
        ensure(matches!(status, 400 | 404), || {
            format!("the status is {status}")
        })?;
        same(
            "code",
            &error.code.as_deref(),
            &Some("previous_response_not_found"),
        )?;
        same(
            "param",
            &error.param.as_deref(),
            &Some("previous_response_id"),
        )
    })
}

fn not_found() -> Step {
    let path = "/v1/responses/resp_67ccd2bed1ec8190b14f964abc054267";
    other(Method::GET, path, json!({})).check(|seen| {
        let (status, error) = seen.refused()?;
        same("status", &status, &404)?;
        // A route that does not exist is no answer to the question.
        let names = error
            .message
            .contains("resp_67ccd2bed1ec8190b14f964abc054267");
        ensure(
            names && !error.message.contains("/v1/responses/resp_"),
            || format!("the message is {:?}", error.message),
        )
    })
}

fn refused(upstream: Dialect, field: &'static str, value: &Value) -> Step {
    let mut body = body();
    body[field] = value.clone();
    let step = Step::new(upstream, &body).reply(Reply::new(Say::Answer(answer())));
    step.check(move |seen| {
        let error = seen.refused_here(400, field)?;
        same("param", &error.param.as_deref(), &Some(field))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::ID;

    #[test]
    fn paths_leave_the_id_open() {
        assert!(ONE.contains(ID) && ITEMS.contains(ID));
    }
}

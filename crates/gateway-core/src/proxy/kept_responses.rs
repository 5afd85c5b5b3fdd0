//! Calls about a response that the gateway keeps: it is read, deleted, or its input is listed. Owns these answers, which
//! are those of OpenAI's API.

use std::borrow::Cow;
use std::rc::Rc;

use futures_util::FutureExt as _;
use http::StatusCode;
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::Gateway;
use super::context::ClientRequest;
use super::kept_conversation::unavailable;
use super::stored_path::{StoredAction, StoredCall};
use crate::config::snapshot::Snapshot;
use crate::database::DatabaseError;
use crate::error::{ErrorCode, GatewayError};
use crate::ledger::record::End;
use crate::ports::ProxyPorts;
use crate::reply::{self, Reply};
use crate::wire::members::{MemberEdit, Members, quoted};
use crate::wire::response_id;

/// Items of one page.
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// The answer to a call; `None`: the gateway keeps no such response.
pub async fn answer<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Snapshot,
    request: &ClientRequest<'_, P>,
    call: &StoredCall,
) -> Result<Option<Reply>, GatewayError> {
    if !response_id::is_kept(&call.id) {
        return Ok(None);
    }
    let (owner, id) = (&request.client.id, &call.id);
    let unavailable = |error: DatabaseError| unavailable(gateway, &error);
    let body = if call.action == StoredAction::Delete {
        let removed = gateway.kept.remove(owner, id).await;
        if !removed.map_err(unavailable)? {
            return Ok(None);
        }
        request.entry.asked("", false, 0);
        format!(
            r#"{{"id":{},"object":"response","deleted":true}}"#,
            quoted(id)
        )
    } else {
        let settings = &snapshot.settings;
        let found = gateway.kept.find(owner, id, 1, settings).boxed_local();
        let Some(found) = found.await.map_err(unavailable)? else {
            return Ok(None);
        };
        let turns = gateway.kept.read(owner, &found, settings).boxed_local();
        let Some(turn) = turns
            .await
            .map_err(unavailable)?
            .and_then(|mut it| it.pop())
        else {
            return Ok(None);
        };
        request.entry.asked(&turn.model, false, 0);
        let query = request.head.uri.query().unwrap_or_default();
        let Ok(content) = Members::parse(turn.content.as_bytes()) else {
            return Ok(None);
        };
        match call.action {
            StoredAction::Cancel => {
                return Err(ErrorCode::InvalidValue
                    .error("Only a response that was made with `background` can be cancelled."));
            }
            StoredAction::InputItems => {
                listed(content.raw("input").unwrap_or_default(), id, query)?
            }
            _ if parameter(query, "stream").is_some_and(|value| value == "true") => {
                return Err(ErrorCode::InvalidValue
                    .error(
                        "Only a response that was made with `background` can be read as a stream.",
                    )
                    .with_param("stream"));
            }
            _ => content.raw("response").unwrap_or_default().to_owned(),
        }
    };
    request.entry.refused(StatusCode::OK, End::Complete);
    Ok(Some(reply::json_bytes(StatusCode::OK, body.into())))
}

#[cold]
fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

/// A page of the items of an `input`, the newest first unless `order` says otherwise.
#[cold]
fn listed(input: &str, response: &str, query: &str) -> Result<String, GatewayError> {
    let invalid = |name: &'static str, message: &'static str| {
        ErrorCode::InvalidValue.error(message).with_param(name)
    };
    let limit = match parameter(query, "limit") {
        None => DEFAULT_LIMIT,
        Some(text) => { text.parse().ok() }
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| invalid("limit", "`limit` must be a number from 1 to 100."))?,
    };
    let items: Vec<&RawValue> = crate::wire::json::from_str(input).unwrap_or_default();
    let items = items.into_iter().enumerate();
    let mut items: Vec<(String, String)> = items
        .map(|(place, raw)| listed_item(raw.get(), response, place))
        .collect();
    match parameter(query, "order").as_deref() {
        None | Some("desc") => items.reverse(),
        Some("asc") => {}
        Some(_) => return Err(invalid("order", "`order` must be `asc` or `desc`.")),
    }
    let begin = match parameter(query, "after") {
        None => 0,
        Some(after) => {
            let place = items.iter().position(|(id, _)| *id == after);
            place.ok_or_else(|| invalid("after", "`after` is not an item of this response."))? + 1
        }
    };
    let page = items.get(begin..).unwrap_or_default();
    let has_more = page.len() > limit;
    let page = page.get(..limit).unwrap_or(page);
    let id = |item: Option<&(String, String)>| item.map_or("null".to_owned(), |(id, _)| quoted(id));
    let (first, last) = (id(page.first()), id(page.last()));
    let data: Vec<&str> = page.iter().map(|(_, item)| &**item).collect();
    let data = data.join(",");
    Ok(format!(
        r#"{{"object":"list","data":[{data}],"first_id":{first},"last_id":{last},"has_more":{has_more}}}"#
    ))
}

/// An item with its id, in the long form that the API lists: the client may have left out the type and the id of a
/// message, and written its content as a text.
#[cold]
fn listed_item(raw: &str, response: &str, place: usize) -> (String, String) {
    let made = || format!("msg_{}_in{place}", response.trim_start_matches("resp_"));
    let Ok(members) = Members::parse(raw.as_bytes()) else {
        return (made(), raw.to_owned());
    };
    let id = members.string("id").map_or_else(made, Cow::into_owned);
    let mut edits = vec![MemberEdit::Set("id", quoted(&id).into())];
    let kind = members.string("type").unwrap_or(Cow::Borrowed("message"));
    if kind == "message" {
        edits.push(MemberEdit::Set("type", quoted("message").into()));
        if let Some(text) = members.raw("content").filter(|raw| raw.starts_with('"')) {
            let part = match members.string("role").as_deref() {
                Some("assistant") => "output_text",
                _ => "input_text",
            };
            let content = format!(r#"[{{"type":"{part}","text":{text}}}]"#);
            edits.push(MemberEdit::Set("content", content.into()));
        }
    }
    let item = members.rewrite(&edits);
    let item = item.and_then(|item| String::from_utf8(item).ok());
    (id, item.unwrap_or_else(|| raw.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: &str = r#"[{"role":"user","content":"a"},{"type":"function_call_output","id":"fco_1","call_id":"c","output":"b"},
        {"role":"assistant","type":"message","content":"c"},{"role":"user","content":[{"type":"input_text","text":"d"}],"id":null}]"#;

    fn page(query: &str) -> serde_json::Value {
        serde_json::from_str(&listed(INPUT, "resp_gw_1", query).unwrap()).unwrap()
    }

    fn ids(page: &serde_json::Value) -> Vec<&str> {
        let items = page["data"].as_array().unwrap();
        items.iter().map(|it| it["id"].as_str().unwrap()).collect()
    }

    #[test]
    fn items_are_listed_by_page_in_the_order_that_is_requested() {
        let all = ["msg_gw_1_in0", "fco_1", "msg_gw_1_in2", "msg_gw_1_in3"];
        let newest: Vec<&str> = all.iter().rev().copied().collect();
        assert_eq!(ids(&page("")), newest);
        assert_eq!(ids(&page("order=asc")), all);
        let first = page("order=asc&limit=2");
        assert_eq!(ids(&first), all[..2]);
        assert_eq!(first["has_more"], true);
        assert_eq!(first["last_id"], "fco_1");
        let rest = page("order=asc&limit=2&after=fco_1");
        assert_eq!(ids(&rest), all[2..]);
        assert_eq!(rest["has_more"], false);
        let none = page("order=asc&after=msg_gw_1_in3");
        assert_eq!(
            (&none["first_id"], ids(&none).len()),
            (&serde_json::Value::Null, 0)
        );
        for wrong in ["limit=0", "limit=101", "limit=x", "order=up", "after=msg_9"] {
            let error = listed(INPUT, "resp_gw_1", wrong).unwrap_err();
            assert_eq!(error.status, StatusCode::BAD_REQUEST, "{wrong}");
            assert_eq!(error.body.param.as_deref(), wrong.split('=').next());
        }
    }

    #[test]
    fn messages_are_listed_in_their_long_form() {
        let page = page("order=asc");
        let item = |place: usize| &page["data"][place];
        assert_eq!(item(0)["type"], "message");
        assert_eq!(item(0)["content"][0]["type"], "input_text");
        assert_eq!(item(0)["content"][0]["text"], "a");
        assert_eq!(item(1)["output"], "b");
        assert_eq!(item(2)["content"][0]["type"], "output_text");
        assert_eq!(item(3)["content"][0]["text"], "d");
    }
}

//! Requests that continue a response which the gateway keeps: the conversation before it becomes a part of their `input`,
//! so that any channel can answer them. Owns the search for it, its limits and the new body.

use std::borrow::Cow;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::Gateway;
use super::body::{self, Received};
use super::context::ClientRequest;
use super::kept_turn::{self, Continued};
use super::response_origin::{CONTINUING, PREVIOUS, not_found};
use crate::config::snapshot::Snapshot;
use crate::database::DatabaseError;
use crate::error::{ErrorCode, GatewayError, printable};
use crate::ledger::kept_response::KeptContent;
use crate::ledger::kept_responses::{MAX_CONVERSATION_BYTES, MAX_TURNS};
use crate::memory::cost_of_request;
use crate::ports::ProxyPorts;
use crate::wire::members::{MemberEdit, Members};
use crate::wire::response_id;

/// Where the conversation is in memory at once: encrypted, in clear, and in the list of items.
const COPIES: usize = 4;

/// The request with the conversation that it continues; as it is when it continues none that the gateway keeps.
pub async fn expand<P: ProxyPorts>(
    gateway: &Rc<Gateway<P>>,
    snapshot: &Snapshot,
    request: &ClientRequest<'_, P>,
    body: Received,
) -> Result<(Received, Option<Continued>), GatewayError> {
    let settings = &snapshot.settings;
    let operation = request.call.operation;
    if !kept_turn::is_on(settings) || !CONTINUING.contains(&operation.path) {
        return Ok((body, None));
    }
    // What is wrong with a body is said where it is parsed for its model.
    let Ok(members) = Members::parse(&body.bytes) else {
        return Ok((body, None));
    };
    let id = members.string(PREVIOUS).map(Cow::into_owned);
    let is_clear = |id: &String| response_id::is_kept(id) && members.count(PREVIOUS) == 1;
    let Some(id) = id.filter(is_clear) else {
        return Ok((body, None));
    };
    let owner = &request.client.id;
    let unavailable = |error: DatabaseError| unavailable(gateway, &error);
    let found = { gateway.kept.find(owner, &id, MAX_TURNS, settings) }.boxed_local();
    let Some(found) = found.await.map_err(unavailable)? else {
        return Ok((body, None));
    };
    let limit = settings.max_request_bytes.saturating_sub(body.bytes.len());
    if found.is_too_long() || found.bytes() > limit {
        return Err(too_long(&id));
    }
    if found.is_broken() {
        return Err(broken(&id));
    }
    let most = COPIES * found.bytes() + cost_of_request(found.bytes() + body.bytes.len());
    let share = body::room(&gateway.ports, &gateway.memory, most).await?;
    let turns = gateway.kept.read(owner, &found, settings).boxed_local();
    let Some(turns) = turns.await.map_err(unavailable)? else {
        return Err(broken(&id));
    };
    let own = match members.raw("input") {
        Some(raw) => kept_turn::items(&body.bytes, raw),
        None => Bytes::from_static(b"[]"),
    };
    if !own.starts_with(b"[") {
        return Err(ErrorCode::InvalidValue
            .error("`input` must be a string or a list of items.")
            .with_param("input"));
    }
    let Some(whole) = joined(&turns, &own) else {
        return Err(broken(&id));
    };
    let edits = [
        MemberEdit::Set("input", whole.into()),
        MemberEdit::Remove(PREVIOUS),
    ];
    let whole = members.rewrite(&edits).unwrap_or_default();
    let continued = Continued {
        previous: id,
        input: own,
    };
    let memory = &gateway.memory;
    Ok((Received::made(whole.into(), memory, share), Some(continued)))
}

/// The list of all items; `None`: something that is kept is not what it should be.
#[cold]
fn joined(turns: &[KeptContent], own: &Bytes) -> Option<String> {
    let mut list = String::from("[");
    let mut add = |items: &str| {
        let items = items.strip_prefix('[')?.strip_suffix(']')?.trim();
        if !items.is_empty() && list.len() > 1 {
            list.push(',');
        }
        list.push_str(items);
        Some(())
    };
    for turn in turns {
        let content = Members::parse(turn.content.as_bytes()).ok()?;
        add(content.raw("input")?)?;
        let response = Members::parse(content.raw("response")?.as_bytes()).ok()?;
        add(response.raw("output")?)?;
    }
    let own = std::str::from_utf8(own).ok()?;
    add(own)?;
    list.push(']');
    Some(list)
}

/// The error for a database that does not answer.
#[cold]
pub fn unavailable<P: ProxyPorts>(gateway: &Gateway<P>, error: &DatabaseError) -> GatewayError {
    gateway
        .ports
        .line(format_args!("a kept response cannot be found: {error}"));
    ErrorCode::StoreUnavailable
        .error("The database with the kept responses does not answer; try again shortly.")
}

#[cold]
fn broken(id: &str) -> GatewayError {
    not_found(format!(
        "The response `{}` cannot be continued: an earlier response of its conversation is deleted, too old or cannot be \
         read. Send the whole conversation as `input`.",
        printable(id)
    ))
}

#[cold]
fn too_long(id: &str) -> GatewayError {
    ErrorCode::RequestTooLarge
        .error(format!(
            "The conversation up to the response `{}` is too long to be continued by its id: at most {MAX_TURNS} turns, \
             {MAX_CONVERSATION_BYTES} bytes, and with the request the limit of a request's body. Send what is needed of it \
             as `input`.",
            printable(id)
        ))
        .with_param(PREVIOUS)
}

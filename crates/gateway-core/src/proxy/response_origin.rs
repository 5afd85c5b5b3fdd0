//! Where stored responses were made. Owns which answers are recorded, and that a request which names a response goes to
//! the channel and key that made it, and to no other: nobody else has it.

use super::Gateway;
use super::attempt::Attempt;
use super::context::{ClientRequest, ResponseOwner};
use super::operation::Operation;
use super::payload::Payload;
use crate::attempt::plan::{Candidate, KeyOrder, Plan, PlannedChannel};
use crate::config::model::ClientKey;
use crate::config::snapshot::Snapshot;
use crate::error::{ErrorCode, GatewayError, printable};
use crate::ledger::response_record::ResponseRecord;
use crate::ports::ProxyPorts;
use crate::wire::response_id;
use crate::wire::sse::EventBlock;

/// The member that names the response before.
pub const PREVIOUS: &str = "previous_response_id";
/// Operations that take it.
pub const CONTINUING: [&str; 3] = ["responses", "responses/input_tokens", "responses/compact"];

/// Whose response is recorded, if the answer to this request is stored by its upstream.
pub fn owner(
    operation: Operation,
    payload: &Payload<'_>,
    client: &ClientKey,
    snapshot: &Snapshot,
) -> Option<ResponseOwner> {
    let Payload::Json(members) = payload else {
        return None;
    };
    let is_stored = members.raw("store") != Some("false");
    (operation.path == "responses" && is_stored && snapshot.settings.ledger).then(|| {
        ResponseOwner {
            key: client.id.clone(),
            wants_background: members.raw("background") == Some("true"),
        }
    })
}

/// Records where the response `whole` comes from.
pub fn note_whole<P: ProxyPorts>(attempt: &Attempt<'_, P>, whole: &[u8]) {
    if !is_recorded(attempt) {
        return;
    }
    let Some(id) = response_id::of_body(whole) else {
        return;
    };
    let status = response_id::status(whole);
    let is_unsettled = matches!(status.as_deref(), Some("queued" | "in_progress"));
    if is_unsettled {
        attempt.context.entry.set_free(true);
    }
    note(attempt, id, is_unsettled);
}

/// Records where the response comes from whose stream begins with `blocks`.
pub fn note_events<P: ProxyPorts>(attempt: &Attempt<'_, P>, blocks: &[EventBlock]) {
    if !is_recorded(attempt) {
        return;
    }
    let mut events = blocks.iter().flat_map(EventBlock::events);
    let found = events.find_map(|event| Some((event, response_id::of_event(event)?)));
    let Some((event, id)) = found else {
        return;
    };
    let asked = attempt.context.response_owner.as_ref();
    let is_background =
        asked.is_some_and(|owner| owner.wants_background) && response_id::is_in_background(event);
    let record = note(attempt, id, is_background);
    if is_background {
        // A client that leaves gets the rest later, with another request.
        attempt.context.entry.set_free(true);
        attempt.context.followed.replace(Some(record));
    }
}

fn is_recorded<P: ProxyPorts>(attempt: &Attempt<'_, P>) -> bool {
    attempt.context.response_owner.is_some() && !attempt.translation.is_between_dialects()
}

fn note<P: ProxyPorts>(attempt: &Attempt<'_, P>, id: String, is_unsettled: bool) -> ResponseRecord {
    let context = attempt.context;
    let owner = context.response_owner.as_ref();
    let record = ResponseRecord {
        owner: owner.map(|owner| owner.key.clone()).unwrap_or_default(),
        id,
        channel: attempt.channel.id.clone(),
        upstream_key: attempt.key.id.clone(),
        model: context.model.clone(),
        time: context.ports().now(),
        is_unsettled,
    };
    let settings = &context.snapshot.settings;
    context.gateway.responses.record(record.clone(), settings);
    record
}

/// The record of a response that this client made; `None`: there is none.
pub async fn find<P: ProxyPorts>(
    gateway: &Gateway<P>,
    snapshot: &Snapshot,
    client: &ClientKey,
    id: &str,
) -> Result<Option<ResponseRecord>, GatewayError> {
    // Boxed: few requests need it, and all would be larger by it.
    let found = Box::pin(gateway.responses.find(&client.id, id, &snapshot.settings));
    found.await.map_err(|error| {
        gateway
            .ports
            .line(format_args!("a stored response cannot be found: {error}"));
        ErrorCode::StoreUnavailable
            .error("The database that says where the response is stored does not answer; try again shortly.")
    })
}

/// The only candidate for what concerns this response; `None`: its channel or key is removed or disabled.
pub fn candidate(snapshot: &Snapshot, record: &ResponseRecord) -> Option<Candidate> {
    let (index, channel) = snapshot.channel_with_id(&record.channel)?;
    let mut keys = channel.keys.iter();
    let key = keys.position(|key| key.id == record.upstream_key)?;
    let models = snapshot.chain(&record.model).iter();
    let place = { models }.position(|model| snapshot.serving(model).any(|it| it == index));
    channel.enabled.then_some(Candidate {
        model: place.unwrap_or_default(),
        channel: index,
        key,
    })
}

/// The plan of a request that continues a stored response; `None`: it continues none. `chain`: the models that are tried.
pub async fn plan<P: ProxyPorts>(
    gateway: &Gateway<P>,
    snapshot: &Snapshot,
    request: &ClientRequest<'_, P>,
    payload: &Payload<'_>,
    chain: &[String],
) -> Result<Option<Plan>, GatewayError> {
    let Some(id) = previous(request.call.operation, payload)? else {
        return Ok(None);
    };
    let shown = printable(&id);
    if !snapshot.settings.ledger {
        return Err(not_found(format!(
            "The response `{shown}` cannot be continued: the gateway does not record where responses are stored (its setting \
             `ledger` is off). Send the whole conversation as `input`."
        )));
    }
    let Some(record) = find(gateway, snapshot, request.client, &id).await? else {
        return Err(not_found(format!(
            "Previous response with id `{shown}` not found. It was not made through this gateway with this API key, was not \
             stored, or is deleted or too old. Send the whole conversation as `input`."
        )));
    };
    let Some(candidate) = candidate(snapshot, &record) else {
        return Err(not_found(format!(
            "The response `{shown}` cannot be continued: the channel or the upstream key that made it is removed or disabled. \
             Send the whole conversation as `input`."
        )));
    };
    let serves = |model: &String| {
        snapshot
            .serving(model)
            .any(|index| index == candidate.channel)
    };
    let Some(place) = chain.iter().position(serves) else {
        let model = chain.first().map_or("", String::as_str);
        return Err(ErrorCode::InvalidValue
            .error(format!(
                "The response `{shown}` is stored by an upstream that does not serve the model `{}`. Continue it with a \
                 model of that upstream, such as `{}`, or send the whole conversation as `input`.",
                printable(model),
                record.model
            ))
            .with_param("model"));
    };
    let turn = PlannedChannel {
        model: place,
        channel: candidate.channel,
        keys: KeyOrder::Fixed(vec![candidate.key]),
    };
    Ok(Some(Plan::new([turn], snapshot.settings.max_attempts)))
}

/// The id of the response that a request continues.
fn previous(operation: Operation, payload: &Payload<'_>) -> Result<Option<String>, GatewayError> {
    let Payload::Json(members) = payload else {
        return Ok(None);
    };
    if !CONTINUING.contains(&operation.path) || !payload.has(PREVIOUS) {
        return Ok(None);
    }
    match members.string(PREVIOUS) {
        Some(id) => Ok(Some(id.into_owned())),
        None => Err(ErrorCode::InvalidValue
            .error("`previous_response_id` must be a string.")
            .with_param(PREVIOUS)),
    }
}

/// The error for a response that cannot be continued.
pub fn not_found(message: String) -> GatewayError {
    ErrorCode::PreviousResponseNotFound
        .error(message)
        .with_param(PREVIOUS)
}

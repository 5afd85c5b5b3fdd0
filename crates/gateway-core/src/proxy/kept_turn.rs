//! Which responses the gateway keeps: those that it translates for a client that wants them stored, if the settings allow
//! it. Owns the turn from its request to the end of its answer; how it is written is the ledger's.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use super::Gateway;
use super::operation::Operation;
use super::payload::Payload;
use crate::config::model::{ClientKey, Settings};
use crate::dialect::answer::KeepResponse;
use crate::ledger::kept_response::KeptTurn;
use crate::ledger::kept_responses::MAX_TURN_BYTES;
use crate::memory::{FREE_BYTES, Share};
use crate::ports::ProxyPorts;
use crate::wire::members::quoted;
use crate::wire::response_id;

/// The response that a request continues, if the gateway keeps it.
pub struct Continued {
    /// Its id.
    pub previous: String,
    /// The client's own input: that in the body has the conversation before it.
    pub input: Bytes,
}

/// A request as a turn of a conversation.
#[derive(Default)]
pub struct RequestTurn {
    /// The id of the response that it continues, if the gateway keeps it.
    pub previous: Option<String>,
    /// What is kept if the response is translated.
    pub draft: Option<Rc<Draft>>,
}

/// A turn that is kept once its response is whole.
pub struct Draft {
    /// The client key's id.
    owner: String,
    input: Bytes,
    /// The memory for it, and the response.
    kept: RefCell<(Share, Option<Bytes>)>,
}

/// Whether the gateway keeps responses.
pub const fn is_on(settings: &Settings) -> bool {
    settings.responses_store && settings.ledger
}

impl RequestTurn {
    /// The turn that a request is. `body`: as it is sent to upstreams.
    pub fn of<P: ProxyPorts>(
        gateway: &Gateway<P>,
        settings: &Settings,
        (client, operation): (&ClientKey, Operation),
        payload: &Payload<'_>,
        body: &Bytes,
        continued: Option<Continued>,
    ) -> Self {
        let (previous, own_input) = continued.map(|it| (it.previous, it.input)).unzip();
        let Payload::Json(members) = payload else {
            return Self::default();
        };
        let wants = operation.path == "responses"
            && members.raw("store") != Some("false")
            && is_on(settings)
            && gateway.kept.has_room();
        let input = || own_input.or_else(|| Some(items(body, members.raw("input")?)));
        let input = { wants.then(input).flatten() }.filter(|it| it.len() < MAX_TURN_BYTES);
        let draft = input.map(|input| {
            Rc::new(Draft {
                owner: client.id.clone(),
                input,
                kept: RefCell::new((gateway.memory.share(), None)),
            })
        });
        Self { previous, draft }
    }

    /// What keeps the response.
    pub fn keeper(&self) -> Option<Rc<dyn KeepResponse>> {
        let draft = self.draft.clone()?;
        Some(draft)
    }

    /// Keeps the response that the client has got whole.
    pub fn record<P: ProxyPorts>(&self, gateway: &Gateway<P>, request_id: &str, model: &str) {
        let Some(draft) = &self.draft else {
            return;
        };
        let empty = (gateway.memory.share(), None);
        let (share, Some(response)) = draft.kept.replace(empty) else {
            return;
        };
        gateway.kept.record(KeptTurn {
            owner: draft.owner.clone(),
            id: response_id::of_kept(request_id),
            previous: self.previous.clone().unwrap_or_default(),
            model: model.to_owned(),
            time: gateway.ports.now(),
            input: draft.input.clone(),
            response,
            share,
        });
    }
}

impl KeepResponse for Draft {
    fn keep(&self, response: &[u8]) -> bool {
        let bytes = self.input.len() + response.len();
        let mut kept = self.kept.borrow_mut();
        // Input and response, both in one text, and that encrypted.
        let cost = if bytes > FREE_BYTES { 4 * bytes } else { 0 };
        if bytes > MAX_TURN_BYTES || kept.0.resize(cost).is_err() {
            return false;
        }
        kept.1 = Some(Bytes::copy_from_slice(response));
        true
    }
}

/// The `input` of a request as a list of items. `raw` is a part of `body`.
pub fn items(body: &Bytes, raw: &str) -> Bytes {
    if raw.starts_with('"') {
        let (role, content) = (quoted("user"), raw);
        let item = format!(r#"[{{"type":"message","role":{role},"content":{content}}}]"#);
        return Bytes::from(item);
    }
    if raw.len() <= FREE_BYTES {
        return Bytes::copy_from_slice(raw.as_bytes());
    }
    // The body's memory stays counted with it.
    body.slice_ref(raw.as_bytes())
}

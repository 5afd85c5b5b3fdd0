//! One client request inside the gateway: as received, and the state that all its attempts share. Data only.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::request::Parts;

use super::Gateway;
use super::body::Received;
use super::kept_turn::RequestTurn;
use super::limit_check::LimitCheck;
use super::model::RequestedModel;
use super::operation::{Operation, RoutedCall};
use super::payload::Payload;
use crate::attempt::plan::Candidate;
use crate::config::model::ClientKey;
use crate::config::snapshot::{Channel, Snapshot};
use crate::error::ErrorStyle;
use crate::ledger::entry::Entry;
use crate::ledger::response_record::ResponseRecord;
use crate::ports::ProxyPorts;
use crate::route::Balance;
use crate::units::Timestamp;

/// A request whose client and operation are known; its body is not read yet.
pub struct ClientRequest<'a, P: ProxyPorts> {
    /// What is requested.
    pub call: &'a RoutedCall,
    /// Headers and URI.
    pub head: &'a Parts,
    /// The client's key.
    pub client: &'a ClientKey,
    /// The request's id, for the log.
    pub request_id: &'a str,
    /// Its record in the ledger.
    pub entry: &'a Rc<Entry<P>>,
    /// The check of the client key's limits.
    pub limits: &'a LimitCheck<'a, P>,
}

/// What a client sent, as attempts need it.
pub struct Sent<'a> {
    /// Headers and URI.
    pub head: &'a Parts,
    /// The body.
    pub body: &'a Received,
    /// The parsed body.
    pub payload: &'a Payload<'a>,
    /// The model that it names, or that was chosen for it.
    pub model: &'a RequestedModel<'a>,
}

/// The client whose response is recorded.
pub struct ResponseOwner {
    /// The id of its key.
    pub key: String,
    /// Whether the response is to be made in the background.
    pub wants_background: bool,
}

/// What decides which channel of a priority comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The priority's own rule: weight or load.
    Balance,
    /// The session that the request names.
    Session,
    /// The stored response that it continues.
    StoredResponse,
}

impl ChosenBy {
    /// Its name in answers and in the log; `None` where the priority shares requests by weight.
    pub fn rule(self, channel: &Channel) -> Option<&'static str> {
        (channel.balance == Balance::LeastBusy).then_some(match self {
            Self::Balance => "least_busy",
            Self::Session => "session",
            Self::StoredResponse => "stored_response",
        })
    }
}

/// The state that lives until the last byte of the answer is sent.
pub struct RequestContext<P: ProxyPorts> {
    /// The instance.
    pub gateway: Rc<Gateway<P>>,
    /// The configuration that the request began with.
    pub snapshot: Rc<Snapshot>,
    /// What is requested.
    pub operation: Operation,
    /// The request's id, for the log.
    pub request_id: String,
    /// Its record in the ledger.
    pub entry: Rc<Entry<P>>,
    /// The model, by the client's name.
    pub model: String,
    /// What has decided which channel of a priority comes first.
    pub chosen_by: ChosenBy,
    /// When the request was read.
    pub received: Timestamp,
    /// When its time to the first byte is over.
    pub deadline: Timestamp,
    /// Whether the client requests a stream.
    pub wants_stream: bool,
    /// Whether it requests the stream's usage, in a separate chunk.
    pub wants_usage: bool,
    /// Whether thinking is left out of the request, since an upstream has rejected a signature of it.
    pub leaves_out_thinking: Cell<bool>,
    /// Whether it takes a stream as one JSON list instead of events, as Gemini's clients can.
    pub wants_list: bool,
    /// Whose response this is, if it is recorded where the response is stored.
    pub response_owner: Option<ResponseOwner>,
    /// What the request has to do with responses that the gateway keeps.
    pub turn: RequestTurn,
    /// The response that is made in the background, while its client follows it: its usage is this request's if the
    /// stream comes to its end.
    pub followed: RefCell<Option<ResponseRecord>>,
}

impl<P: ProxyPorts> RequestContext<P> {
    /// The host.
    pub fn ports(&self) -> &P {
        &self.gateway.ports
    }

    /// The client has got a whole answer, which may be kept.
    pub fn keep_response(&self) {
        let Self {
            gateway,
            request_id,
            model,
            ..
        } = self;
        self.turn.record(gateway, request_id, model);
    }

    /// The content type of streams.
    pub const fn stream_type(&self) -> &'static str {
        if self.wants_list {
            "application/json"
        } else {
            "text/event-stream"
        }
    }

    /// Whether comments may be sent in a stream. Gemini's SDKs read lines of data only.
    pub fn takes_comments(&self) -> bool {
        self.operation.errors != ErrorStyle::Gemini
    }

    /// The models that are tried, in order: those of an alias, else the one that the client names.
    pub fn chain(&self) -> &[String] {
        self.snapshot.chain(&self.model)
    }

    /// The model that a candidate is for.
    pub fn model_of(&self, candidate: Candidate) -> &str {
        let model = self.chain().get(candidate.model);
        model.unwrap_or(&self.model)
    }

    /// The shape of errors.
    pub const fn errors(&self) -> ErrorStyle {
        self.operation.errors
    }
}

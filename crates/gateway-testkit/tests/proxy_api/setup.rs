//! A gateway on fakes with channels and one key, and requests to it.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, ClientKey, Document, StoredSecret, UpstreamKey};
use gateway_core::ports::StoreKey;
use gateway_core::proxy::{self, Gateway};
use gateway_core::reply;
use gateway_core::secret::Secret;
use gateway_core::units::Timestamp;
use gateway_core::upstream::provider::{Azure, Provider};
use gateway_testkit::fakes::{self, FakePorts, FakeReply, Recorded, block_on, read_body};
use http_body_util::Full;
use serde_json::Value;

/// The client key that every test uses.
pub const KEY: &str = "sk-test-client";

/// A gateway and its fake surroundings.
pub struct Stage {
    pub ports: FakePorts,
    pub gateway: Rc<Gateway<FakePorts>>,
}

/// A whole response.
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
    pub is_broken: bool,
}

/// A channel at `https://NAME.example/v1` with keys `NAME-1`, `NAME-2`, …, which serves every model.
pub fn channel(name: &str, keys: usize) -> ChannelConfig {
    let key = |number: usize| UpstreamKey {
        id: format!("uk_{name}{number}"),
        secret: StoredSecret::Clear(Secret::new(format!("{name}-{number}"))),
        hint: "…".to_owned(),
        enabled: true,
    };
    ChannelConfig {
        id: format!("ch_{name}"),
        name: name.to_owned(),
        base_url: format!("https://{name}.example/v1"),
        keys: (1..=keys).map(key).collect(),
        idle_timeout_ms: 30_000,
        ..ChannelConfig::blank(Timestamp(1_700_000_000_000))
    }
}

pub fn azure(version: Option<&str>) -> ChannelConfig {
    let deployments = BTreeMap::from([("gpt-4.1".to_owned(), "prod".to_owned())]);
    ChannelConfig {
        provider: Provider::Azure,
        base_url: "https://azure.example".to_owned(),
        azure: Some(Azure {
            api_version: version.map(str::to_owned),
            deployments,
        }),
        ..channel("azure", 1)
    }
}

pub fn client_key() -> ClientKey {
    fakes::client_key(KEY)
}

impl Stage {
    pub fn new(channels: Vec<ChannelConfig>) -> Self {
        Self::with(&Document {
            channels,
            keys: vec![client_key()],
            ..Document::default()
        })
    }

    /// Without a ledger, whose writing moves the fakes' clock.
    pub fn with(document: &Document) -> Self {
        let mut document = document.clone();
        document.settings.ledger = false;
        Self::with_ledger(&document)
    }

    /// As the document says, which has a ledger unless it says otherwise.
    pub fn with_ledger(document: &Document) -> Self {
        let ports = FakePorts::default();
        ports
            .store()
            .put(StoreKey::Config, serde_json::to_vec(document).unwrap());
        let gateway = Rc::new(Gateway::new(ports.clone(), Ok(None)));
        Self { ports, gateway }
    }

    /// Another instance of the same application: it shares the store and the upstreams, and knows nothing yet.
    pub fn another_instance(&self) -> Self {
        Self {
            ports: self.ports.clone(),
            gateway: Rc::new(Gateway::new(self.ports.clone(), Ok(None))),
        }
    }

    /// A chat in an instance that lives for this request only, with the work that goes on after it.
    pub fn chat_alone(&self, body: &str) -> Answer {
        let answer = self.another_instance().chat(body);
        self.ports.run_background();
        answer
    }

    /// What every upstream answers from now on, by what it is sent.
    pub fn upstream(&self, script: impl FnMut(&Recorded) -> FakeReply + 'static) {
        self.ports.upstream().script(script);
    }

    /// Hosts and credentials of the calls so far, in order.
    pub fn calls(&self) -> Vec<String> {
        let name = |call: &Recorded| {
            let bearer = call
                .head
                .headers
                .get("authorization")
                .or_else(|| call.head.headers.get("api-key"));
            let text = bearer.map_or("none", |value| value.to_str().unwrap());
            text.trim_start_matches("Bearer ").to_owned()
        };
        self.ports.upstream().requests().iter().map(name).collect()
    }

    pub fn send(&self, request: http::Request<Bytes>) -> Answer {
        let is_head = request.method() == http::Method::HEAD;
        let reply = block_on(proxy::handle(&self.gateway, request.map(Full::new)));
        let reply = reply::finish(reply, is_head);
        let (parts, body) = reply.into_parts();
        let whole = block_on(read_body(http::Response::new(body)));
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            is_broken: whole.is_err(),
            body: whole.unwrap_or_default(),
        }
    }

    pub fn chat(&self, body: &str) -> Answer {
        self.send(post("/v1/chat/completions", body))
    }
}

pub fn post(path: &str, body: &str) -> http::Request<Bytes> {
    http::Request::post(path)
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

pub fn get(path: &str) -> http::Request<Bytes> {
    http::Request::get(path)
        .header("authorization", format!("Bearer {KEY}"))
        .body(Bytes::new())
        .unwrap()
}

/// The credential's owner, such as `a` of `a-1`, by host.
pub fn host(call: &Recorded) -> &str {
    call.head.uri.host().unwrap().trim_end_matches(".example")
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and code of an error, after a check that all four members are there.
    pub fn error(&self) -> (u16, String) {
        let error = self.json()["error"].clone();
        for member in ["message", "type", "param", "code"] {
            assert!(
                error.get(member).is_some(),
                "{member} is missing in {error}"
            );
        }
        assert!(!error["message"].as_str().unwrap().is_empty());
        (
            self.status,
            error["code"].as_str().unwrap_or("null").to_owned(),
        )
    }
}

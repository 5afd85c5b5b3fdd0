//! Instances of a gateway with channels of one priority, and requests that run beside each other.

use std::rc::Rc;

use bytes::Bytes;
use gateway_core::config::model::{ChannelConfig, Document, Settings};
use gateway_core::ports::StoreKey;
use gateway_core::proxy::{self, Gateway};
use gateway_core::route::Balance;
use gateway_core::units::Timestamp;
use gateway_testkit::fakes::{client_key, read_body};
use gateway_testkit::sim::{Sim, SimPorts, SimReply, Task};
use http_body_util::Full;

const KEY: &str = "sk-test-client";

/// A world with some instances.
pub struct Stage {
    pub sim: Sim,
    pub instances: Vec<Rc<Gateway<SimPorts>>>,
}

/// What a client got.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Milliseconds from the request to the head.
    pub after_ms: u64,
    /// Empty: no channel was called.
    pub channel: String,
    /// The header that says what has chosen the channel.
    pub rule: Option<String>,
}

/// How a client asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asking {
    pub is_stream: bool,
    pub session: Option<&'static str>,
    /// After so many milliseconds the client leaves.
    pub patience_ms: Option<u64>,
}

/// A channel at `https://NAME.example/v1` without keys, for every model.
pub fn channel(name: &str) -> ChannelConfig {
    ChannelConfig {
        id: format!("ch_{name}"),
        name: name.to_owned(),
        base_url: format!("https://{name}.example/v1"),
        stream_usage: false,
        ..ChannelConfig::blank(Timestamp(0))
    }
}

/// A world with as many instances and these channels, in priorities that share their requests as `balance` says.
pub fn stage(instances: usize, channels: Vec<ChannelConfig>, balance: Balance) -> Stage {
    let settings = Settings {
        balance,
        // Its writer would be one more thing that sleeps.
        ledger: false,
        ..Settings::default()
    };
    stage_with(instances, channels, settings)
}

pub fn stage_with(instances: usize, channels: Vec<ChannelConfig>, settings: Settings) -> Stage {
    let client = client_key(KEY);
    let document = Document {
        channels,
        keys: vec![client],
        settings,
        ..Document::default()
    };
    let sim = Sim::seeded(1);
    sim.store()
        .put(StoreKey::Config, serde_json::to_vec(&document).unwrap());
    let instances = (0..instances)
        .map(|number| Rc::new(Gateway::new(sim.instance(number), Ok(None))))
        .collect();
    Stage { sim, instances }
}

impl Stage {
    /// A request that goes on beside others, to its last byte or until its client leaves.
    pub fn start(&self, instance: usize, asking: Asking) -> Task<Option<Answer>> {
        let gateway = Rc::clone(&self.instances[instance]);
        let executor = self.sim.executor().clone();
        self.sim.executor().spawn(async move {
            let began = executor.now();
            let answering = async {
                let reply = proxy::handle(&gateway, message(asking)).await;
                let header = |name: &str| {
                    let value = reply.headers().get(name)?;
                    Some(value.to_str().unwrap().to_owned())
                };
                let answer = Answer {
                    status: reply.status().as_u16(),
                    after_ms: executor.now().since_ms(began),
                    channel: header("x-gateway-channel").unwrap_or_default(),
                    rule: header("x-gateway-balance"),
                };
                // A stream that breaks ends the body as well.
                let _ = read_body(reply).await;
                Some(answer)
            };
            let leaving = async {
                match asking.patience_ms {
                    Some(patience_ms) => executor.sleep_ms(patience_ms).await,
                    None => std::future::pending().await,
                }
                None
            };
            futures_util::future::select(std::pin::pin!(answering), std::pin::pin!(leaving))
                .await
                .factor_first()
                .0
        })
    }

    /// A request to the first instance, to its end.
    pub fn ask(&self, asking: Asking) -> Answer {
        let task = self.start(0, asking);
        self.sim.executor().block_on(task).unwrap()
    }

    /// Lets so much time go by, with everything that is under way.
    pub fn wait_ms(&self, milliseconds: u64) {
        let executor = self.sim.executor();
        executor.block_on(executor.sleep_ms(milliseconds));
    }

    /// The channels of all calls so far, in the order of their beginnings.
    pub fn hosts(&self) -> Vec<String> {
        let calls = self.sim.upstream().calls();
        calls.into_iter().map(|call| call.host).collect()
    }
}

fn message(asking: Asking) -> http::Request<Full<Bytes>> {
    let body = if asking.is_stream {
        r#"{"model":"m","stream":true}"#
    } else {
        r#"{"model":"m"}"#
    };
    let mut request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {KEY}"))
        .header("content-type", "application/json");
    if let Some(session) = asking.session {
        request = request.header("x-session-id", session);
    }
    request.body(Full::from(body)).unwrap()
}

/// A good answer after so many milliseconds.
pub fn good(after_ms: u64) -> SimReply {
    SimReply::json(200, r#"{"choices":[{"finish_reason":"stop"}]}"#).thinking(after_ms)
}

/// A stream whose first event comes after so many milliseconds and whose end after so many more.
pub fn stream(first_ms: u64, rest_ms: u64) -> SimReply {
    let content = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let pieces = [
        (first_ms, Bytes::from_static(content.as_bytes())),
        (rest_ms, Bytes::from_static(end.as_bytes())),
    ];
    SimReply::pieces(200, "text/event-stream", pieces)
}
